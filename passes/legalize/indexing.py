"""Slices, gathers, and what looks at the position of an element."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import f32, f64, i1, i32
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import Dim, Shape, at, element_of, rank_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes, linear_in_batch
from tfrc.passes.strided_slice import Masks, expand_ellipsis, numpy_index

ONE = Dim(0, 1)


@legalizes("Slice")
def slice_(node: NodeOp, b: Builder) -> Results:
    """`size` elements from `begin` on; -1 stands for all that follow."""
    x = b.tensor(0)
    begin, size = b.dims(1, "begin"), b.dims(2, "size")
    extents = [
        full - start if count == Dim(0, -1) else count
        for full, start, count in zip(shape_of(x), begin, size, strict=True)
    ]
    return b.slice(x, begin, extents)


@legalizes("StridedSlice")
def strided_slice(node: NodeOp, b: Builder) -> Results:
    """NumPy's basic indexing: `nn.slice`, and `nn.reshape` for dimensions that come and go."""
    x, masks = b.tensor(0), Masks.of(node.attrs.data)
    begin, end, strides = b.dims(1, "begin"), b.dims(2, "end"), b.ints(3, "strides")
    starts, extents, steps, entries = _covered(shape_of(x), begin, end, strides, masks)
    return b.reshape(b.slice(x, starts, extents, steps), _result_shape(entries, extents))


def _covered(
    shape: Shape, begin: Shape, end: Shape, strides: Sequence[int], masks: Masks
) -> tuple[Shape, Shape, list[int], tuple[int | slice | None, ...]]:
    """First index, extent and step in each dimension of `shape`, and the index itself."""

    def index(n: int) -> tuple[int | slice | None, ...]:
        return expand_ellipsis(numpy_index(at(begin, n), at(end, n), strides, masks), len(shape))

    def bounds(n: int) -> list[int]:
        used = [entry for entry in index(n) if entry is not None]
        if len(used) != len(shape):
            raise Refusal(f"it indexes {len(used)} dimensions of {len(shape)}")
        return [v for e, d in zip(used, at(shape, n), strict=True) for v in _start_and_extent(e, d)]

    starts_and_extents = linear_in_batch(bounds, "slice")
    entries = index(1)
    steps = [_step(entry) for entry in entries if entry is not None]
    return starts_and_extents[::2], starts_and_extents[1::2], steps, entries


def _start_and_extent(entry: int | slice, size: int) -> tuple[int, int]:
    if isinstance(entry, int):
        start = entry + size if entry < 0 else entry
        if not 0 <= start < size:
            raise Refusal(f"its index {entry} is out of range for {size} elements")
        return start, 1
    covered = range(*entry.indices(size))
    return max(covered.start, 0), len(covered)


def _step(entry: int | slice) -> int:
    return entry.step if isinstance(entry, slice) and entry.step is not None else 1


def _result_shape(entries: Sequence[int | slice | None], extents: Shape) -> list[Dim]:
    shape: list[Dim] = []
    remaining = iter(extents)
    for entry in entries:
        if entry is None:
            shape.append(ONE)
            continue
        extent = next(remaining)
        if isinstance(entry, slice):
            shape.append(extent)
    return shape


@legalizes("StridedSliceGrad")
def strided_slice_grad(node: NodeOp, b: Builder) -> Results:
    """The gradient at its place in a tensor of zeros: `nn.reshape`, `nn.reverse`, `nn.pad`."""
    shape, masks = b.dims(0, "shape"), Masks.of(node.attrs.data)
    begin, end, strides = b.dims(1, "begin"), b.dims(2, "end"), b.ints(3, "strides")
    starts, extents, steps, _ = _covered(shape, begin, end, strides, masks)
    dy = b.reshape(b.tensor(4), extents)
    backwards = [i for i, step in enumerate(steps) if step < 0]
    if backwards:
        dy = b.insert(nn.ReverseOp(dy, backwards)).result
    lows = [
        start + (extent - 1) * step if step < 0 else start
        for start, extent, step in zip(starts, extents, steps, strict=True)
    ]
    return place(b, dy, lows, [abs(step) for step in steps], shape)


