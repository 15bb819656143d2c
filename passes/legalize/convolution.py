"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.linear import ConvOp
from tfrc.ir.shape import as_dim, shape_of, static_shape
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.indexing import spread
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes
from tfrc.passes.legalize.windows import Format, input_of_rank, pads, spatial_sizes


def _filter(b: Builder, i: int, rank: int) -> tuple[SSAValue, tuple[int, ...]]:
    filter = input_of_rank(b, i, rank)
    if not all(d.is_static for d in shape_of(filter)):
        raise Refusal("the shape of its filter depends on the batch")
    return filter, static_shape(filter)


def _convolution(b: Builder, rank: int, cls: type[ConvOp]) -> SSAValue:
    """A convolution over `rank - 2` spatial dimensions; groups by the channels of the filter."""
    ones = (1,) * rank
    layout = Format(b, rank)
    x = layout.to_channels_last(b, input_of_rank(b, 0, rank))
    filter, (*kernel, c_in, c_out) = _filter(b, 1, rank)
    strides = layout.spatial(b.get_ints("strides", ones), "strides")
    dilations = layout.spatial(b.get_ints("dilations", ones), "dilations")
    channels = shape_of(x)[-1]
    if not channels.is_static or c_in == 0 or int(channels) % c_in:
        raise Refusal(f"its input has {channels} channels, but its filter takes {c_in}")
    groups = int(channels) // c_in
    if c_out % groups:
        raise Refusal(f"its {c_out} output channels do not divide into {groups} groups")
    padding = pads(b, layout, spatial_sizes(x), kernel, strides, dilations)
    conv = b.insert(
        cls(x, filter, strides=strides, pads=padding, dilations=dilations, groups=groups)
    )
    return layout.from_channels_last(b, conv.result)


@legalizes("Conv2D")
def conv2d(node: NodeOp, b: Builder) -> Results:
    """`nn.conv2d`, in groups if the filter takes fewer channels than the input has."""
    return _convolution(b, 4, nn.Conv2DOp)


@legalizes("Conv3D")
def conv3d(node: NodeOp, b: Builder) -> Results:
    """`nn.conv3d`."""
    return _convolution(b, 5, nn.Conv3DOp)


@legalizes("DepthwiseConv2dNative")
def depthwise_conv2d(node: NodeOp, b: Builder) -> Results:
    """`nn.depthwise_conv2d`."""
    ones = (1,) * 4
    layout = Format(b, 4)
    x = layout.to_channels_last(b, input_of_rank(b, 0, 4))
    filter, (*kernel, _, _) = _filter(b, 1, 4)
    strides = layout.spatial(b.get_ints("strides", ones), "strides")
    dilations = layout.spatial(b.get_ints("dilations", ones), "dilations")
    padding = pads(b, layout, spatial_sizes(x), kernel, strides, dilations)
    conv = b.insert(
        nn.DepthwiseConv2DOp(x, filter, strides=strides, pads=padding, dilations=dilations)
    )
    return layout.from_channels_last(b, conv.result)


def _fit(b: Builder, x: SSAValue, after: Sequence[int]) -> SSAValue:
    """`x` without its last elements along the spatial dimensions where `after` is negative."""
    n, *spatial, channels = shape_of(x)
    sizes = [size + min(a, 0) for size, a in zip(spatial, after, strict=True)]
    return b.slice(x, [0] * (len(sizes) + 2), [n, *sizes, channels])


def _transposed_convolution(b: Builder, rank: int, cls: type[ConvOp]) -> SSAValue:
    """The gradient of a convolution: one with the filter mirrored, on an input spread by zeros.

    With `p` zeros in front of the forward convolution and `d` its dilation, `(k - 1)·d - p` stand
    in front of this one; behind, as many as its result needs.
    """
    ones = (1,) * rank
    layout = Format(b, rank)
    y = layout.to_channels_last(b, input_of_rank(b, 2, rank))
    filter, (*kernel, _, c_out) = _filter(b, 1, rank)
    strides = layout.spatial(b.get_ints("strides", ones), "strides")
    dilations = layout.spatial(b.get_ints("dilations", ones), "dilations")
    target = b.dims(0, "output size")
    if len(target) == rank - 2:
        target = (shape_of(y)[0], *target, shape_of(y)[-1])
    elif layout.channels_first:
        target = (target[0], *target[2:], target[1])
    if shape_of(y)[-1] != as_dim(c_out):
        raise Refusal(f"its input has {shape_of(y)[-1]} channels, but its filter takes {c_out}")
    sizes = [int(size) for size in target[1:-1]]
    forward = pads(b, layout, sizes, kernel, strides, dilations)
    spaced = spread(b, y, [1, *strides, 1])
    extents = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    before = [e - p for e, p in zip(extents, forward, strict=False)]
    after = [
        size + extent - front - length
        for size, extent, front, length in zip(
            sizes, extents, before, spatial_sizes(spaced), strict=True
        )
    ]
    if min(before) < 0:
        raise Refusal("its padding is wider than its filter")
    spatial = list(range(rank - 2))
    mirrored = b.insert(nn.ReverseOp(filter, spatial)).result
    swapped = b.transpose(mirrored, [*spatial, rank - 1, rank - 2])
    conv = b.insert(
        cls(
            _fit(b, spaced, after),
            swapped,
            strides=[1] * (rank - 2),
            pads=[*before, *(max(a, 0) for a in after)],
            dilations=dilations,
        )
    )
    return layout.from_channels_last(b, conv.result)


@legalizes("Conv2DBackpropInput")
def conv2d_backprop_input(node: NodeOp, b: Builder) -> Results:
    """Keras's Conv2DTranspose: `nn.conv2d` on an input spread by zeros."""
    return _transposed_convolution(b, 4, nn.Conv2DOp)


@legalizes("Conv3DBackpropInputV2")
def conv3d_backprop_input(node: NodeOp, b: Builder) -> Results:
    """Keras's Conv3DTranspose: `nn.conv3d` on an input spread by zeros."""
    return _transposed_convolution(b, 5, nn.Conv3DOp)
