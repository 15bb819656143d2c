"""Reduce axes that do not stand together one run after the other.

    %0 = nn.max %x axes = [1, 3] …    =>    %1 = nn.max %x axes = [3] …
                                            %0 = nn.max %1 axes = [1] …

Legal for every reduction, as each can be made in steps: a mean of means is the mean, because all
groups have the same size. Axes of one element between others do no harm. A kernel sees a tensor as
three axes, of which it reduces the middle one.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from tfrc.ir.nn.base import get_ints
from tfrc.ir.nn.reduction import ReduceOp
from tfrc.ir.shape import Dim, Shape, shape_of


def last_run(axes: tuple[int, ...], shape: Shape) -> tuple[int, ...]:
    """The axes at the end of `axes` between which are none of several elements."""
    start = len(axes) - 1
    while start and all(dim == Dim(0, 1) for dim in shape[axes[start - 1] + 1 : axes[start]]):
        start -= 1
    return axes[start:]


class SplitReduction(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReduceOp, rewriter: PatternRewriter, /) -> None:
        axes = tuple(get_ints(op.axes))
        last = last_run(axes, shape_of(op.input)) if axes else ()
        if last == axes:
            return
        keep_dims = bool(op.keep_dims.value.data)
        inner = type(op)(op.input, last, keep_dims)
        # The axes in front of those that are gone keep their numbers.
        outer = type(op)(inner.result, axes[: -len(last)], keep_dims)
        for each in (inner, outer):
            each.location = op.location
        rewriter.replace(op, [inner, outer], [outer.result])


@dataclass(frozen=True)
class SplitReductionsPass(ModulePass):
    """Reduce axes that do not stand together one run after the other."""

    name = "split-reductions"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(SplitReduction()).rewrite_module(op)
