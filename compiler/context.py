"""The context that every command compiles in: all dialects, and TensorFlow for constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import Builtin
from xdsl.dialects.func import Func
from xdsl.dialects.memref import MemRef
from xdsl.ir import Attribute, Dialect

from tfrc.compiler.frontend import evaluator
from tfrc.ir.nn import NN
from tfrc.ir.rt import RT
from tfrc.ir.tf import TF
from tfrc.ir.weights import Array, CompilerContext, Measure, WeightStore

DIALECTS: tuple[Dialect, ...] = (Builtin, Func, MemRef, TF, NN, RT)
"""What a module can contain."""


def evaluate_lazily(
    op: str, attrs: Mapping[str, Attribute], inputs: Sequence[Array]
) -> list[Array] | None:
    """TensorFlow's kernels; TensorFlow is imported when the first node of constants is met."""
    return evaluator()(op, attrs, inputs)


def context(weights: WeightStore | None = None, measure: Measure | None = None) -> CompilerContext:
    """A context that knows every dialect, and folds `tf` nodes with TensorFlow."""
    ctx = CompilerContext(weights, evaluate_lazily, measure)
    for dialect in DIALECTS:
        ctx.load_dialect(dialect)
    return ctx
