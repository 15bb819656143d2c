"""Ops that move elements: reshape, transpose, pad, concatenate, tile …"""

from __future__ import annotations

from math import prod

from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import Dim, Shape, as_dim, at, rank_of, shape_of, text
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes, linear_in_batch

ONE, MINUS_ONE = Dim(0, 1), Dim(0, -1)


def _resolved(shape: Shape, target: Shape) -> Shape:
    """`target` with the extent that -1 stands for."""
    if MINUS_ONE not in target:
        return target
    known = [d for d in target if d != MINUS_ONE]

    def rest(n: int) -> list[int]:
        extent, left = divmod(prod(at(shape, n)), prod(d.at(n) for d in known) or 1)
        if left:
            raise Refusal(f"its operand is {text(shape)}, which has no shape {text(target)}")
        return [extent]

    (extent,) = linear_in_batch(rest, "shape")
    return tuple(extent if d == MINUS_ONE else d for d in target)


@legalizes("Reshape")
def reshape(node: NodeOp, b: Builder) -> Results:
    """`nn.reshape`, with -1 resolved."""
    x = b.tensor(0)
    return b.reshape(x, _resolved(shape_of(x), b.dims(1, "shape")))


@legalizes("Squeeze")
def squeeze(node: NodeOp, b: Builder) -> Results:
    """The shape without the named dimensions, or without all of extent 1."""
    x = b.tensor(0)
    shape = shape_of(x)
    named = b.get_ints("squeeze_dims", b.get_ints("axis"))
    axes = {b.checked_axis(a, len(shape)) for a in named}
    for axis in axes:
        if shape[axis] != ONE:
            raise Refusal(f"it squeezes dimension {axis}, whose extent is {shape[axis]}")
    axes = axes or {i for i, d in enumerate(shape) if d == ONE}
    return b.reshape(x, [d for i, d in enumerate(shape) if i not in axes])


@legalizes("ExpandDims")
def expand_dims(node: NodeOp, b: Builder) -> Results:
    """The shape with a dimension of extent 1 at the axis."""
    x = b.tensor(0)
    axis = b.axis(1, rank_of(x) + 1)
    shape = shape_of(x)
    return b.reshape(x, (*shape[:axis], ONE, *shape[axis:]))


@legalizes("Transpose", "ConjugateTranspose")
def transpose(node: NodeOp, b: Builder) -> Results:
    """`nn.transpose`."""
    x = b.tensor(0)
    permutation = [b.checked_axis(a, rank_of(x)) for a in b.ints(1, "permutation")]
    return b.transpose(x, permutation)


@legalizes("BroadcastTo")
def broadcast_to(node: NodeOp, b: Builder) -> Results:
    """`nn.broadcast_to`; an extent of -1 is the operand's."""
    x, target = b.tensor(0), b.dims(1, "shape")
    own = (*[ONE] * (len(target) - rank_of(x)), *shape_of(x))
    return b.broadcast_to(x, [o if d == MINUS_ONE else d for o, d in zip(own, target, strict=True)])


@legalizes("Fill")
def fill(node: NodeOp, b: Builder) -> Results:
    """One number everywhere."""
    return b.broadcast_to(b.tensor(1), b.dims(0, "shape"))


@legalizes("Tile")
def tile(node: NodeOp, b: Builder) -> Results:
    """`nn.tile`."""
    x, multiples = b.tensor(0), b.dims(1, "multiples")
    if all(m == ONE for m in multiples):
        return x
    return b.insert(nn.TileOp(x, multiples)).result


@legalizes("ReverseV2")
def reverse(node: NodeOp, b: Builder) -> Results:
    """`nn.reverse`."""
    x = b.tensor(0)
    axes = b.axes(1, rank_of(x))
    return b.insert(nn.ReverseOp(x, axes)).result if axes else x


@legalizes("Reverse")
def reverse_flags(node: NodeOp, b: Builder) -> Results:
    """`nn.reverse`, with a bool for each dimension."""
    flags = b.ints(1, "dims")
    return b.insert(nn.ReverseOp(b.tensor(0), [i for i, f in enumerate(flags) if f])).result


