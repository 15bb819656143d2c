"""Pools and their gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.nn.reduction import PoolOp
from tfrc.ir.shape import element_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.convolution import input_gradient
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


def _max_pool_grad(b: Builder, window: tuple[int, ...], strides: tuple[int, ...]) -> SSAValue:
    layout = Format(b, 4)
    x = layout.to_channels_last(b, input_of_rank(b, 0, 4))
    dy = layout.to_channels_last(b, input_of_rank(b, 2, 4))
    kernel = layout.spatial(window, "ksize")
    steps = layout.spatial(strides, "strides")
    padding = pads(b, layout, spatial_sizes(x), kernel, steps, [1, 1])
    pool = b.insert(nn.MaxPoolGradOp(x, dy, window=kernel, strides=steps, pads=padding))
    return layout.from_channels_last(b, pool.result)


@legalizes("MaxPoolGrad")
def max_pool_grad(node: NodeOp, b: Builder) -> Results:
    """`nn.max_pool_grad`, which finds the largest elements again."""
    return _max_pool_grad(b, b.get_ints("ksize"), b.get_ints("strides"))


@legalizes("MaxPoolGradV2")
def max_pool_grad_v2(node: NodeOp, b: Builder) -> Results:
    """`nn.max_pool_grad`; window and strides are operands."""
    return _max_pool_grad(b, b.ints(3, "ksize"), b.ints(4, "strides"))


@legalizes("AvgPoolGrad")
def avg_pool_grad(node: NodeOp, b: Builder) -> Results:
    """`dy` divided by the elements of its window, and given to each of them.

    Windows that do not overlap are repeated; others are a `nn.depthwise_conv2d` with ones.
    """
    layout = Format(b, 4)
    dy = layout.to_channels_last(b, input_of_rank(b, 1, 4))
    target = b.dims(0, "input size")
    sizes = [int(d) for d in (target[2:] if layout.channels_first else target[1:3])]
    kernel = layout.spatial(b.get_ints("ksize"), "ksize")
    steps = layout.spatial(b.get_ints("strides"), "strides")
    padding = pads(b, layout, sizes, kernel, steps, [1, 1])
    shares = _window_counts(sizes, kernel, steps, padding)
    element = element_of(dy)
    dy = b.insert(nn.DivOp(dy, b.array(shares.astype(numpy_dtype(element)), element))).result
    n, rows, columns, channels = shape_of(dy)
    tiled = [size == step * int(d) for size, step, d in zip(sizes, steps, (rows, columns))]
    if kernel == steps and not any(padding) and all(tiled):
        apart = b.reshape(dy, [n, rows, 1, columns, 1, channels])
        repeated = b.broadcast_to(apart, [n, rows, kernel[0], columns, kernel[1], channels])
        result = b.reshape(repeated, [n, *sizes, channels])
    else:
        spaced, around = input_gradient(b, dy, sizes, kernel, steps, [1, 1], padding)
        ones = np.ones((*kernel, int(channels), 1), numpy_dtype(element))
        conv = nn.DepthwiseConv2DOp(spaced, b.array(ones, element), strides=[1, 1], pads=around)
        result = b.insert(conv).result
    return layout.from_channels_last(b, result)


def _window_counts(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int]
) -> NDArray[np.int64]:
    """How many elements of each window lie inside the input: `[rows, columns, 1]`."""
    counts = [
        [
            min(start + width, size) - max(start, 0)
            for start in range(-before, size + after - width + 1, stride)
        ]
        for size, width, stride, before, after in zip(
            sizes, kernel, strides, pads[:2], pads[2:], strict=True
        )
    ]
    return np.multiply.outer(*counts)[..., None]


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
