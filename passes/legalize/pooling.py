"""Pools."""

from __future__ import annotations

from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.reduction import PoolOp
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import Builder, Results, legalizes
from tfrc.passes.legalize.windows import Format, input_of_rank, pads, spatial_sizes


def _pool(
    b: Builder, rank: int, cls: type[PoolOp], window: tuple[int, ...], strides: tuple[int, ...]
) -> SSAValue:
    layout = Format(b, rank)
    x = layout.to_channels_last(b, input_of_rank(b, 0, rank))
    kernel = layout.spatial(window, "ksize")
    steps = layout.spatial(strides, "strides")
    padding = pads(b, layout, spatial_sizes(x), kernel, steps, [1] * (rank - 2))
    pool = b.insert(cls(x, window=kernel, strides=steps, pads=padding))
    return layout.from_channels_last(b, pool.result)


@legalizes("MaxPool")
def max_pool(node: NodeOp, b: Builder) -> Results:
    """`nn.max_pool`."""
    return _pool(b, 4, nn.MaxPoolOp, b.get_ints("ksize"), b.get_ints("strides"))


@legalizes("MaxPoolV2")
def max_pool_v2(node: NodeOp, b: Builder) -> Results:
    """`nn.max_pool`; window and strides are operands."""
    return _pool(b, 4, nn.MaxPoolOp, b.ints(1, "ksize"), b.ints(2, "strides"))


@legalizes("AvgPool")
def avg_pool(node: NodeOp, b: Builder) -> Results:
    """`nn.avg_pool`: both count only what lies inside the input."""
    return _pool(b, 4, nn.AvgPoolOp, b.get_ints("ksize"), b.get_ints("strides"))


@legalizes("MaxPool3D")
def max_pool3d(node: NodeOp, b: Builder) -> Results:
    """`nn.max_pool` over three dimensions."""
    return _pool(b, 5, nn.MaxPoolOp, b.get_ints("ksize"), b.get_ints("strides"))


@legalizes("AvgPool3D")
def avg_pool3d(node: NodeOp, b: Builder) -> Results:
    """`nn.avg_pool` over three dimensions."""
    return _pool(b, 5, nn.AvgPoolOp, b.get_ints("ksize"), b.get_ints("strides"))
