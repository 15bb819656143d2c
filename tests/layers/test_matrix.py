"""Every layer and argument, at -O0 and -O2, with and without in-place kernels and early frees.

The planned `rt` module runs in NumPy on poisoned memory, beside the Keras model in TensorFlow; all
of a package's layers together run as crates. Floats agree within 1e-5 of the largest magnitude of
an output, or of each number where the edges of a function are looked at; integers exactly. Weights
are random in every variable.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crates import needs_cargo, succeed
from layer_cases import FAMILIES, Case, Spec
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tfrc.backend_rust import CrateOptions, Features, emit_crate
from tfrc.compiler.context import context
from tfrc.compiler.driver import CompileOptions, pipeline
from tfrc.compiler.frontend import SignatureInfo, load
from tfrc.compiler.pass_manager import PassManager
from tfrc.ir import rt_reference
from tfrc.ir.weights import CompilerContext

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # in Keras
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning"),
    pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning"),  # of infinities, in NumPy
    pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning"),
]

Array = NDArray[Any]
BATCH = 2
TOLERANCE = 1e-5
EDGES = (0.0, -0.0, np.nan, np.inf, -np.inf, 100.0, -100.0, 1.0, -1.0, 0.7, 6.0, 1e-30, 1.5, -3.0)

PLANNING = ("in-place", "free-early", "plan-arena")
"""The passes that plan memory; what stands before them does not depend on the flags."""


@dataclass(frozen=True)
class Model:
    """A case in TensorFlow, with what it makes of its inputs."""

    case: Case
    keras: Any
    inputs: list[Array]
    outputs: list[Array]


def keras_model(k: Any, case: Case) -> Any:
    """The model of a case, with a random value in every variable."""
    inputs = [k.Input(spec.shape, dtype=spec.dtype) for spec in case.inputs]
    outputs = case.build(*inputs)
    model = k.Model(inputs if len(inputs) > 1 else inputs[0], outputs)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if "float" in str(variable.dtype):
            shape = tuple(variable.shape)
            positive = "variance" in variable.name
            value = rng.uniform(0.5, 1.5, shape) if positive else rng.normal(size=shape)
            variable.assign(value.astype(np.float32))
    return model


def draw(spec: Spec, rng: np.random.Generator) -> Array:
    """A batch of an input."""
    shape = (BATCH, *spec.shape)
    if spec.below is not None:
        return rng.integers(0, spec.below, shape).astype(spec.dtype)
    array = rng.normal(size=shape).astype(spec.dtype)
    if spec.edges:
        array.reshape(-1)[: len(EDGES)] = EDGES
    return array


def models_of(package: str, families: Sequence[str]) -> dict[str, Model]:
    """All models of some families, by the name of their signature."""
    k = importlib.import_module(package)
    rng = np.random.default_rng(1)
    models: dict[str, Model] = {}
    for family in families:
        for i, case in enumerate(FAMILIES[family](k)):
            model = keras_model(k, case)
            inputs = [draw(spec, rng) for spec in case.inputs]
            results = model(inputs if len(inputs) > 1 else inputs[0], training=False)
            several = results if isinstance(results, list | tuple) else [results]
            outputs = [np.asarray(result) for result in several]
            models[f"{family}_{i}"] = Model(case, model, inputs, outputs)
    return models


def planned(
    models: Mapping[str, Model], level: int
) -> tuple[dict[tuple[bool, bool], ModuleOp], CompilerContext, Mapping[str, SignatureInfo]]:
    """All models as a planned module, for each choice of the two flags."""
    imported = load({name: model.keras for name, model in models.items()})
    assert imported.warnings == []
    passes = pipeline(CompileOptions(level=level))
    ctx = context(imported.weights)
    PassManager([p for p in passes if p.name not in PLANNING], []).run(ctx, imported.module)
    modules: dict[tuple[bool, bool], ModuleOp] = {}
    for inplace, memdrop in product([True, False], repeat=2):
        chosen = pipeline(CompileOptions(level=level, inplace=inplace, memdrop=memdrop))
        module = imported.module.clone()
        PassManager([p for p in chosen if p.name in PLANNING], []).run(ctx, module)
        modules[inplace, memdrop] = module
    return modules, ctx, imported.signatures


def fault(case: Case, actual: Array, expected: Array) -> str | None:
    """What is wrong with an output; None if nothing is."""
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        return f"{actual.dtype} {actual.shape}, not {expected.dtype} {expected.shape}"
    if expected.dtype.kind != "f":
        return None if np.array_equal(actual, expected) else "other integers"
    if any(spec.edges for spec in case.inputs):
        close = np.isclose(actual, expected, rtol=TOLERANCE, atol=1e-6, equal_nan=True)
    else:
        largest = float(np.abs(expected).max(initial=0))
        close = np.isclose(actual, expected, rtol=0, atol=TOLERANCE * largest, equal_nan=True)
    if close.all():
        return None
    at = tuple(np.argwhere(~close)[0])
    return f"{actual[at]} at {at}, TensorFlow has {expected[at]}"


@pytest.mark.parametrize("package", ["keras", "tf_keras"])
@pytest.mark.parametrize("family", FAMILIES)
def test_layers(family: str, package: str) -> None:
    models = models_of(package, [family])
    faults: list[str] = []
    for level in (0, 2):
        modules, ctx, _ = planned(models, level)
        for flags, module in modules.items():
            functions = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)}
            for name, model in models.items():
                outputs = rt_reference.run(functions[name], model.inputs, ctx.weights, arena=True)
                for actual, expected in zip(outputs, model.outputs, strict=True):
                    wrong = fault(model.case, actual, expected)
                    if wrong is not None:
                        faults.append(f"{model.case.name} at -O{level} {flags}: {wrong}")
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@needs_cargo
@pytest.mark.parametrize(
    ("package", "level", "flags"), [("keras", 2, (True, True)), ("tf_keras", 0, (False, False))]
)
def test_crates(package: str, level: int, flags: tuple[bool, bool], tmp_path: Path) -> None:
    """All layers in one crate, a signature for each; its own test compares the outputs."""
    models = models_of(package, list(FAMILIES))
    modules, ctx, signatures = planned(models, level)
    features = {
        name: Features(
            dict(zip(signatures[name].inputs, model.inputs, strict=True)),
            dict(zip(signatures[name].outputs, model.outputs, strict=True)),
        )
        for name, model in models.items()
    }
    crate = tmp_path / f"layers-{package.replace('_', '-')}"
    crate.mkdir()
    options = CrateOptions(name=crate.name, runtime="path")
    emit_crate(modules[flags], ctx.weights, options, crate, features)
    # Optimised code for hundreds of signatures would take minutes to build.
    slow = {"CARGO_PROFILE_DEV_OPT_LEVEL": "0"}
    out = succeed(crate, "test", "--quiet", "--test", "predictions", **slow)
    assert f"{len(models)} passed" in out
