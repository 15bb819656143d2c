"""Convolutions and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.gradient import FilterGradientOp
from tfrc.ir.nn.linear import ConvOp
from tfrc.ir.shape import Dim, as_dim, shape_of, static_shape
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.indexing import spread
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes
from tfrc.passes.legalize.windows import Format, input_of_rank, pads, spatial_sizes


def input_gradient(
    b: Builder,
    y: SSAValue,
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    forward: Sequence[int],
) -> tuple[SSAValue, list[int]]:
    """Input and pads of the convolution with the mirrored filter that turns `y` into a gradient.

    `forward` are the pads of the convolution whose input had these spatial `sizes`. The gradient
    `y` of its result is spread by zeros. With `p` zeros in front of the forward convolution and `d`
    its dilation, `(k - 1)·d - p` stand in front of this one; behind, as many as its result needs.
    """
    spaced = spread(b, y, [1, *strides, 1])
    n, *lengths, channels = shape_of(spaced)
    extents = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    before = [e - p for e, p in zip(extents, forward, strict=False)]
    after = [
        size + extent - front - int(length)
        for size, extent, front, length in zip(sizes, extents, before, lengths, strict=True)
    ]
    # Where a pad would be negative, windows lay in the padding, or past the last whole one.
    begin = [max(-front, 0) for front in before]
    kept = [
        length - first + min(behind, 0)
        for length, first, behind in zip(lengths, begin, after, strict=True)
    ]
    fitted = b.slice(spaced, [0, *begin, 0], [n, *kept, channels])
    return fitted, [max(pad, 0) for pad in (*before, *after)]


class Window:
    """The attributes that a convolution and its gradients share."""

    def __init__(self, b: Builder, rank: int):
        self.b = b
        self.layout = Format(b, rank)
        ones = (1,) * rank
        self.strides = self.layout.spatial(b.get_ints("strides", ones), "strides")
        self.dilations = self.layout.spatial(b.get_ints("dilations", ones), "dilations")

    def pads(self, sizes: Sequence[int], kernel: Sequence[int]) -> list[int]:
        """The explicit pads of the forward convolution."""
        return pads(self.b, self.layout, sizes, kernel, self.strides, self.dilations)

    def input_gradient(
        self, y: SSAValue, sizes: Sequence[int], kernel: Sequence[int]
    ) -> tuple[SSAValue, list[int]]:
        """`input_gradient` of the convolution with this window."""
        forward = self.pads(sizes, kernel)
        return input_gradient(self.b, y, sizes, kernel, self.strides, self.dilations, forward)


def _filter(b: Builder, i: int, rank: int) -> tuple[SSAValue, tuple[int, ...]]:
    filter = input_of_rank(b, i, rank)
    if not all(d.is_static for d in shape_of(filter)):
        raise Refusal("the shape of its filter depends on the batch")
    return filter, static_shape(filter)


def _convolution(b: Builder, rank: int, cls: type[ConvOp]) -> SSAValue:
    """A convolution over `rank - 2` spatial dimensions; groups by the channels of the filter."""
    window = Window(b, rank)
    x = window.layout.to_channels_last(b, input_of_rank(b, 0, rank))
    filter, (*kernel, c_in, c_out) = _filter(b, 1, rank)
    channels = shape_of(x)[-1]
    if not channels.is_static or c_in == 0 or int(channels) % c_in:
        raise Refusal(f"its input has {channels} channels, but its filter takes {c_in}")
    groups = int(channels) // c_in
    if c_out % groups:
        raise Refusal(f"its {c_out} output channels do not divide into {groups} groups")
    padding = window.pads(spatial_sizes(x), kernel)
    conv = b.insert(
        cls(
            x,
            filter,
            strides=window.strides,
            pads=padding,
            dilations=window.dilations,
            groups=groups,
        )
    )
    return window.layout.from_channels_last(b, conv.result)


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
    window = Window(b, 4)
    x = window.layout.to_channels_last(b, input_of_rank(b, 0, 4))
    filter, (*kernel, _, _) = _filter(b, 1, 4)
    padding = window.pads(spatial_sizes(x), kernel)
    conv = b.insert(
        nn.DepthwiseConv2DOp(
            x, filter, strides=window.strides, pads=padding, dilations=window.dilations
        )
    )
    return window.layout.from_channels_last(b, conv.result)


def _mirrored(
    b: Builder, y: SSAValue, filter: SSAValue, sizes: Sequence[int], window: Window
) -> tuple[SSAValue, SSAValue, list[int]]:
    """Input, filter and pads of the convolution that is an input's gradient, without strides."""
    spatial = list(range(len(sizes)))
    kernel = static_shape(filter)[: len(sizes)]
    spaced, padding = window.input_gradient(y, sizes, kernel)
    mirrored = b.insert(nn.ReverseOp(filter, spatial)).result
    return spaced, b.transpose(mirrored, [*spatial, len(sizes) + 1, len(sizes)]), padding


