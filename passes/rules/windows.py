"""Convolutions and pools: padding that they can do themselves, and cheaper forms of the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdsl.ir import Operation, SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.base import get_ints, ints
from tfrc.ir.nn.linear import ConvOp
from tfrc.ir.shape import shape_of
from tfrc.passes.matching import Replacement, Rules

RULES = Rules()

CONVOLUTIONS = (nn.Conv1DOp, nn.Conv2DOp, nn.Conv3DOp, nn.DepthwiseConv2DOp)


def spatial_pads(pad: nn.PadOp) -> list[int] | None:
    """`[before…, after…]` of the spatial dimensions, if batch and channels are not padded."""
    before, after = get_ints(pad.before), get_ints(pad.after)
    if len(before) < 3 or before[0] or after[0] or before[-1] or after[-1]:
        return None
    return [*before[1:-1], *after[1:-1]]


def reading(
    op: ConvOp | nn.DepthwiseConv2DOp, input: SSAValue, **properties: Sequence[int]
) -> Operation:
    """The same convolution of another input, with other `pads` or `strides`."""
    operands = [input if operand is op.input else operand for operand in op.operands]
    return type(op).create(
        operands=operands,
        result_types=op.result_types,
        properties={**op.properties, **{name: ints(new) for name, new in properties.items()}},
        attributes=op.attributes,
    )


@RULES.on(*CONVOLUTIONS)
def pad_into_convolution(op: ConvOp | nn.DepthwiseConv2DOp) -> Replacement | None:
    """A convolution pads with zeros itself."""
    pad = op.input.owner
    if not isinstance(pad, nn.PadOp) or pad.value.value.data != 0:
        return None
    outer = spatial_pads(pad)
    if outer is None:
        return None
    pads = [a + b for a, b in zip(outer, get_ints(op.pads), strict=True)]
    return reading(op, pad.input, pads=pads)


@RULES.on(nn.Conv1DOp, nn.Conv2DOp, nn.Conv3DOp)
def slice_into_convolution(op: ConvOp) -> Replacement | None:
    """A convolution that looks at single pixels passes over those that a slice leaves out.

    Negative pads leave out what is before its first pixel, and behind its last if that is as much
    as a stride.
    """
    part = op.input.owner
    if not isinstance(part, nn.SliceOp) or any(get_ints(op.pads)):
        return None
    if any(int(size) != 1 for size in shape_of(op.filter)[:-2]):
        return None
    steps = get_ints(part.strides)
    source, taken = shape_of(part.input), shape_of(part.result)
    if source[0] != taken[0] or source[-1] != taken[-1] or min(steps) < 1:
        return None
    if not all(begin.is_static for begin in part.begin.dims):
        return None
    strides = [
        step * stride for step, stride in zip(steps[1:-1], get_ints(op.strides), strict=True)
    ]
    before, after = [-int(begin) for begin in part.begin.dims[1:-1]], list[int]()
    for extent, first, stride, windows in zip(
        source[1:-1], before, strides, shape_of(op.result)[1:-1], strict=True
    ):
        unseen = int(extent) + first - (int(windows) - 1) * stride - 1
        after.append(-unseen if unseen >= stride else 0)
    return reading(op, part.input, strides=strides, pads=[*before, *after])


@RULES.on(nn.MaxPoolOp, nn.AvgPoolOp)
def pad_into_pool(op: nn.MaxPoolOp | nn.AvgPoolOp) -> Replacement | None:
    """A pool pads with zeros itself, unless it pads with what is no element already.

    -∞ never wins in a max pool, as if it were no element, if each window holds one of the input.
    """
    pad = op.input.owner
    if not isinstance(pad, nn.PadOp):
        return None
    outer, window, inner = spatial_pads(pad), get_ints(op.window), get_ints(op.pads)
    if outer is None or all(size == 1 for size in window):
        return None
    pads, value = [a + b for a, b in zip(outer, inner, strict=True)], pad.value.value.data
    if value == 0 and (op.pad_zeros is not None or not any(inner)):
        pad_zeros = True
    elif (
        value == -math.inf
        and isinstance(op, nn.MaxPoolOp)
        and op.pad_zeros is None
        and all(amount < size for amount, size in zip(pads, (*window, *window), strict=True))
    ):
        pad_zeros = False
    else:
        return None
    strides = get_ints(op.strides)
    return type(op)(pad.input, window=window, strides=strides, pads=pads, pad_zeros=pad_zeros)


@RULES.on(nn.MaxPoolOp, nn.AvgPoolOp)
def pool_single_elements(op: nn.MaxPoolOp | nn.AvgPoolOp) -> Replacement | None:
    """A window of one element takes every `stride`-th element: a slice, or nothing."""
    if any(size != 1 for size in get_ints(op.window)) or any(get_ints(op.pads)):
        return None
    shape = shape_of(op.result)
    return nn.SliceOp(op.input, [0] * len(shape), shape, [1, *get_ints(op.strides), 1])


@RULES.on(nn.Conv2DOp)
def convolution_of_single_channels(op: nn.Conv2DOp) -> Replacement | None:
    """A convolution with one input channel in each group is a depthwise one.

    Output channel `g·m + k` of group g is `c·m + k` of channel c: the filter stays as it lies.
    """
    kh, kw, depth, outputs = shape_of(op.filter)
    groups = int(op.groups.value.data)
    if groups == 1 or int(depth) != 1 or op.residual is not None:
        return None
    filter = nn.ReshapeOp(op.filter, (kh, kw, groups, int(outputs) // groups))
    depthwise = nn.DepthwiseConv2DOp(
        op.input,
        filter.result,
        strides=get_ints(op.strides),
        pads=get_ints(op.pads),
        dilations=get_ints(op.dilations),
        bias=op.bias,
        activation=op.activation,
    )
    return [filter, depthwise]


@RULES.on(nn.AvgPoolOp)
def pool_before_pointwise(op: nn.AvgPoolOp) -> Replacement | None:
    """The mean of `x·w + b` over a window is the mean of x, times w, + b.

    A convolution that looks at single pixels then works on fewer of them (DenseNet's transitions).
    """
    conv = op.input.owner
    if not isinstance(conv, nn.Conv2DOp) or not op.input.has_one_use():
        return None
    if op.pad_zeros is not None or conv.activation is not None or conv.residual is not None:
        return None
    pointwise = (
        all(int(size) == 1 for size in shape_of(conv.filter)[:2])
        and all(stride == 1 for stride in get_ints(conv.strides))
        and not any(get_ints(conv.pads))
    )
    if not pointwise or all(stride == 1 for stride in get_ints(op.strides)):
        return None
    pool = nn.AvgPoolOp(
        conv.input,
        window=get_ints(op.window),
        strides=get_ints(op.strides),
        pads=get_ints(op.pads),
    )
    late = nn.Conv2DOp(
        pool.result,
        conv.filter,
        strides=[1, 1],
        pads=[0, 0, 0, 0],
        groups=int(conv.groups.value.data),
        bias=conv.bias,
    )
    pool.location, late.location = op.location, conv.location
    return [pool, late]