def place(
    b: Builder, x: SSAValue, begin: Sequence[Dim], strides: Sequence[int], shape: Sequence[Dim]
) -> SSAValue:
    """`x` in a tensor of zeros, its elements from `begin` on and `strides` apart.

    Refusal if what is before or behind them depends on the batch.
    """
    before = list(begin)
    x = spread(b, x, strides)
    after = [
        size - first - extent
        for size, first, extent in zip(shape, before, shape_of(x), strict=True)
    ]
    if not all(dim.is_static for dim in (*before, *after)):
        raise Refusal("what it leaves out depends on the batch")
    # Behind its last element, a spread dimension may have more zeros than there is room for.
    cut = [size + min(int(a), 0) for size, a in zip(shape_of(x), after, strict=True)]
    x = b.slice(x, [0] * len(cut), cut)
    return b.pad(x, [int(d) for d in before], [max(int(d), 0) for d in after])


def spread(b: Builder, x: SSAValue, strides: Sequence[int]) -> SSAValue:
    """`x` with `stride - 1` zeros after each element of each dimension."""
    if all(stride == 1 for stride in strides):
        return x
    apart: list[tuple[Dim, int]] = []
    for extent, stride in zip(shape_of(x), strides, strict=True):
        apart += [(extent, 0)] if stride == 1 else [(extent, 0), (ONE, stride - 1)]
    shape = [size * stride for size, stride in zip(shape_of(x), strides, strict=True)]
    x = b.reshape(x, [extent for extent, _ in apart])
    x = b.pad(x, [0] * len(apart), [zeros for _, zeros in apart])
    return b.reshape(x, shape)


@legalizes("Gather")
def gather(node: NodeOp, b: Builder) -> Results:
    """`nn.gather` along the first dimension."""
    return b.insert(nn.GatherOp(b.tensor(0), b.tensor(1), 0)).result


@legalizes("GatherV2")
def gather_v2(node: NodeOp, b: Builder) -> Results:
    """`nn.gather`: like TensorFlow on CPU, an index out of range is an error."""
    x, indices = b.tensor(0), b.tensor(1)
    if node.inputs[1] in b.variables.seen:
        return x
    axis, batch_dims = b.axis(2, rank_of(x)), b.get_int("batch_dims")
    if batch_dims < 0:
        batch_dims += rank_of(indices)
    return b.insert(nn.GatherOp(x, indices, axis, batch_dims)).result


@legalizes("GatherNd")
def gather_nd(node: NodeOp, b: Builder) -> Results:
    """`nn.gather` of elements whose first indices are rows of the second operand."""
    return gather_elements(b, b.tensor(0))


def gather_elements(b: Builder, x: SSAValue) -> SSAValue:
    """The elements of `x` at the indices that are operand 1: its leading dimensions as one."""
    indices = b.tensor(1)
    *outer, depth = shape_of(indices)
    lead, rest = shape_of(x)[: int(depth)], shape_of(x)[int(depth) :]
    if depth == ONE:
        return b.insert(nn.GatherOp(x, b.reshape(indices, outer), 0)).result
    if not all(d.is_static for d in lead):
        raise Refusal("it indexes the batch dimension together with others")
    sizes = [int(d) for d in lead]
    rows = b.reshape(x, [int(np.prod(sizes)), *rest])
    return b.insert(nn.GatherOp(rows, _flat_index(b, indices, sizes), 0)).result