def _phases(
    b: Builder,
    y: SSAValue,
    filter: SSAValue,
    sizes: Sequence[int],
    window: Window,
    cls: type[ConvOp],
) -> SSAValue:
    """The gradient of the input of a strided convolution, without zeros between elements.

    Pixel `s·m + r - p` of the input, for a stride `s` and `p` zeros in front, was seen by the taps
    `r + s·t` of the windows `m - t` (Shi et al. 2016, "Is the deconvolution layer the same as a
    convolutional layer?"). So one convolution over the windows computes all phases `r` as channels.
    """
    rank = len(sizes)
    *kernel, c_in, c_out = static_shape(filter)
    strides, forward = window.strides, window.pads(sizes, kernel)[:rank]
    phases = [min(k, s) for k, s in zip(kernel, strides, strict=True)]
    taps = [-(-k // r) for k, r in zip(kernel, phases, strict=True)]
    filter = b.pad(
        filter,
        [0] * (rank + 2),
        [*(t * r - k for t, r, k in zip(taps, phases, kernel, strict=True)), 0, 0],
    )
    apart = [size for pair in zip(taps, phases, strict=True) for size in pair]
    filter = b.reshape(filter, [*apart, c_in, c_out])
    filter = b.insert(nn.ReverseOp(filter, list(range(0, 2 * rank, 2)))).result
    outer, inner = range(0, 2 * rank, 2), range(1, 2 * rank, 2)
    filter = b.transpose(filter, [*outer, 2 * rank + 1, *inner, 2 * rank])
    filter = b.reshape(filter, [*taps, c_out, prod(phases) * c_in])
    n, *lengths, _ = shape_of(y)
    windows = [-(-(size + p) // s) for size, p, s in zip(sizes, forward, strides, strict=True)]
    after = [count - int(length) for count, length in zip(windows, lengths, strict=True)]
    kept = [length + min(behind, 0) for length, behind in zip(lengths, after, strict=True)]
    fitted = b.slice(y, [0] * (rank + 2), [n, *kept, c_out])
    padding = [*(t - 1 for t in taps), *(max(behind, 0) for behind in after)]
    conv = b.insert(cls(fitted, filter, strides=[1] * rank, pads=padding)).result
    result = b.reshape(conv, [n, *windows, *phases, c_in])
    axes = [axis for i in range(rank) for axis in (1 + i, 1 + rank + i)]
    result = b.transpose(result, [0, *axes, 2 * rank + 1])
    # A phase that no tap sees is zero.
    unseen = [v for s, r in zip(strides, phases, strict=True) for v in (0, s - r)]
    result = b.pad(result, [0] * (2 * rank + 2), [0, *unseen, 0])
    whole = [count * s for count, s in zip(windows, strides, strict=True)]
    return b.slice(b.reshape(result, [n, *whole, c_in]), [0, *forward, 0], [n, *sizes, c_in])


def _split(b: Builder, x: SSAValue, groups: int) -> list[SSAValue]:
    """The channels of each group."""
    if groups == 1:
        return [x]
    *rest, channels = shape_of(x)
    size = int(channels) // groups
    begin = [0] * len(rest)
    return [b.slice(x, [*begin, g * size], [*rest, size]) for g in range(groups)]


def _groups(what: str, channels: Dim, of_filter: int, outputs: int) -> int:
    """How many groups a filter for `of_filter` channels makes of `channels`."""
    groups, rest = divmod(int(channels), of_filter)
    if rest or outputs % groups:
        raise Refusal(
            f"its {what} has {channels} channels, of which its filter takes {of_filter} together "
            f"for {outputs} outputs: both should divide into the same groups"
        )
    return groups


def _input_gradient(
    b: Builder,
    y: SSAValue,
    filter: SSAValue,
    sizes: Sequence[int],
    window: Window,
    cls: type[ConvOp],
) -> SSAValue:
    """The gradient of the input of a convolution without groups."""
    if set(window.dilations) == {1} and set(window.strides) != {1}:
        return _phases(b, y, filter, sizes, window, cls)
    spaced, swapped, padding = _mirrored(b, y, filter, sizes, window)
    ones = [1] * len(sizes)
    conv = cls(spaced, swapped, strides=ones, pads=padding, dilations=window.dilations)
    return b.insert(conv).result


def _backprop_input(b: Builder, rank: int, cls: type[ConvOp]) -> SSAValue:
    """The gradient of a convolution's input: a convolution with the filter mirrored."""
    window = Window(b, rank)
    layout = window.layout
    y = layout.to_channels_last(b, input_of_rank(b, 2, rank))
    filter, (*_, c_in, c_out) = _filter(b, 1, rank)
    target = b.dims(0, "output size")
    if len(target) == rank - 2:
        target = (shape_of(y)[0], *target, as_dim(c_in))
    elif layout.channels_first:
        target = (target[0], *target[2:], target[1])
    if shape_of(y)[-1] != as_dim(c_out):
        raise Refusal(f"its input has {shape_of(y)[-1]} channels, but its filter takes {c_out}")
    sizes = [int(size) for size in target[1:-1]]
    groups = _groups("result", target[-1], c_in, c_out)
    parts = zip(_split(b, y, groups), _split(b, filter, groups), strict=True)
    results = [_input_gradient(b, *part, sizes, window, cls) for part in parts]
    return layout.from_channels_last(b, b.concat(results, rank - 1))


@legalizes("Conv2DBackpropInput")
def conv2d_backprop_input(node: NodeOp, b: Builder) -> Results:
    """Gradients and Conv2DTranspose: `nn.conv2d`, whose channels are the strides' phases."""
    return _backprop_input(b, 4, nn.Conv2DOp)


@legalizes("Conv3DBackpropInputV2")
def conv3d_backprop_input(node: NodeOp, b: Builder) -> Results:
    """Gradients and Conv3DTranspose: `nn.conv3d`, whose channels are the strides' phases."""
    return _backprop_input(b, 5, nn.Conv3DOp)


@legalizes("DepthwiseConv2dNativeBackpropInput")
def depthwise_conv2d_backprop_input(node: NodeOp, b: Builder) -> Results:
    """`nn.depthwise_conv2d` with the mirrored filter, summed over the channel multiplier."""
    window = Window(b, 4)
    layout = window.layout
    y = layout.to_channels_last(b, input_of_rank(b, 2, 4))
    filter, (*kernel, channels, multiplier) = _filter(b, 1, 4)
    target = b.dims(0, "input size")
    sizes = target[2:] if layout.channels_first else target[1:3]
    spaced, padding = window.input_gradient(y, [int(size) for size in sizes], kernel)
    mirrored = b.insert(nn.ReverseOp(filter, [0, 1])).result
    each = b.reshape(mirrored, [*kernel, channels * multiplier, 1])
    conv = b.insert(
        nn.DepthwiseConv2DOp(spaced, each, strides=[1, 1], pads=padding, dilations=window.dilations)
    )
    result = conv.result
    if multiplier > 1:
        apart = b.reshape(result, [*shape_of(result)[:-1], channels, multiplier])
        result = b.insert(nn.SumOp(apart, [4])).result
    return layout.from_channels_last(b, result)


def _backprop_filter(b: Builder, rank: int, cls: type[FilterGradientOp]) -> SSAValue:
    """The gradient of a filter, whose shape is operand 1."""
    window = Window(b, rank)
    x = window.layout.to_channels_last(b, input_of_rank(b, 0, rank))
    y = window.layout.to_channels_last(b, input_of_rank(b, 2, rank))
    filter = b.ints(1, "filter size")
    padding = window.pads(spatial_sizes(x), filter[:-2])
    *kernel, c_in, c_out = filter
    groups = 1
    if cls is not nn.DepthwiseConv2DBackpropFilterOp:
        groups = _groups("input", shape_of(x)[-1], c_in, c_out)
    shape = [*kernel, c_in, c_out // groups]
    facts = {"strides": window.strides, "pads": padding, "dilations": window.dilations}
    parts = zip(_split(b, x, groups), _split(b, y, groups), strict=True)
    return b.concat([b.insert(cls(*part, shape, **facts)).result for part in parts], rank - 1)


@legalizes("Conv2DBackpropFilter")
def conv2d_backprop_filter(node: NodeOp, b: Builder) -> Results:
    """`nn.conv2d_backprop_filter`."""
    return _backprop_filter(b, 4, nn.Conv2DBackpropFilterOp)


@legalizes("Conv3DBackpropFilterV2")
def conv3d_backprop_filter(node: NodeOp, b: Builder) -> Results:
    """`nn.conv3d_backprop_filter`."""
    return _backprop_filter(b, 5, nn.Conv3DBackpropFilterOp)


@legalizes("DepthwiseConv2dNativeBackpropFilter")
def depthwise_conv2d_backprop_filter(node: NodeOp, b: Builder) -> Results:
    """`nn.depthwise_conv2d_backprop_filter`."""
    return _backprop_filter(b, 4, nn.DepthwiseConv2DBackpropFilterOp)
