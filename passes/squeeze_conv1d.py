"""Turn a convolution over one row of pixels into a one-dimensional one.

    %1 = nn.reshape %x : [N, L, C] to [N, 1, L, C]
    %2 = nn.conv2d %1, %w …                             %v = nn.reshape %w : [1, k, …] to [k, …]
    %3 = nn.reshape %2 : [N, 1, M, D] to [N, M, D]  =>  %3 = nn.conv1d %x, %v …

TensorFlow has no one-dimensional convolution: Keras's Conv1D adds a dimension and removes it again.
Without the reshapes, bias, batch norm and activation stand next to the convolution and fold into
it. Legal if the row is the only one: extent and filter are 1 high and nothing is padded above or
below. Pools and depthwise convolutions stay as they are; a reshape costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker

from tfrc.ir import nn
from tfrc.ir.nn.base import get_ints
from tfrc.ir.shape import Dim, shape_of
from tfrc.passes.matching import Replacement, Rules

RULES = Rules()

ONE = Dim(0, 1)


@RULES.on(nn.Conv2DOp)
def squeeze(op: nn.Conv2DOp) -> Replacement | None:
    """`nn.conv2d` of a reshaped `[N, L, C]` is `nn.conv1d`, reshaped behind."""
    expand = op.input.owner
    if not isinstance(expand, nn.ReshapeOp) or op.residual is not None:
        return None
    n, height, length, channels = shape_of(op.input)
    rows, *kernel = shape_of(op.filter)
    top, left, bottom, right = get_ints(op.pads)
    if height != ONE or rows != ONE or top or bottom:
        return None
    if shape_of(expand.input) != (n, length, channels):
        return None
    filter = nn.ReshapeOp(op.filter, kernel)
    row = nn.Conv1DOp(
        expand.input,
        filter.result,
        strides=get_ints(op.strides)[1:],
        dilations=get_ints(op.dilations)[1:],
        pads=[left, right],
        groups=int(op.groups.value.data),
        bias=op.bias,
        activation=op.activation,
    )
    return [filter, row, nn.ReshapeOp(row.result, shape_of(op.result))]


@RULES.on(nn.ReshapeOp)
def unsqueeze(op: nn.ReshapeOp) -> Replacement | None:
    """The reshape behind a squeezed convolution meets the one that put the dimension there."""
    inner = op.input.owner
    if not isinstance(inner, nn.ReshapeOp) or inner.input.type != op.result.type:
        return None
    return inner.input


@dataclass(frozen=True)
class SqueezeConv1DPass(ModulePass):
    """Turn convolutions over one row of pixels into one-dimensional ones."""

    name = "squeeze-conv1d"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([RULES])).rewrite_module(op)