def _flat_index(b: Builder, indices: SSAValue, sizes: Sequence[int]) -> SSAValue:
    """Where the elements lie row by row; -1, which is nowhere, if a component is out of range."""
    element, outer = element_of(indices), shape_of(indices)[:-1]
    flat, inside = b.scalar(0, element), b.scalar(True, i1)
    for k, size in enumerate(sizes):
        begin = [*[0] * len(outer), k]
        component = b.reshape(b.slice(indices, begin, [*outer, 1]), outer)
        limit = b.scalar(size, element)
        positive = b.insert(nn.GreaterEqualOp(component, b.scalar(0, element))).result
        small = b.insert(nn.LessOp(component, limit)).result
        both = b.insert(nn.LogicalAndOp(positive, small)).result
        inside = b.insert(nn.LogicalAndOp(inside, both)).result
        flat = b.insert(nn.MulOp(flat, limit)).result
        flat = b.insert(nn.AddOp(flat, component)).result
    return b.insert(nn.SelectOp(inside, flat, b.scalar(-1, element))).result


@legalizes("UnsortedSegmentSum")
def unsorted_segment_sum(node: NodeOp, b: Builder) -> Results:
    """`nn.segment_sum`, without the rows whose segment is negative: the gradient of a gather."""
    (segments,) = b.dims(2, "number of segments")
    return b.insert(nn.SegmentSumOp(b.tensor(0), b.tensor(1), segments, skip_negative=True)).result


@legalizes("SegmentSum")
def segment_sum(node: NodeOp, b: Builder) -> Results:
    """`nn.segment_sum`; as many segments as the last of the constant indices says."""
    segments = b.ints(1, "segment ids")
    count = max(segments, default=-1) + 1
    return b.insert(nn.SegmentSumOp(b.tensor(0), b.tensor(1), count)).result


@legalizes("ScatterNd")
def scatter_nd(node: NodeOp, b: Builder) -> Results:
    """`nn.segment_sum` of the updates to whole rows: indices of one component."""
    indices, updates, shape = b.tensor(0), b.tensor(1), b.dims(2, "shape")
    *outer, depth = shape_of(indices)
    if depth != ONE:
        raise Refusal(f"its indices have {depth} components: one component is supported")
    rows = b.reshape(indices, outer)
    return b.insert(nn.SegmentSumOp(updates, rows, shape[0])).result


def _count_up(b: Builder, size: int, like: SSAValue) -> SSAValue:
    """`[0, 1, …, size - 1]` in the element type of `like`."""
    element = element_of(like)
    return b.array(np.arange(size).astype(numpy_dtype(element)), element)


@legalizes("OneHot")
def one_hot(node: NodeOp, b: Builder) -> Results:
    """`indices = [0 … depth-1] ? on : off`; an index out of range gives a row of `off`."""
    indices, depth = b.tensor(0), b.int(1, "depth")
    on, off = b.tensor(2), b.tensor(3)
    shape, rank = shape_of(indices), rank_of(indices)
    axis = b.checked_axis(b.get_int("axis", -1), rank + 1)
    spread = b.reshape(indices, (*shape[:axis], ONE, *shape[axis:]))
    positions = _count_up(b, depth, indices)
    positions = b.reshape(positions, (depth, *[1] * (rank - axis)))
    condition = b.insert(nn.EqualOp(spread, positions)).result
    return b.insert(nn.SelectOp(condition, on, off)).result


def _bincount_size(b: Builder) -> int:
    """The size, which Keras spells `min(depth, max(depth, largest + 1))`."""
    value = b.node.inputs[1]
    least = value.owner
    if isinstance(least, nn.MinimumOp):
        for upper, other in ((least.lhs, least.rhs), (least.rhs, least.lhs)):
            limit = b.constants.dims(upper)
            if limit is None or not isinstance(other.owner, nn.MaximumOp):
                continue
            for operand in other.owner.operands:
                if b.constants.dims(operand) == limit and limit[0].is_static:
                    return int(limit[0])
    return b.int(1, "size")


