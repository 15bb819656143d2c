"""`agrees`: signatures that write variables give TensorFlow's outputs and variables each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from tfrc.compiler.context import context
from tfrc.compiler.frontend import Imported, ImportOptions, TensorInfo, load
from tfrc.compiler.module import argument_names, functions, result_names
from tfrc.compiler.pass_manager import PassManager, parse_passes
from tfrc.ir import nn, reference, rt, rt_reference
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.weights import CompilerContext
from tfrc.passes import PIPELINES

Array = NDArray[Any]

TOLERANCE = 1e-5
"""Relative to the largest magnitude: what the compiler promises for float32."""

BATCH = 5


def compiled(model: Any, level: str, until: str | None = None) -> tuple[Imported, CompilerContext]:
    """The import after a level's passes, all of them or those before `until`."""
    imported = load(model, ImportOptions())
    ctx = context(imported.weights)
    specs = PIPELINES[level]
    PassManager(parse_passes(specs[: specs.index(until)] if until else specs)).run(
        ctx, imported.module
    )
    return imported, ctx


def call(
    module: ModuleOp,
    ctx: CompilerContext,
    name: str,
    inputs: dict[str, Array],
    state: reference.State,
) -> dict[str, Array]:
    """The outputs of a signature on `state`, at the `nn` level or the `rt` level."""
    function = functions(module)[name]
    names = argument_names(function)
    arguments = [inputs[each] for each in names[: len(inputs)]]
    if rt.ARENA in function.attributes:
        results = rt_reference.run(function, arguments, ctx.weights, arena=True, state=state)
        return dict(zip(names[len(inputs) :], results, strict=True))
    results = reference.run(function, arguments, ctx.weights, state=state)
    return dict(zip(result_names(function), results, strict=True))


def close(actual: Array, expected: Array, what: str, tolerance: float) -> None:
    """Integers are equal; floats agree relative to the largest magnitude."""
    assert actual.shape == expected.shape, what
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected, err_msg=what)
        return
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-30)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def draw(info: TensorInfo, rng: np.random.Generator) -> Array:
    """Normal numbers for an input, or small integers."""
    shape = [BATCH if dim.scale else int(dim) for dim in info.shape or ()]
    dtype = numpy_dtype(info.element)
    values = rng.normal(size=shape) if dtype.kind == "f" else rng.integers(0, 10, shape)
    return values.astype(dtype)


KINDS = (("O2", "select-kernels"), ("O0", None), ("O2", None))
"""The meaning of `nn`, and memory planned without any optimisation and with all of it."""


def check(
    model: Any,
    calls: Sequence[str],
    kinds: Sequence[tuple[str, str | None]] = KINDS,
    tolerance: float = TOLERANCE,
) -> Imported:
    """TensorFlow, `nn` and `rt` give the same for `calls` of signatures on one state."""
    runs = [(*compiled(model, level, until), reference.State()) for level, until in kinds]
    runner = runs[0][0].runner
    runner.reset()
    rng = np.random.default_rng(0)
    for step, name in enumerate(calls):
        inputs = {key: draw(info, rng) for key, info in runs[0][0].signatures[name].inputs.items()}
        expected = runner(name, inputs)
        variables = runner.variables()
        for (level, until), (imported, ctx, state) in zip(kinds, runs, strict=True):
            where = f"step {step}, {name}, {level} {until or 'rt'}: "
            outputs = call(imported.module, ctx, name, inputs, state)
            for key, array in expected.items():
                close(outputs[key], array, where + key, tolerance)
            for op in imported.module.ops:
                if isinstance(op, nn.VariableOp) and op.key in variables:
                    value = state.get(op.key, ctx.weights[op.key])
                    close(value, variables[op.key], f"{where}variable {op.key}", tolerance)
    return runs[-1][0]


@pytest.fixture
def agrees() -> Callable[..., Imported]:
    """`agrees(model, calls)`: see `check`."""
    return check


@pytest.fixture
def stateful(tmp_path: Path) -> Callable[..., Imported]:
    """`stateful(body, calls, n, autograph)`: the SavedModel of `body(tf, variables, x)` agrees.

    The variables `a` and `b` are [4, 3], `c` is [3] and `n` an int64; `x` is [batch, 4].
    """
    tf: Any = pytest.importorskip("tensorflow")

    def run(
        body: Callable[[Any, Any, Any], dict[str, Any]], calls: int, n: int, autograph: bool
    ) -> Imported:
        rng = np.random.default_rng(3)
        root = tf.Module()
        for name, shape in (("a", (4, 3)), ("b", (4, 3)), ("c", (3,))):
            setattr(root, name, tf.Variable(rng.normal(size=shape).astype("f4")))
        root.n = tf.Variable(n, dtype=tf.int64)
        spec = tf.TensorSpec([None, 4], tf.float32, "x")
        root.run = tf.function(
            lambda x: body(tf, root, x), input_signature=[spec], autograph=autograph
        )
        tf.saved_model.save(root, tmp_path / "model", signatures={"run": root.run})
        return check(tmp_path / "model", ["run"] * calls)

    return run
