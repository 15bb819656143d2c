"""Operations that combine many elements into one: pooling, reductions, softmax, normalisation."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    I64,
    BoolAttr,
    Float32Type,
    FloatAttr,
    IntegerAttr,
    TensorType,
    UnitAttr,
    f32,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    VarConstraint,
    base,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from tfrc.ir.nn.base import IntArray, get_ints, ints, require, require_shape
from tfrc.ir.nn.linear import require_pads, window_shape
from tfrc.ir.shape import Dim, Shape, element_of, rank_of, shape_of, tensor, text


class PoolOp(IRDLOperation, ABC):
    """A window that slides over the spatial dimensions of `[N, H, W, C]`.

    In the `pads` there are no elements, so that each window has to reach into the input, or with
    `pad_zeros` there are zeros.
    """

    input = operand_def(TensorType)
    result = result_def(TensorType)
    window = prop_def(IntArray)
    strides = prop_def(IntArray)
    pads = prop_def(IntArray)
    pad_zeros = opt_prop_def(UnitAttr)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `window` `=` $window `strides` `=` $strides `pads` `=` $pads"
        " (`pad_zeros` $pad_zeros^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        input: SSAValue,
        *,
        window: Sequence[int],
        strides: Sequence[int],
        pads: Sequence[int],
        pad_zeros: bool = False,
    ):
        n, *spatial, channels = shape_of(input)
        sizes = window_shape(spatial, window, strides, [1] * len(spatial), pads) or ()
        super().__init__(
            operands=[input],
            result_types=[tensor(element_of(input), (n, *sizes, channels))],
            properties={
                "window": ints(window),
                "strides": ints(strides),
                "pads": ints(pads),
                "pad_zeros": UnitAttr() if pad_zeros else None,
            },
        )

    def verify_(self) -> None:
        shape = shape_of(self.input)
        window, strides, pads = map(get_ints, (self.window, self.strides, self.pads))
        rank = len(window)
        require(
            len(shape) == rank + 2 and len(strides) == rank and len(pads) == 2 * rank,
            f"{self.name}: input has rank {len(shape)}, window {rank}, {len(strides)} strides and "
            f"{len(pads)} pads",
        )
        require_pads(self.name, pads)
        sizes = window_shape(shape[1:-1], window, strides, [1] * rank, pads)
        require(
            sizes is not None,
            f"{self.name}: window {'x'.join(map(str, window))} does not fit into "
            f"{text(shape[1:-1])}",
        )
        require(
            self.pad_zeros is not None
            or all(pad < size for pad, size in zip(pads, (*window, *window), strict=True)),
            f"{self.name}: pads {list(pads)} without zeros hold windows of "
            f"{'x'.join(map(str, window))}",
        )
        require_shape(self.name, "result", self.result, (shape[0], *(sizes or ()), shape[-1]))


@irdl_op_definition
class MaxPoolOp(PoolOp):
    """`result[n,y,x,c]` = the largest element of the window.

    Padding never wins; with `pad_zeros` it holds zeros, which are elements like others.
    """

    name = "nn.max_pool"


@irdl_op_definition
class AvgPoolOp(PoolOp):
    """`result[n,y,x,c]` = the mean of the window's elements that lie inside the input.

    With `pad_zeros` the padding holds zeros, which count as well (ONNX's `count_include_pad`).
    """

    name = "nn.avg_pool"


def reduced_shape(shape: Shape, axes: Sequence[int], keep_dims: bool) -> Shape:
    """The shape after reducing `axes` (counted from the front)."""
    return tuple(
        Dim(0, 1) if i in axes else dim for i, dim in enumerate(shape) if keep_dims or i not in axes
    )


class ReduceOp(IRDLOperation, ABC):
    """A reduction over `axes`, which stay with extent 1 if `keep_dims`."""

    input = operand_def(TensorType)
    result = result_def(TensorType)
    axes = prop_def(IntArray)
    keep_dims = prop_def(BoolAttr)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `axes` `=` $axes `keep_dims` `=` $keep_dims"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, axes: Sequence[int], keep_dims: bool = False):
        shape = reduced_shape(shape_of(input), axes, keep_dims)
        super().__init__(
            operands=[input],
            result_types=[tensor(element_of(input), shape)],
            properties={"axes": ints(axes), "keep_dims": BoolAttr.from_bool(keep_dims)},
        )

    def verify_(self) -> None:
        axes, rank = get_ints(self.axes), rank_of(self.input)
        require(
            list(axes) == sorted(set(axes)) and all(0 <= a < rank for a in axes),
            f"{self.name}: axes {list(axes)} should be ascending and below the rank {rank}",
        )
        expected = reduced_shape(shape_of(self.input), axes, bool(self.keep_dims.value.data))
        require_shape(self.name, "result", self.result, expected)


@irdl_op_definition
class SumOp(ReduceOp):
    """`result` = the sum over the axes."""

    name = "nn.sum"


@irdl_op_definition
class MeanOp(ReduceOp):
    """`result` = the sum over the axes, divided by how many elements were added."""

    name = "nn.mean"


@irdl_op_definition
class MaxOp(ReduceOp):
    """`result` = the largest element over the axes; NaN if one is NaN."""

    name = "nn.max"


@irdl_op_definition
class MinOp(ReduceOp):
    """`result` = the smallest element over the axes; NaN if one is NaN."""

    name = "nn.min"


@irdl_op_definition
class ProdOp(ReduceOp):
    """`result` = the product over the axes."""

    name = "nn.prod"


@irdl_op_definition
class AllOp(ReduceOp):
    """`result` = whether every element over the axes is true."""

    name = "nn.all"


@irdl_op_definition
class AnyOp(ReduceOp):
    """`result` = whether some element over the axes is true."""

    name = "nn.any"


class ArgOp(IRDLOperation, ABC):
    """The index of an extreme element along `axis`; the first of equals."""

    input = operand_def(TensorType)
    result = result_def(TensorType)
    axis = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure())
    assembly_format = "$input `axis` `=` $axis attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, axis: int, element: Attribute):
        shape = reduced_shape(shape_of(input), (axis,), False)
        super().__init__(
            operands=[input],
            result_types=[tensor(element, shape)],
            properties={"axis": IntegerAttr(axis, i64)},
        )

    def verify_(self) -> None:
        axis, rank = int(self.axis.value.data), rank_of(self.input)
        require(0 <= axis < rank, f"{self.name}: axis {axis} is not below the rank {rank}")
        expected = reduced_shape(shape_of(self.input), (axis,), False)
        require_shape(self.name, "result", self.result, expected)


@irdl_op_definition
class ArgMaxOp(ArgOp):
    """`result` = the index of the largest element along the axis."""

    name = "nn.arg_max"


@irdl_op_definition
class ArgMinOp(ArgOp):
    """`result` = the index of the smallest element along the axis."""

    name = "nn.arg_min"


class AxisOp(IRDLOperation, ABC):
    """An operation along one `axis` that keeps the shape."""

    T: ClassVar = VarConstraint("T", base(TensorType))

    input = operand_def(T)
    result = result_def(T)
    axis = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure())
    assembly_format = "$input `axis` `=` $axis attr-dict `:` type($result)"

    def __init__(self, input: SSAValue, axis: int):
        super().__init__(
            operands=[input],
            result_types=[input.type],
            properties={"axis": IntegerAttr(axis, i64)},
        )

    def verify_(self) -> None:
        axis, rank = int(self.axis.value.data), rank_of(self.input)
        require(0 <= axis < rank, f"{self.name}: axis {axis} is not below the rank {rank}")
        require_shape(self.name, "result", self.result, shape_of(self.input))


@irdl_op_definition
class SoftmaxOp(AxisOp):
    """`result = e^(input - m) / Σ e^(input - m)` along the axis, m its largest element."""

    name = "nn.softmax"


@irdl_op_definition
class LogSoftmaxOp(AxisOp):
    """`result = input - m - ln Σ e^(input - m)` along the axis, m its largest element."""

    name = "nn.log_softmax"


@irdl_op_definition
class LayerNormOp(IRDLOperation):
    """`result = (input - μ)/√(σ² + epsilon) · scale + offset`, μ and σ² over the last axis.

    `scale` and `offset` have one element for each position of the last axis (Ba et al. 2016).
    """

    name = "nn.layer_norm"

    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    offset = operand_def(TensorType)
    result = result_def(TensorType)
    epsilon = prop_def(FloatAttr[Float32Type])

    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $scale `,` $offset `epsilon` `=` $epsilon"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, scale: SSAValue, offset: SSAValue, epsilon: float):
        super().__init__(
            operands=[input, scale, offset],
            result_types=[input.type],
            properties={"epsilon": FloatAttr(epsilon, f32)},
        )

    def verify_(self) -> None:
        shape = shape_of(self.input)
        require(len(shape) >= 1, f"{self.name}: input is a scalar")
        require_shape(self.name, "scale", self.scale, shape[-1:])
        require_shape(self.name, "offset", self.offset, shape[-1:])
        require_shape(self.name, "result", self.result, shape)