@legalizes("DenseBincount")
def dense_bincount(node: NodeOp, b: Builder) -> Results:
    """How often each number from 0 to `size - 1` occurs, in all or in each row.

    With weights, their sums; with `binary_output`, whether it occurs at all.
    """
    x, size = b.tensor(0), _bincount_size(b)
    element = b.result_element(0)
    spread = b.reshape(x, (*shape_of(x), ONE))
    hits = b.insert(nn.EqualOp(spread, _count_up(b, size, x))).result
    axis = rank_of(x) - 1
    if b.get_flag("binary_output"):
        return b.cast(b.insert(nn.AnyOp(hits, [axis])).result, element)
    amounts = b.cast(hits, element)
    if Dim(0, 0) not in b.shape(2):
        weights = b.reshape(b.tensor(2), (*b.shape(2), ONE))
        amounts = b.insert(nn.MulOp(amounts, weights)).result
    return b.insert(nn.SumOp(amounts, [axis])).result


@legalizes("Bucketize")
def bucketize(node: NodeOp, b: Builder) -> Results:
    """How many of the boundaries are not above each element."""
    x = b.tensor(0)
    boundaries = np.array(b.get_floats("boundaries"), np.float32)
    wide = f32 if element_of(x) == f32 else f64
    x, limits = b.cast(x, wide), b.array(boundaries, wide)
    spread = b.reshape(x, (*shape_of(x), ONE))
    reached = b.insert(nn.GreaterEqualOp(spread, limits)).result
    return b.insert(nn.SumOp(b.cast(reached, i32), [rank_of(x)])).result


@legalizes("MatrixBandPart")
def matrix_band_part(node: NodeOp, b: Builder) -> Results:
    """Zero outside a band around the diagonal; a negative width keeps that side whole."""
    x = b.tensor(0)
    lower, upper = b.int(1, "lower width"), b.int(2, "upper width")
    *_, rows, columns = shape_of(x)
    i, j = np.ogrid[: int(rows), : int(columns)]
    inside = ((lower < 0) | (i - j <= lower)) & ((upper < 0) | (j - i <= upper))
    mask = b.array(inside, i1)
    return b.insert(nn.SelectOp(mask, x, b.scalar(0, element_of(x)))).result


def _main_diagonal(b: Builder) -> None:
    if b.ints(1, "diagonal") != (0,):
        raise Refusal(f"its diagonal is {b.ints(1, 'diagonal')}: 0 is supported")


@legalizes("MatrixDiag", "MatrixDiagV2", "MatrixDiagV3")
def matrix_diag(node: NodeOp, b: Builder) -> Results:
    """A matrix with the operand on its diagonal, zero elsewhere."""
    x = b.tensor(0)
    if len(node.inputs) > 1:
        _main_diagonal(b)
        if {*b.ints(2, "number of rows"), *b.ints(3, "number of columns")} != {-1}:
            raise Refusal("it gives the number of rows or columns: -1 is supported")
    *outer, size = shape_of(x)
    eye = b.array(np.eye(int(size), dtype=np.bool_), i1)
    rows = b.reshape(x, [*outer, size, ONE])
    return b.insert(nn.SelectOp(eye, rows, b.scalar(0, element_of(x)))).result


@legalizes("MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3")
def matrix_diag_part(node: NodeOp, b: Builder) -> Results:
    """The elements on the diagonal of each matrix."""
    x = b.tensor(0)
    if len(node.inputs) > 1:
        _main_diagonal(b)
    *outer, rows, columns = shape_of(x)
    flat = b.reshape(x, [*outer, rows * columns])
    positions = np.arange(min(int(rows), int(columns))) * (int(columns) + 1)
    return b.insert(nn.GatherOp(flat, b.array(positions, i32), len(outer))).result


@legalizes("Range")
def range_(node: NodeOp, b: Builder) -> Results:
    """A constant, unless its bounds depend on the batch or on data."""
    raise Refusal("its bounds depend on the batch or on data: constants are supported")
