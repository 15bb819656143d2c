"""Let a convolution or a matrix product apply the activation behind it.

    %1 = nn.conv2d %x, %w …            %2 = nn.conv2d %x, %w … activation<relu>
    %2 = nn.relu %1 : …          =>

Only where the activation is the one use of the product: otherwise it would run twice. The kernel
applies it to its register tile, so the result is written once and never read back.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker

from tfrc.ir import nn
from tfrc.ir.nn.activation import PARAMETRIC, Activation, ActivationAttr
from tfrc.ir.nn.elementwise_kinds import ElementwiseOp, ParameterOp
from tfrc.passes.matching import Replacement, Rules, linear_producer, rebuild

RULES = Rules()

_BY_NAME = {op.name.removeprefix("nn."): op for op in nn.ELEMENTWISE}

ACTIVATIONS: dict[type[ElementwiseOp], Activation] = {
    _BY_NAME[str(activation)]: activation for activation in Activation
}
"""The elementwise operations that kernels know as activations."""


@RULES.on(*ACTIVATIONS)
def fuse_activation(op: ElementwiseOp) -> Replacement | None:
    """`f(x * w + …)` in one kernel."""
    product = linear_producer(op.operands[0])
    if product is None:
        return None
    activation = ACTIVATIONS[type(op)]
    alpha = op.alpha.value.data if isinstance(op, ParameterOp) else None
    assert (activation in PARAMETRIC) == (alpha is not None)
    return rebuild(product, activation=ActivationAttr.of(activation, alpha), absorbed=op)


@dataclass(frozen=True)
class FuseActivationPass(ModulePass):
    """Let convolutions and matrix products apply the activations behind them."""

    name = "fuse-activation"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([RULES])).rewrite_module(op)
