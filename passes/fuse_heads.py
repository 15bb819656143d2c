"""Let products of attention heads read and write the heads where they lie.

    %1 = nn.transpose %q permutation = [0, 2, 1, 3] …
    %2 = nn.transpose %k permutation = [0, 2, 1, 3] …
    %3 = nn.batch_matmul transpose_rhs %1, %2 …
    =>
    %3 = nn.batch_matmul transpose_rhs heads_lhs heads_rhs %q, %k …

The heads of attention come out of a product with their weights side by side, `[batch, rows, heads,
columns]`, and their products are of one head after the other. The kernel reads the rows of `lhs` in
place, and packs `rhs` anyway; so it takes them with another distance of the rows. A transpose of
the result is one of where its rows lie. All numbers keep their bits.

Not where rows would be a multiple of 4 KiB apart: those compete for the same places of the
first-level cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker

from tfrc.ir import nn
from tfrc.ir.dtype import size_of
from tfrc.ir.nn.base import get_ints
from tfrc.ir.shape import count, element_of, shape_of
from tfrc.passes.matching import Replacement, Rules

RULES = Rules()

COMPETING = 4096
"""Bytes between rows that compete for places of the first-level cache, or a multiple of them."""


def swaps_heads(op: nn.TransposeOp) -> bool:
    """Whether a transpose swaps the dimensions before the last, which are rows and heads."""
    permutation = tuple(get_ints(op.permutation))
    rank = len(permutation)
    return rank >= 3 and permutation == (*range(rank - 3), rank - 2, rank - 3, rank - 1)


def heads_of(value: SSAValue) -> SSAValue | None:
    """The tensor of heads side by side whose transpose `value` is, if nothing else reads that."""
    transpose = value.owner
    if not isinstance(transpose, nn.TransposeOp) or not value.has_one_use():
        return None
    return transpose.input if swaps_heads(transpose) else None


def rows_compete(value: SSAValue) -> bool:
    """Whether rows of heads side by side are multiples of 4 KiB apart, or who knows how far."""
    row = count(shape_of(value)[-2:])
    return not row.is_static or int(row) * size_of(element_of(value)) % COMPETING == 0


def with_heads(
    op: nn.BatchMatMulOp, lhs: SSAValue, rhs: SSAValue, heads: tuple[bool, bool, bool]
) -> nn.BatchMatMulOp:
    """`op` on other operands, which lie as `heads` says."""
    return nn.BatchMatMulOp(
        lhs,
        rhs,
        transpose_lhs=op.transpose_lhs is not None,
        transpose_rhs=op.transpose_rhs is not None,
        heads=heads,
    )


@RULES.on(nn.BatchMatMulOp)
def heads_of_operands(op: nn.BatchMatMulOp) -> Replacement | None:
    """A product of operands whose heads were put one after the other."""
    left, right = op.shapes
    if left[:-2] != right[:-2]:
        return None
    in_lhs, in_rhs, in_result = op.heads
    lhs = None if in_lhs else heads_of(op.lhs)
    rhs = None if in_rhs else heads_of(op.rhs)
    if lhs is not None and rows_compete(lhs):
        lhs = None
    if lhs is None and rhs is None:
        return None
    heads = (in_lhs or lhs is not None, in_rhs or rhs is not None, in_result)
    return with_heads(op, lhs or op.lhs, rhs or op.rhs, heads)


@RULES.on(nn.TransposeOp)
def heads_of_result(op: nn.TransposeOp) -> Replacement | None:
    """A product whose heads are put side by side."""
    product = op.input.owner
    if not isinstance(product, nn.BatchMatMulOp) or not op.input.has_one_use():
        return None
    left, right = product.shapes
    lhs, rhs, result = product.heads
    if result or left[:-2] != right[:-2] or not swaps_heads(op) or rows_compete(op.result):
        return None
    fused = with_heads(product, product.lhs, product.rhs, (lhs, rhs, True))
    fused.location = product.location
    return fused


@dataclass(frozen=True)
class FuseHeadsPass(ModulePass):
    """Let products of attention heads read and write the heads where they lie."""

    name = "fuse-heads"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([RULES])).rewrite_module(op)
