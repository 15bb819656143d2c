"""Let a convolution or a matrix product add a bias and a residual behind it.

    %1 = nn.conv2d %x, %w …
    %2 = nn.add %1, %b : …     // [C]        %4 = nn.conv2d %x, %w bias %b residual %r
    %3 = nn.add %2, %r : …             =>           activation<relu> …
    %4 = nn.relu %3 : …

A bias varies along the channels alone; a residual has the shape of the product and is added before
the activation, so a product that has an activation already takes neither. The product must have no
other use. Where both sides of an addition are such products, the later one takes the earlier one as
its residual. The product moves down to the addition, behind what it adds.

A depthwise convolution takes no residual: its kernel is bound by memory, and an `nn.map` adds as
fast. An activation behind the residual is fused as in `fuse-activation`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from tfrc.ir import nn
from tfrc.ir.nn.linear import EpilogueOp
from tfrc.ir.shape import shape_of
from tfrc.passes.fuse_activation import RULES as ACTIVATION_RULES
from tfrc.passes.matching import (
    Replacement,
    Rules,
    is_per_channel,
    linear_producer,
    rebuild,
    replace,
)

RULES = Rules()


@RULES.on(nn.AddOp)
def fuse_bias(op: nn.AddOp) -> Replacement | None:
    """`x * w + b`, on either side of the addition."""
    for side, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        product = linear_producer(side)
        if product is None or op.result.type != product.result.type:
            continue
        channels = shape_of(product.result)[-1:]
        if not is_per_channel(other, channels[0]):
            continue
        operations: list[Operation] = []
        bias = other
        if shape_of(bias) != channels:
            operations.append(nn.ReshapeOp(bias, channels))
            bias = operations[-1].results[0]
        if product.bias is not None:
            operations.append(nn.AddOp(product.bias, bias))
            bias = operations[-1].results[0]
        return [*operations, rebuild(product, bias=bias, absorbed=op)]
    return None


def residual_taker(value: SSAValue) -> EpilogueOp | None:
    """The product behind `value` that can add a residual to it."""
    product = linear_producer(value)
    if product is None or product.residual is not None:
        return None
    return None if isinstance(product, nn.DepthwiseConv2DOp) else product


@dataclass
class FuseResidual(RewritePattern):
    """Fuse an addition of two tensors of one shape into the later of the products it adds."""

    order: dict[Operation, int] = field(default_factory=dict[Operation, int])

    @staticmethod
    def of(module: ModuleOp) -> FuseResidual:
        """The pattern that knows where the operations of `module` stand."""
        return FuseResidual({op: i for i, op in enumerate(module.walk())})

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.AddOp, rewriter: PatternRewriter, /) -> None:
        if op.lhs.type != op.rhs.type:
            return
        sides = [(op.lhs, op.rhs), (op.rhs, op.lhs)]
        takers = [(product, other) for side, other in sides if (product := residual_taker(side))]
        if not takers:
            return
        product, residual = max(takers, key=lambda taker: self.order.get(taker[0], 0))
        fused = rebuild(product, residual=residual, absorbed=op)
        self.order[fused] = self.order.get(op, 0)
        replace(rewriter, op, fused)


@dataclass(frozen=True)
class FuseEpiloguePass(ModulePass):
    """Let convolutions and matrix products add the biases and residuals behind them."""

    name = "fuse-epilogue"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns: list[RewritePattern] = [RULES, FuseResidual.of(op), ACTIVATION_RULES]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)
