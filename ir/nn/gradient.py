"""Gradients that no composition of other operations says: of filters, of max pools, of gathers."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType, UnitAttr
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
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
from tfrc.ir.shape import Dim, Shape, as_shape, element_of, rank_of, shape_of, tensor, text


class FilterGradientOp(IRDLOperation, ABC):
    """The gradient of a filter: input `[N, spatial…, C]`, gradient of the convolution's result."""

    input = operand_def(TensorType)
    gradient = operand_def(TensorType)
    result = result_def(TensorType)
    strides = prop_def(IntArray)
    dilations = prop_def(IntArray)
    pads = prop_def(IntArray)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $gradient `strides` `=` $strides `pads` `=` $pads `dilations` `=` $dilations"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        input: SSAValue,
        gradient: SSAValue,
        filter: Sequence[Dim | int],
        *,
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int],
    ):
        super().__init__(
            operands=[input, gradient],
            result_types=[tensor(element_of(input), as_shape(filter))],
            properties={"strides": ints(strides), "dilations": ints(dilations), "pads": ints(pads)},
        )

    def outputs(self) -> tuple[Dim, Dim]:
        """The input channels of the filter, and the channels of the convolution's result."""
        channels, outputs = shape_of(self.result)[-2:]
        return channels, outputs

    def verify_(self) -> None:
        input, gradient, filter = map(shape_of, (self.input, self.gradient, self.result))
        strides, dilations, pads = map(get_ints, (self.strides, self.dilations, self.pads))
        rank = len(strides)
        require(
            len(input) == len(gradient) == len(filter) == rank + 2,
            f"{self.name}: input has rank {len(input)}, gradient {len(gradient)} and result "
            f"{len(filter)}, but {rank} strides need {rank + 2}",
        )
        channels, outputs = self.outputs()
        require(
            input[-1] == channels,
            f"{self.name}: the filter takes {channels} channels, but input has {input[-1]}",
        )
        require_pads(self.name, pads)
        sizes = window_shape(input[1:-1], [int(d) for d in filter[:rank]], strides, dilations, pads)
        require(
            sizes is not None,
            f"{self.name}: filter {text(filter[:rank])} does not fit into {text(input[1:-1])}",
        )
        require_shape(self.name, "gradient", self.gradient, (input[0], *(sizes or ()), outputs))


@irdl_op_definition
class Conv2DBackpropFilterOp(FilterGradientOp):
    """`result[i,j,c,o] = Σ_{n,y,x} input[n, Y, X, c] · gradient[n,y,x,o]`.

    `Y = y·sy + i·dy - top` and `X = x·sx + j·dx - left`, as for `nn.conv2d`.
    """

    name = "nn.conv2d_backprop_filter"


@irdl_op_definition
class Conv3DBackpropFilterOp(FilterGradientOp):
    """Like `nn.conv2d_backprop_filter`, with `pads = [front, top, left, back, bottom, right]`."""

    name = "nn.conv3d_backprop_filter"


@irdl_op_definition
class DepthwiseConv2DBackpropFilterOp(FilterGradientOp):
    """`result[i,j,c,k] = Σ_{n,y,x} input[n, Y, X, c] · gradient[n, y, x, c·m + k]`.

    The result is `[kh, kw, C, m]`. Pads, `Y` and `X` are as for `nn.conv2d`.
    """

    name = "nn.depthwise_conv2d_backprop_filter"

    def outputs(self) -> tuple[Dim, Dim]:
        channels, multiplier = shape_of(self.result)[-2:]
        return channels, channels * multiplier


class PoolGradientOp(IRDLOperation, ABC):
    """The gradient of a pool's input: input `[N, spatial…, C]`, gradient of the pool's result."""

    input = operand_def(TensorType)
    gradient = operand_def(TensorType)
    result = result_def(TensorType)
    window = prop_def(IntArray)
    strides = prop_def(IntArray)
    pads = prop_def(IntArray)

    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $gradient `window` `=` $window `strides` `=` $strides `pads` `=` $pads"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        input: SSAValue,
        gradient: SSAValue,
        *,
        window: Sequence[int],
        strides: Sequence[int],
        pads: Sequence[int],
    ):
        super().__init__(
            operands=[input, gradient],
            result_types=[input.type],
            properties={"window": ints(window), "strides": ints(strides), "pads": ints(pads)},
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
        expected = (shape[0], *(sizes or ()), shape[-1])
        require_shape(self.name, "gradient", self.gradient, expected)
        require_shape(self.name, "result", self.result, shape)


@irdl_op_definition
class MaxPoolGradOp(PoolGradientOp):
    """`result[e]` = the sum of `gradient` over the windows of `input` whose largest element is e.

    Of equal elements the first in the window is taken, and a NaN only if it comes first.
    """

    name = "nn.max_pool_grad"


@irdl_op_definition
class MaxPool3DGradOp(PoolGradientOp):
    """Like `nn.max_pool_grad`, but all elements that are equal to the largest get the gradient.

    TensorFlow decides so in three dimensions.
    """

    name = "nn.max_pool3d_grad"


def segment_shape(input: Shape, indices: Shape, segments: Dim) -> Shape:
    """The shape of a segment sum."""
    return (segments, *input[len(indices) :])


@irdl_op_definition
class SegmentSumOp(IRDLOperation):
    """`result[s, r…] = Σ input[i…, r…]` over the `i…` with `indices[i…] = s`.

    This is the gradient of a gather. An index that is no row of the result is an error when it is
    met; with `skip_negative`, rows whose index is negative are left out (TensorFlow's
    UnsortedSegmentSum).
    """

    name = "nn.segment_sum"

    input = operand_def(TensorType)
    indices = operand_def(TensorType)
    result = result_def(TensorType)
    skip_negative = opt_prop_def(UnitAttr)

    traits = traits_def(Pure())
    assembly_format = (
        "(`skip_negative` $skip_negative^)? $input `,` $indices"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        input: SSAValue,
        indices: SSAValue,
        segments: Dim | int,
        *,
        skip_negative: bool = False,
    ):
        (rows,) = as_shape([segments])
        shape = segment_shape(shape_of(input), shape_of(indices), rows)
        super().__init__(
            operands=[input, indices],
            result_types=[tensor(element_of(input), shape)],
            properties={"skip_negative": UnitAttr() if skip_negative else None},
        )

    def verify_(self) -> None:
        input, indices, result = map(shape_of, (self.input, self.indices, self.result))
        rank = rank_of(self.indices)
        require(
            input[:rank] == indices,
            f"{self.name}: indices are {text(indices)}, but input begins with {text(input[:rank])}",
        )
        require(len(result) > 0, f"{self.name}: result is a scalar")
        require_shape(self.name, "result", self.result, segment_shape(input, indices, result[0]))