def _paddings(b: Builder, rank: int) -> tuple[list[int], list[int]]:
    flat = b.ints(1, "paddings")
    if len(flat) != 2 * rank:
        raise Refusal(f"its paddings have {len(flat)} entries for an operand of rank {rank}")
    return list(flat[::2]), list(flat[1::2])


@legalizes("Pad", "PadV2")
def pad(node: NodeOp, b: Builder) -> Results:
    """`nn.pad`, with a constant value."""
    x = b.tensor(0)
    before, after = _paddings(b, rank_of(x))
    value: float | int = 0
    if len(node.inputs) == 3:
        array = b.constants.array(node.inputs[2])
        if array is None:
            raise Refusal("its padding value depends on data: a constant is supported")
        value = array.item()
    return b.pad(x, before, after, value)


@legalizes("MirrorPad")
def mirror_pad(node: NodeOp, b: Builder) -> Results:
    """`nn.mirror_pad`."""
    x = b.tensor(0)
    before, after = _paddings(b, rank_of(x))
    return b.insert(nn.MirrorPadOp(x, before, after, b.get_text("mode", "REFLECT"))).result


@legalizes("ConcatV2")
def concat_v2(node: NodeOp, b: Builder) -> Results:
    """`nn.concat`; the axis is the last operand."""
    last = len(node.inputs) - 1
    values = [b.tensor(i) for i in range(last)]
    return b.concat(values, b.axis(last, rank_of(values[0])))


@legalizes("Concat")
def concat(node: NodeOp, b: Builder) -> Results:
    """`nn.concat`; the axis is the first operand."""
    values = [b.tensor(i) for i in range(1, len(node.inputs))]
    return b.concat(values, b.axis(0, rank_of(values[0])))


@legalizes("Pack")
def pack(node: NodeOp, b: Builder) -> Results:
    """The operands along another dimension."""
    values = [b.tensor(i) for i in range(len(node.inputs))]
    shape = shape_of(values[0])
    axis = b.checked_axis(b.get_int("axis"), len(shape) + 1)
    return b.concat([b.reshape(v, (*shape[:axis], ONE, *shape[axis:])) for v in values], axis)


def _parts(b: Builder, x: SSAValue, axis: int, sizes: list[Dim]) -> list[SSAValue]:
    shape = shape_of(x)
    begin, parts = Dim(0, 0), list[SSAValue]()
    for size in sizes:
        start = [begin if i == axis else Dim(0, 0) for i in range(len(shape))]
        parts.append(b.slice(x, start, (*shape[:axis], size, *shape[axis + 1 :])))
        begin = begin + size
    if begin != shape[axis]:
        raise Refusal(f"its parts have {begin} elements in all, but dimension {axis} {shape[axis]}")
    return parts


@legalizes("Unpack")
def unpack(node: NodeOp, b: Builder) -> Results:
    """A slice for each index of the axis."""
    x = b.tensor(0)
    axis = b.checked_axis(b.get_int("axis"), rank_of(x))
    rest = [d for i, d in enumerate(shape_of(x)) if i != axis]
    return [b.reshape(part, rest) for part in _parts(b, x, axis, [ONE] * len(node.outputs))]


