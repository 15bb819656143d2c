"""`agrees`: a TensorFlow function, imported and legalized, gives TensorFlow's numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tfrc.compiler.frontend import ImportOptions, evaluator, load
from tfrc.ir import reference
from tfrc.ir.tf import NodeOp
from tfrc.ir.weights import CompilerContext
from tfrc.passes.fold_constants import FoldConstantsPass
from tfrc.passes.inline_calls import InlineCallsPass
from tfrc.passes.legalize_tf import LegalizeTfPass
from tfrc.passes.space_to_batch_to_dilation import SpaceToBatchToDilationPass
from tfrc.passes.unroll_loops import UnrollLoopsPass

# The reference is TensorFlow without oneDNN, which rounds in other places.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Array = NDArray[Any]

BATCHES = (1, 3)
"""Two sizes: what holds for one may be a broadcast."""

TOLERANCE = 1e-5
"""Relative to the largest magnitude: what the compiler promises for float32."""

PASSES = (
    InlineCallsPass(),
    FoldConstantsPass(),
    UnrollLoopsPass(),
    SpaceToBatchToDilationPass(),
    LegalizeTfPass(),
)


@dataclass(frozen=True)
class Input:
    """Uniform random numbers: `None` is the batch."""

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    low: float = -2.0
    high: float = 2.0

    def draw(self, batch: int, rng: np.random.Generator) -> Array:
        """An array for a batch size."""
        shape = [batch if d is None else d for d in self.shape]
        if self.dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if np.dtype(self.dtype).kind in "iu":
            return rng.integers(int(self.low), int(self.high) + 1, shape).astype(self.dtype)
        return rng.uniform(self.low, self.high, shape).astype(self.dtype)


def legalized(model: Any, options: ImportOptions | None = None) -> tuple[Any, FuncOp, set[str]]:
    """The import, its one function after legalization, and the ops it had before."""
    imported = load(model, options or ImportOptions())
    ops = {op.op.data for op in imported.module.walk() if isinstance(op, NodeOp)}
    ctx = CompilerContext(imported.weights, evaluate_tf=evaluator())
    for each in PASSES:
        each.apply(ctx, imported.module)
    imported.module.verify()
    return imported, function_of(imported.module), ops


def function_of(module: ModuleOp) -> FuncOp:
    """The first function of a module."""
    return next(op for op in module.ops if isinstance(op, FuncOp))


def check_close(actual: Sequence[Array], expected: Sequence[Array]) -> None:
    """Integers are equal; floats agree relative to the largest finite magnitude."""
    assert len(actual) == len(expected)
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        if theirs.dtype.kind != "f":
            np.testing.assert_array_equal(ours, theirs)
            continue
        finite = np.abs(theirs[np.isfinite(theirs)])
        scale = max(float(finite.max()) if finite.size else 0.0, 1e-30)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * scale, equal_nan=True)


Agrees = Callable[..., FuncOp]


@pytest.fixture
def agrees() -> Agrees:
    """`agrees(function, *inputs, op="Conv2D")`: ours equals TensorFlow's for two batch sizes.

    `op` is what the graph must contain, so that the test is about what it says.
    """
    tf: Any = pytest.importorskip("tensorflow")

    def check(
        function: Callable[..., Any],
        *inputs: Input | tuple[int | None, ...],
        op: str | None = None,
        seed: int = 0,
    ) -> FuncOp:
        specs = [i if isinstance(i, Input) else Input(i) for i in inputs]
        traced = tf.function(
            function,
            input_signature=[
                tf.TensorSpec(s.shape, s.dtype, name=f"x{i}") for i, s in enumerate(specs)
            ],
        )
        imported, func, ops = legalized(traced)
        assert op is None or op in ops, f"the graph has {sorted(ops)}"
        rng = np.random.default_rng(seed)
        for batch in BATCHES:
            arrays = [spec.draw(batch, rng) for spec in specs]
            expected = [np.asarray(t) for t in tf.nest.flatten(function(*map(tf.constant, arrays)))]
            check_close(reference.run(func, arrays, imported.weights), expected)
        return func

    return check


@pytest.fixture
def draw() -> type[Input]:
    """`draw(shape, dtype, low, high)`: an input of `agrees`."""
    return Input


@pytest.fixture
def compiled() -> Callable[..., tuple[Any, FuncOp, set[str]]]:
    """`compiled(model)`: the import, and its function after legalization."""
    return legalized


@pytest.fixture
def close() -> Callable[..., None]:
    """`close(actual, expected)`: lists of arrays agree."""
    return check_close
