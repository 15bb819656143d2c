"""Operations that move elements and compute nothing: reshape, transpose, slice, pad, gather …

Their integer operands in TensorFlow (shapes, axes, begins) are attributes here.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, FloatAttr, IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure

from tfrc.ir.nn.base import IntArray, get_ints, ints, require, require_shape
from tfrc.ir.shape import (
    Dim,
    DimsAttr,
    Shape,
    as_shape,
    broadcast,
    count,
    element_of,
    rank_of,
    shape_of,
    tensor,
    text,
)


@irdl_op_definition
class ReshapeOp(IRDLOperation):
    """The same elements in row-major order, in the shape of the result. It moves nothing."""

    name = "nn.reshape"

    input = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, shape: Sequence[Dim | int]):
        super().__init__(
            operands=[input], result_types=[tensor(element_of(input), as_shape(shape))]
        )

    def verify_(self) -> None:
        before, after = shape_of(self.input), shape_of(self.result)
        require(
            count(before) == count(after),
            f"{self.name}: {text(before)} has {count(before)} elements, but {text(after)} has "
            f"{count(after)}",
        )


@irdl_op_definition
class BroadcastToOp(IRDLOperation):
    """`input`, repeated along its dimensions of extent 1 to the shape of the result."""

    name = "nn.broadcast_to"

    input = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, shape: Sequence[Dim | int]):
        super().__init__(
            operands=[input], result_types=[tensor(element_of(input), as_shape(shape))]
        )

    def verify_(self) -> None:
        before, after = shape_of(self.input), shape_of(self.result)
        require(
            broadcast(before, after) == after,
            f"{self.name}: {text(before)} does not broadcast to {text(after)}",
        )


@irdl_op_definition
class TransposeOp(IRDLOperation):
    """Dimension `i` of the result is dimension `permutation[i]` of the input."""

    name = "nn.transpose"

    input = operand_def(TensorType)
    result = result_def(TensorType)
    permutation = prop_def(IntArray)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `permutation` `=` $permutation attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, permutation: Sequence[int]):
        shape = shape_of(input)
        super().__init__(
            operands=[input],
            result_types=[tensor(element_of(input), [shape[i] for i in permutation])],
            properties={"permutation": ints(permutation)},
        )

    def verify_(self) -> None:
        shape, permutation = shape_of(self.input), get_ints(self.permutation)
        require(
            sorted(permutation) == list(range(len(shape))),
            f"{self.name}: {list(permutation)} does not permute the {len(shape)} dimensions",
        )
        expected = tuple(shape[i] for i in permutation)
        require_shape(self.name, "result", self.result, expected)


@irdl_op_definition
class SliceOp(IRDLOperation):
    """`result[i…] = input[begin + i·strides …]`; the extents are the result's.

    Strides may be negative.
    """

    name = "nn.slice"

    input = operand_def(TensorType)
    result = result_def(TensorType)
    begin = prop_def(DimsAttr)
    strides = prop_def(IntArray)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `begin` `=` $begin `strides` `=` $strides"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        input: SSAValue,
        begin: Sequence[Dim | int],
        shape: Sequence[Dim | int],
        strides: Sequence[int] | None = None,
    ):
        super().__init__(
            operands=[input],
            result_types=[tensor(element_of(input), as_shape(shape))],
            properties={
                "begin": DimsAttr.of(begin),
                "strides": ints(strides or [1] * len(begin)),
            },
        )

    def verify_(self) -> None:
        shape, result = shape_of(self.input), shape_of(self.result)
        begin, strides = self.begin.dims, get_ints(self.strides)
        require(
            len(begin) == len(strides) == len(result) == len(shape),
            f"{self.name}: input has rank {len(shape)}, begin {len(begin)}, strides "
            f"{len(strides)} and result {len(result)}",
        )
        for axis, (size, b, s, r) in enumerate(zip(shape, begin, strides, result, strict=True)):
            for n in (1, 2):
                last = b.at(n) + (r.at(n) - 1) * s
                require(
                    r.at(n) <= 0 or (0 <= b.at(n) < size.at(n) and 0 <= last < size.at(n)),
                    f"{self.name}: dimension {axis} reads {b} to {last}, but has {size} elements",
                )


@irdl_op_definition
class PadOp(IRDLOperation):
    """`input` with `before` and `after` elements of `value` added along each dimension."""

    name = "nn.pad"

    input = operand_def(TensorType)
    result = result_def(TensorType)
    before = prop_def(IntArray)
    after = prop_def(IntArray)
    value = prop_def(FloatAttr | IntegerAttr)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `before` `=` $before `after` `=` $after `value` `=` $value"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        input: SSAValue,
        before: Sequence[int],
        after: Sequence[int],
        value: FloatAttr | IntegerAttr,
    ):
        shape = [dim + b + a for dim, b, a in zip(shape_of(input), before, after, strict=True)]
        super().__init__(
            operands=[input],
            result_types=[tensor(element_of(input), shape)],
            properties={"before": ints(before), "after": ints(after), "value": value},
        )

    def verify_(self) -> None:
        shape = shape_of(self.input)
        before, after = get_ints(self.before), get_ints(self.after)
        require(
            len(before) == len(after) == len(shape) and min((*before, *after), default=0) >= 0,
            f"{self.name}: pads {list(before)} and {list(after)} do not fit rank {len(shape)}",
        )
        expected = tuple(d + b + a for d, b, a in zip(shape, before, after, strict=True))
        require_shape(self.name, "result", self.result, expected)


@irdl_op_definition
class MirrorPadOp(IRDLOperation):
    """Like `nn.pad`, but the border mirrors the input.

    `mode` is REFLECT, which leaves the edge out, or SYMMETRIC, which repeats it.
    """

    name = "nn.mirror_pad"

    input = operand_def(TensorType)
    result = result_def(TensorType)
    before = prop_def(IntArray)
    after = prop_def(IntArray)
    mode = prop_def(StringAttr)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `before` `=` $before `after` `=` $after `mode` `=` $mode"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, before: Sequence[int], after: Sequence[int], mode: str):
        shape = [dim + b + a for dim, b, a in zip(shape_of(input), before, after, strict=True)]
        super().__init__(
            operands=[input],
            result_types=[tensor(element_of(input), shape)],
            properties={
                "before": ints(before),
                "after": ints(after),
                "mode": StringAttr(mode),
            },
        )

    def verify_(self) -> None:
        shape = shape_of(self.input)
        before, after = get_ints(self.before), get_ints(self.after)
        require(
            self.mode.data in ("REFLECT", "SYMMETRIC"),
            f"{self.name}: mode {self.mode.data} is neither REFLECT nor SYMMETRIC",
        )
        expected = tuple(d + b + a for d, b, a in zip(shape, before, after, strict=True))
        require_shape(self.name, "result", self.result, expected)


@irdl_op_definition
class ConcatOp(IRDLOperation):
    """The inputs one after the other along `axis`."""

    name = "nn.concat"

    inputs = var_operand_def(TensorType)
    result = result_def(TensorType)
    axis = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure())
    assembly_format = "$inputs `axis` `=` $axis attr-dict `:` functional-type(operands, results)"

    def __init__(self, inputs: Sequence[SSAValue], axis: int):
        super().__init__(
            operands=[list(inputs)],
            result_types=[tensor(element_of(inputs[0]), concat_shape(inputs, axis))],
            properties={"axis": IntegerAttr(axis, i64)},
        )

    def verify_(self) -> None:
        require(len(self.inputs) > 0, f"{self.name}: there are no inputs")
        axis, rank = int(self.axis.value.data), rank_of(self.inputs[0])
        require(0 <= axis < rank, f"{self.name}: axis {axis} is not below the rank {rank}")
        first = shape_of(self.inputs[0])
        for other in map(shape_of, self.inputs):
            rest = (*other[:axis], *other[axis + 1 :])
            require(
                rest == (*first[:axis], *first[axis + 1 :]),
                f"{self.name}: {text(first)} and {text(other)} differ off axis {axis}",
            )
        require_shape(self.name, "result", self.result, concat_shape(self.inputs, axis))


def concat_shape(inputs: Sequence[SSAValue], axis: int) -> Shape:
    """The shape of a concatenation along `axis`."""
    first = shape_of(inputs[0])
    size = Dim(0, 0)
    for value in inputs:
        size = size + shape_of(value)[axis]
    return (*first[:axis], size, *first[axis + 1 :])


@irdl_op_definition
class TileOp(IRDLOperation):
    """`input`, repeated `multiples[i]` times along each dimension `i`."""

    name = "nn.tile"

    input = operand_def(TensorType)
    result = result_def(TensorType)
    multiples = prop_def(DimsAttr)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `multiples` `=` $multiples attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, multiples: Sequence[Dim | int]):
        shape = [dim * m for dim, m in zip(shape_of(input), multiples, strict=True)]
        super().__init__(
            operands=[input],
            result_types=[tensor(element_of(input), shape)],
            properties={"multiples": DimsAttr.of(multiples)},
        )

    def verify_(self) -> None:
        shape, multiples = shape_of(self.input), self.multiples.dims
        require(
            len(shape) == len(multiples),
            f"{self.name}: input has rank {len(shape)}, but there are {len(multiples)} multiples",
        )
        expected = tuple(d * m for d, m in zip(shape, multiples, strict=True))
        require_shape(self.name, "result", self.result, expected)


@irdl_op_definition
class ReverseOp(IRDLOperation):
    """`input` with its order reversed along `axes`."""

    name = "nn.reverse"

    input = operand_def(TensorType)
    result = result_def(TensorType)
    axes = prop_def(IntArray)

    traits = traits_def(Pure())
    assembly_format = "$input `axes` `=` $axes attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, axes: Sequence[int]):
        super().__init__(
            operands=[input], result_types=[input.type], properties={"axes": ints(axes)}
        )

    def verify_(self) -> None:
        require_shape(self.name, "result", self.result, shape_of(self.input))


@irdl_op_definition
class GatherOp(IRDLOperation):
    """`result[b…, o…, i…, r…] = input[b…, o…, indices[b…, i…], r…]`, indexing dimension `axis`.

    The first `batch_dims` dimensions are shared (TensorFlow's GatherV2). An index that is out of
    range is an error when it is met.
    """

    name = "nn.gather"

    input = operand_def(TensorType)
    indices = operand_def(TensorType)
    result = result_def(TensorType)
    axis = prop_def(IntegerAttr[I64])
    batch_dims = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $indices `axis` `=` $axis `batch_dims` `=` $batch_dims"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, indices: SSAValue, axis: int, batch_dims: int = 0):
        shape = gather_shape(shape_of(input), shape_of(indices), axis, batch_dims)
        super().__init__(
            operands=[input, indices],
            result_types=[tensor(element_of(input), shape)],
            properties={
                "axis": IntegerAttr(axis, i64),
                "batch_dims": IntegerAttr(batch_dims, i64),
            },
        )

    def verify_(self) -> None:
        axis, rank = int(self.axis.value.data), rank_of(self.input)
        batch_dims = int(self.batch_dims.value.data)
        require(
            0 <= batch_dims <= axis < rank,
            f"{self.name}: axis {axis} is not from batch_dims {batch_dims} up to rank {rank}",
        )
        expected = gather_shape(shape_of(self.input), shape_of(self.indices), axis, batch_dims)
        require_shape(self.name, "result", self.result, expected)


def gather_shape(input: Shape, indices: Shape, axis: int, batch_dims: int) -> Shape:
    """The shape of a gather along `axis`."""
    return (*input[:axis], *indices[batch_dims:], *input[axis + 1 :])
