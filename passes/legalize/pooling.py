"""Pools and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.nn.gradient import PoolGradientOp
from tfrc.ir.nn.reduction import PoolOp
from tfrc.ir.shape import count, element_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.convolution import input_gradient
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes
from tfrc.passes.legalize.windows import Format, input_of_rank, pads, spatial_sizes


def _pool(
    b: Builder, rank: int, cls: type[PoolOp], window: tuple[int, ...], strides: tuple[int, ...]
) -> SSAValue:
    layout = Format(b, rank)
    x = layout.to_channels_last(b, input_of_rank(b, 0, rank))
    kernel = layout.spatial(window, "ksize")
    steps = layout.spatial(strides, "strides")
    sizes = spatial_sizes(x)
    if begin := _left_out(b, sizes, kernel, steps):
        batch, *_, channels = shape_of(x)
        kept = [size - first for size, first in zip(sizes, begin, strict=True)]
        x = b.slice(x, [0, *begin, 0], [batch, *kept, channels])
    padding = pads(b, layout, spatial_sizes(x), kernel, steps, [1] * (rank - 2))
    pool = b.insert(cls(x, window=kernel, strides=steps, pads=padding))
    return layout.from_channels_last(b, pool.result)


def _left_out(
    b: Builder, sizes: Sequence[int], kernel: Sequence[int], steps: Sequence[int]
) -> list[int]:
    """How much of each axis of a volume lies before the first window, if that is anything.

    With SAME, Eigen puts windows that are smaller than their strides in the middle of what they
    could cover; only pools of volumes are computed by it.
    """
    if len(sizes) < 3 or b.get_text("padding", "VALID") != "SAME":
        return []
    uncovered = (
        size - (-(-size // step) - 1) * step - window
        for size, window, step in zip(sizes, kernel, steps, strict=True)
    )
    begin = [max(each // 2, 0) for each in uncovered]
    return begin if any(begin) else []


def _max_pool_grad(
    b: Builder,
    rank: int,
    cls: type[PoolGradientOp],
    window: tuple[int, ...],
    strides: tuple[int, ...],
) -> SSAValue:
    layout = Format(b, rank)
    x = layout.to_channels_last(b, input_of_rank(b, 0, rank))
    dy = layout.to_channels_last(b, input_of_rank(b, 2, rank))
    kernel = layout.spatial(window, "ksize")
    steps = layout.spatial(strides, "strides")
    if _left_out(b, spatial_sizes(x), kernel, steps):
        raise Refusal(
            "its windows are smaller than its strides, and TensorFlow's MaxPool3D has them "
            "elsewhere than this gradient: use padding VALID"
        )
    padding = pads(b, layout, spatial_sizes(x), kernel, steps, [1] * (rank - 2))
    pool = b.insert(cls(x, dy, window=kernel, strides=steps, pads=padding))
    return layout.from_channels_last(b, pool.result)


@legalizes("MaxPoolGrad")
def max_pool_grad(node: NodeOp, b: Builder) -> Results:
    """`nn.max_pool_grad`, which finds the largest elements again."""
    return _max_pool_grad(b, 4, nn.MaxPoolGradOp, b.get_ints("ksize"), b.get_ints("strides"))


@legalizes("MaxPoolGradV2")
def max_pool_grad_v2(node: NodeOp, b: Builder) -> Results:
    """`nn.max_pool_grad`; window and strides are operands."""
    return _max_pool_grad(b, 4, nn.MaxPoolGradOp, b.ints(3, "ksize"), b.ints(4, "strides"))


@legalizes("MaxPool3DGrad")
def max_pool3d_grad(node: NodeOp, b: Builder) -> Results:
    """`nn.max_pool3d_grad`, which finds the largest elements again."""
    return _max_pool_grad(b, 5, nn.MaxPool3DGradOp, b.get_ints("ksize"), b.get_ints("strides"))


@legalizes("AvgPoolGrad")
def avg_pool_grad(node: NodeOp, b: Builder) -> Results:
    """`dy` divided by the elements of its window, and given to each of them.

    Windows that do not overlap are repeated; others are a `nn.depthwise_conv2d` with ones.
    """
    return _avg_pool_grad(b, 4)


@legalizes("AvgPool3DGrad")
def avg_pool3d_grad(node: NodeOp, b: Builder) -> Results:
    """As `AvgPoolGrad`, first along the depth, then in each plane."""
    return _avg_pool_grad(b, 5)


def _avg_pool_grad(b: Builder, rank: int) -> SSAValue:
    layout = Format(b, rank)
    dy = layout.to_channels_last(b, input_of_rank(b, 1, rank))
    target = b.dims(0, "input size")
    sizes = [int(d) for d in (target[2:] if layout.channels_first else target[1:-1])]
    kernel = layout.spatial(b.get_ints("ksize"), "ksize")
    steps = layout.spatial(b.get_ints("strides"), "strides")
    padding = pads(b, layout, sizes, kernel, steps, [1] * (rank - 2))
    shares = _window_counts(sizes, kernel, steps, padding)
    element = element_of(dy)
    dy = b.insert(nn.DivOp(dy, b.array(shares.astype(numpy_dtype(element)), element))).result
    n, *_, channels = shape_of(dy)
    if rank == 5:
        _, depth, height, width, _ = shape_of(dy)
        lines = b.reshape(dy, [n, depth, count((height, width)), channels])
        extents = [sizes[0], int(count((height, width)))]
        along = [padding[0], 0, padding[3], 0]
        planes = _spread(b, lines, extents, [kernel[0], 1], [steps[0], 1], along)
        dy = b.reshape(planes, [n * sizes[0], height, width, channels])
    sides = [*padding[rank - 4 : rank - 2], *padding[-2:]]
    result = _spread(b, dy, sizes[-2:], kernel[-2:], steps[-2:], sides)
    return layout.from_channels_last(b, b.reshape(result, [n, *sizes, channels]))


def _spread(
    b: Builder,
    dy: SSAValue,
    sizes: Sequence[int],
    kernel: Sequence[int],
    steps: Sequence[int],
    padding: Sequence[int],
) -> SSAValue:
    """`dy` given to each element of its window: `[N, sizes…, C]`.

    Windows that do not overlap are repeated; others are a `nn.depthwise_conv2d` with ones.
    """
    element = element_of(dy)
    n, rows, columns, channels = shape_of(dy)
    tiled = [size == step * int(d) for size, step, d in zip(sizes, steps, (rows, columns))]
    if list(kernel) == list(steps) and not any(padding) and all(tiled):
        apart = b.reshape(dy, [n, rows, 1, columns, 1, channels])
        repeated = b.broadcast_to(apart, [n, rows, kernel[0], columns, kernel[1], channels])
        return b.reshape(repeated, [n, *sizes, channels])
    spaced, around = input_gradient(b, dy, sizes, kernel, steps, [1, 1], padding)
    ones = np.ones((*kernel, int(channels), 1), numpy_dtype(element))
    conv = nn.DepthwiseConv2DOp(spaced, b.array(ones, element), strides=[1, 1], pads=around)
    return b.insert(conv).result


def _window_counts(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int]
) -> NDArray[np.int64]:
    """How many elements of each window lie inside the input: `[sizes…, 1]`."""
    rank = len(sizes)
    counts = [
        [
            min(start + width, size) - max(start, 0)
            for start in range(-before, size + after - width + 1, stride)
        ]
        for size, width, stride, before, after in zip(
            sizes, kernel, strides, pads[:rank], pads[rank:], strict=True
        )
    ]
    return reduce(np.multiply.outer, counts)[..., None]


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
