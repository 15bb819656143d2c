"""Movements of elements that do nothing, or that one movement can do."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Operation, SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.base import get_ints
from tfrc.ir.shape import Dim, Shape, broadcast, shape_of
from tfrc.passes.matching import Replacement, Rules

RULES = Rules()

ONE = Dim(0, 1)


@RULES.on(nn.ReshapeOp, nn.BroadcastToOp)
def to_the_same_shape(op: nn.ReshapeOp | nn.BroadcastToOp) -> Replacement | None:
    """A reshape or a broadcast to the shape that is there."""
    return op.input if op.input.type == op.result.type else None


@RULES.on(nn.ReshapeOp)
def reshape_twice(op: nn.ReshapeOp) -> Replacement | None:
    """The first of two reshapes does not matter."""
    inner = op.input.owner
    if not isinstance(inner, nn.ReshapeOp):
        return None
    return nn.ReshapeOp(inner.input, shape_of(op.result))


@RULES.on(nn.BroadcastToOp)
def broadcast_twice(op: nn.BroadcastToOp) -> Replacement | None:
    """The first of two broadcasts does not matter."""
    inner = op.input.owner
    if not isinstance(inner, nn.BroadcastToOp):
        return None
    return nn.BroadcastToOp(inner.input, shape_of(op.result))


@RULES.on(nn.BroadcastToOp)
def broadcast_of_ones(op: nn.BroadcastToOp) -> Replacement | None:
    """A broadcast that only adds dimensions of extent 1 is a reshape."""
    shape = shape_of(op.result)
    if without_ones(shape) != without_ones(shape_of(op.input)):
        return None
    return nn.ReshapeOp(op.input, shape)


@RULES.on(nn.ReshapeOp)
def reshape_of_broadcast(op: nn.ReshapeOp) -> Replacement | None:
    """One element broadcast and reshaped is broadcast to the last shape."""
    inner = op.input.owner
    if not isinstance(inner, nn.BroadcastToOp) or without_ones(shape_of(inner.input)):
        return None
    scalar = nn.ReshapeOp(inner.input, ())
    return [scalar, nn.BroadcastToOp(scalar.result, shape_of(op.result))]


def without_ones(shape: Shape) -> Shape:
    """The dimensions that are not 1."""
    return tuple(dim for dim in shape if dim != ONE)


@RULES.on(nn.TransposeOp)
def transpose_that_moves_nothing(op: nn.TransposeOp) -> Replacement | None:
    """A transpose that keeps the order of all dimensions but those of extent 1 is a reshape."""
    shape = shape_of(op.input)
    moved = [axis for axis in get_ints(op.permutation) if shape[axis] != ONE]
    if moved != sorted(moved):
        return None
    if op.input.type == op.result.type:
        return op.input
    return nn.ReshapeOp(op.input, shape_of(op.result))


@RULES.on(nn.TransposeOp)
def transpose_twice(op: nn.TransposeOp) -> Replacement | None:
    """Two transposes are one."""
    inner = op.input.owner
    if not isinstance(inner, nn.TransposeOp):
        return None
    first = get_ints(inner.permutation)
    return nn.TransposeOp(inner.input, [first[axis] for axis in get_ints(op.permutation)])


@RULES.on(nn.SliceOp)
def slice_of_everything(op: nn.SliceOp) -> Replacement | None:
    """A slice of all elements in their order."""
    return op.input if is_whole(op) else None


def is_whole(op: nn.SliceOp) -> bool:
    """Whether a slice takes all elements in their order."""
    return op.input.type == op.result.type and all(
        stride == 1 or dim == ONE
        for stride, dim in zip(get_ints(op.strides), shape_of(op.result), strict=True)
    )


@RULES.on(nn.SliceOp)
def slice_twice(op: nn.SliceOp) -> Replacement | None:
    """`x[b::s][c::t] = x[b + c·s :: s·t]`."""
    inner = op.input.owner
    if not isinstance(inner, nn.SliceOp):
        return None
    first, second = get_ints(inner.strides), get_ints(op.strides)
    begins = zip(inner.begin.dims, first, op.begin.dims, strict=True)
    begin = [b + c * s for b, s, c in begins]
    strides = [s * t for s, t in zip(first, second, strict=True)]
    return nn.SliceOp(inner.input, begin, shape_of(op.result), strides)


@RULES.on(nn.SliceOp)
def slice_of_concat(op: nn.SliceOp) -> Replacement | None:
    """A slice that lies in one input of a concatenation is a slice of that input."""
    concat = op.input.owner
    if not isinstance(concat, nn.ConcatOp):
        return None
    axis = int(concat.axis.value.data)
    start, size = op.begin.dims[axis], shape_of(op.result)[axis]
    if get_ints(op.strides)[axis] != 1 or not (start.is_static and size.is_static):
        return None
    offset = Dim(0, 0)
    for value in concat.inputs:
        extent = shape_of(value)[axis]
        if not extent.is_static:
            return None
        if offset <= start and start + size <= offset + extent:
            begin = list(op.begin.dims)
            begin[axis] = start - offset
            return nn.SliceOp(value, begin, shape_of(op.result), get_ints(op.strides))
        offset = offset + extent
    return None


@RULES.on(nn.SliceOp)
def slice_of_pad(op: nn.SliceOp) -> Replacement | None:
    """A slice that takes nothing of the padding is one of what is padded."""
    pad = op.input.owner
    if not isinstance(pad, nn.PadOp):
        return None
    begin: list[Dim] = []
    for first, before, step, inner, outer, size in zip(
        op.begin.dims,
        get_ints(pad.before),
        get_ints(op.strides),
        shape_of(pad.input),
        shape_of(op.input),
        shape_of(op.result),
        strict=True,
    ):
        begin.append(first - before)
        if inner == outer:
            continue
        if not (first.is_static and inner.is_static and size.is_static) or step < 1:
            return None
        start = int(first) - before
        if start < 0 or start + (int(size) - 1) * step >= int(inner):
            return None
    return nn.SliceOp(pad.input, begin, shape_of(op.result), get_ints(op.strides))


@RULES.on(nn.PadOp, nn.MirrorPadOp)
def pad_by_nothing(op: nn.PadOp | nn.MirrorPadOp) -> Replacement | None:
    """A pad of zero elements."""
    return op.input if not any((*get_ints(op.before), *get_ints(op.after))) else None


@RULES.on(nn.PadOp)
def pad_twice(op: nn.PadOp) -> Replacement | None:
    """Two pads with the same value are one."""
    inner = op.input.owner
    if not isinstance(inner, nn.PadOp) or inner.value != op.value:
        return None
    return nn.PadOp(
        inner.input,
        [a + b for a, b in zip(get_ints(inner.before), get_ints(op.before), strict=True)],
        [a + b for a, b in zip(get_ints(inner.after), get_ints(op.after), strict=True)],
        op.value,
    )


@RULES.on(nn.ConcatOp)
def concat_of_one(op: nn.ConcatOp) -> Replacement | None:
    """A concatenation of one input."""
    return op.inputs[0] if len(op.inputs) == 1 else None


@RULES.on(nn.ConcatOp)
def concat_of_nothing(op: nn.ConcatOp) -> Replacement | None:
    """An input without elements adds nothing to a concatenation."""
    axis = int(op.axis.value.data)
    kept = [value for value in op.inputs if shape_of(value)[axis] != Dim(0, 0)]
    return nn.ConcatOp(kept, axis) if 0 < len(kept) < len(op.inputs) else None


@RULES.on(nn.ConcatOp)
def concat_of_concat(op: nn.ConcatOp) -> Replacement | None:
    """A concatenation that only another one on the same axis reads is part of it."""
    inputs: list[SSAValue] = []
    for value in op.inputs:
        inner = value.owner
        if isinstance(inner, nn.ConcatOp) and inner.axis == op.axis and value.has_one_use():
            inputs.extend(inner.inputs)
        else:
            inputs.append(value)
    return nn.ConcatOp(inputs, int(op.axis.value.data)) if len(inputs) > len(op.inputs) else None


@RULES.on(nn.TileOp)
def tile_once(op: nn.TileOp) -> Replacement | None:
    """Tiling by ones does nothing; tiling dimensions of extent 1 is a broadcast."""
    pairs = list(zip(op.multiples.dims, shape_of(op.input), strict=True))
    if all(multiple == ONE for multiple, _ in pairs):
        return op.input
    if all(multiple == ONE or dim == ONE for multiple, dim in pairs):
        return nn.BroadcastToOp(op.input, shape_of(op.result))
    return None


@RULES.on(nn.ReverseOp)
def reverse_nothing(op: nn.ReverseOp) -> Replacement | None:
    """Reversing no dimension, or one of extent 1, does nothing; reversing twice neither."""
    if all(shape_of(op.input)[axis] == ONE for axis in get_ints(op.axes)):
        return op.input
    inner = op.input.owner
    if isinstance(inner, nn.ReverseOp) and inner.axes == op.axes:
        return inner.input
    return None


@RULES.on(nn.SumOp, nn.MeanOp, nn.MaxOp, nn.MinOp, nn.ProdOp, nn.AllOp, nn.AnyOp)
def reduce_single_elements(
    op: nn.SumOp | nn.MeanOp | nn.MaxOp | nn.MinOp | nn.ProdOp | nn.AllOp | nn.AnyOp,
) -> Replacement | None:
    """Reducing dimensions of extent 1 is a reshape."""
    if any(shape_of(op.input)[axis] != ONE for axis in get_ints(op.axes)):
        return None
    return nn.ReshapeOp(op.input, shape_of(op.result))


def spread(value: SSAValue) -> SSAValue | None:
    """`x` if `value` is `x` broadcast, or reshaped by leading dimensions of extent 1 only."""
    match value.owner:
        case nn.BroadcastToOp() as op:
            return op.input
        case nn.ReshapeOp() as op:
            inner, outer = shape_of(op.input), shape_of(op.result)
            added = len(outer) - len(inner)
            if added > 0 and outer == (ONE,) * added + inner:
                return op.input
            return None
        case _:
            return None


@RULES.on(*nn.ELEMENTWISE)
def broadcast_operand(op: nn.ElementwiseOp) -> Replacement | None:
    """An elementwise operation broadcasts by itself, as long as its result keeps its shape."""
    operands = list(op.operands)
    shape = shape_of(op.results[0])
    for i, operand in enumerate(operands):
        source = spread(operand)
        if source is not None and keeps_shape([*operands[:i], source, *operands[i + 1 :]], shape):
            operands[i] = source
    return with_operands(op, operands) if operands != list(op.operands) else None


def keeps_shape(operands: Sequence[SSAValue], shape: Shape) -> bool:
    """Whether `operands` broadcast to `shape`."""
    return broadcast(*map(shape_of, operands)) == shape


def with_operands(op: nn.ElementwiseOp, operands: Sequence[SSAValue]) -> Operation:
    """A copy of `op` on other operands."""
    return type(op).create(
        operands=operands,
        result_types=op.result_types,
        properties=op.properties,
        attributes=op.attributes,
    )