@legalizes("Split")
def split(node: NodeOp, b: Builder) -> Results:
    """Equal parts along the axis."""
    x = b.tensor(1)
    axis, parts = b.axis(0, rank_of(x)), len(node.outputs)
    extent = shape_of(x)[axis]
    if extent.scale % parts or extent.offset % parts:
        raise Refusal(f"dimension {axis} has extent {extent}, which is not {parts} equal parts")
    return _parts(b, x, axis, [Dim(extent.scale // parts, extent.offset // parts)] * parts)


@legalizes("SplitV")
def split_v(node: NodeOp, b: Builder) -> Results:
    """Parts of given sizes along the axis; one of them may be the rest."""
    x = b.tensor(0)
    sizes, axis = list(b.dims(1, "sizes")), b.axis(2, rank_of(x))
    if MINUS_ONE in sizes:
        rest = shape_of(x)[axis]
        for size in sizes:
            rest = rest if size == MINUS_ONE else rest - size
        sizes[sizes.index(MINUS_ONE)] = rest
    return _parts(b, x, axis, sizes)


@legalizes("Roll")
def roll(node: NodeOp, b: Builder) -> Results:
    """The end of each axis before its beginning."""
    x = b.tensor(0)
    shifts, axes = b.ints(1, "shift"), b.ints(2, "axis")
    for shift, given in zip(shifts, axes, strict=True):
        axis = b.checked_axis(given, rank_of(x))
        extent = shape_of(x)[axis]
        if not extent.is_static:
            raise Refusal(f"it rolls dimension {axis}, whose extent {extent} is not static")
        cut = -shift % int(extent)
        if cut:
            front, back = _parts(b, x, axis, [as_dim(cut), extent - cut])
            x = b.concat([back, front], axis)
    return x


@legalizes("SpaceToDepth")
def space_to_depth(node: NodeOp, b: Builder) -> Results:
    """Blocks of pixels as channels."""
    _check_nhwc(b)
    x, block = b.tensor(0), b.get_int("block_size")
    n, h, w, c = shape_of(x)
    rows, columns = int(h) // block, int(w) // block
    x = b.reshape(x, [n, rows, block, columns, block, c])
    x = b.transpose(x, [0, 1, 3, 2, 4, 5])
    return b.reshape(x, [n, rows, columns, c * block * block])


@legalizes("DepthToSpace")
def depth_to_space(node: NodeOp, b: Builder) -> Results:
    """Channels as blocks of pixels."""
    _check_nhwc(b)
    x, block = b.tensor(0), b.get_int("block_size")
    n, h, w, c = shape_of(x)
    channels = int(c) // (block * block)
    x = b.reshape(x, [n, h, w, block, block, channels])
    x = b.transpose(x, [0, 1, 3, 2, 4, 5])
    return b.reshape(x, [n, h * block, w * block, channels])


def _check_nhwc(b: Builder) -> None:
    data_format = b.get_text("data_format", "NHWC")
    if data_format != "NHWC":
        raise Refusal(f"data_format is {data_format}: NHWC is supported")


@legalizes("SpaceToBatchND")
def space_to_batch(node: NodeOp, b: Builder) -> Results:
    """Every `block`-th element of each spatial dimension as an image of its own."""
    x, block, flat = b.tensor(0), b.ints(1, "block shape"), b.ints(2, "paddings")
    rank, spatial = rank_of(x), len(block)
    tail = [0] * (rank - 1 - spatial)
    x = b.pad(x, [0, *flat[::2], *tail], [0, *flat[1::2], *tail])
    n, *sizes = shape_of(x)
    blocks: list[Dim | int] = []
    for size, step in zip(sizes[:spatial], block, strict=True):
        blocks += [int(size) // step, step]
    rest = sizes[spatial:]
    x = b.reshape(x, [n, *blocks, *rest])
    inner = range(2, 2 * spatial + 1, 2)
    outer = range(1, 2 * spatial + 1, 2)
    x = b.transpose(x, [*inner, 0, *outer, *range(2 * spatial + 1, 2 * spatial + 1 + len(rest))])
    return b.reshape(x, [n * prod(block), *blocks[::2], *rest])


@legalizes("BatchToSpaceND")
def batch_to_space(node: NodeOp, b: Builder) -> Results:
    """The inverse of `SpaceToBatchND`, without the crops."""
    x, block, flat = b.tensor(0), b.ints(1, "block shape"), b.ints(2, "crops")
    spatial, blocks = len(block), prod(block)
    batch, *sizes = shape_of(x)
    if batch.scale % blocks or batch.offset % blocks:
        raise Refusal(f"its batch of {batch} does not divide into {blocks} blocks")
    n = Dim(batch.scale // blocks, batch.offset // blocks)
    rest = sizes[spatial:]
    x = b.reshape(x, [*block, n, *sizes])
    order = [spatial]
    for i in range(spatial):
        order += [spatial + 1 + i, i]
    x = b.transpose(x, [*order, *range(2 * spatial + 1, 2 * spatial + 1 + len(rest))])
    whole = [size * step for size, step in zip(sizes[:spatial], block, strict=True)]
    x = b.reshape(x, [n, *whole, *rest])
    kept = [w - lo - hi for w, lo, hi in zip(whole, flat[::2], flat[1::2], strict=True)]
    return b.slice(x, [0, *flat[::2], *[0] * len(rest)], [n, *kept, *rest])
