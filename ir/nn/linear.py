"""Convolutions and matrix products, with the epilogue that their kernels apply.

All of them end in the same way: `result = activation(product + bias + residual)`, where each of the
three may be absent. `bias` has one element for each output channel, `residual` the result's shape.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import I64, IntegerAttr, TensorType, UnitAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from tfrc.ir.nn.activation import ActivationAttr
from tfrc.ir.nn.base import IntArray, get_ints, ints, require, require_shape
from tfrc.ir.shape import (
    Dim,
    Shape,
    broadcast,
    element_of,
    shape_of,
    swap_heads,
    tensor,
    text,
)

_EPILOGUE_FORMAT = (
    "(`bias` $bias^ `:` type($bias))? (`residual` $residual^ `:` type($residual))?"
    " (`activation` `` $activation^)?"
)


class EpilogueOp(IRDLOperation, ABC):
    """An operation that ends in `activation(… + bias + residual)`."""

    bias = opt_operand_def(TensorType)
    residual = opt_operand_def(TensorType)
    result = result_def(TensorType)
    activation = opt_prop_def(ActivationAttr)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(Pure())

    def verify_epilogue(self) -> None:
        """Bias and residual fit the result."""
        shape = shape_of(self.result)
        if self.bias is not None:
            require_shape(self.name, "bias", self.bias, shape[-1:])
        if self.residual is not None:
            require_shape(self.name, "residual", self.residual, shape)


def _window(
    size: Dim, kernel: int, stride: int, dilation: int, before: int, after: int
) -> Dim | None:
    """How many windows fit into a padded extent; None if none does."""
    if not size.is_static:
        # A batch-dependent extent is never windowed: the batch is not a spatial dimension.
        return None
    room = int(size) + before + after - (kernel - 1) * dilation - 1
    return Dim(0, room // stride + 1) if room >= 0 else None


def window_shape(
    spatial: Sequence[Dim],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> tuple[Dim, ...] | None:
    """Output extents of a sliding window; `pads` is (before, …, after, …). None if one is empty."""
    rank = len(spatial)
    sizes = [
        _window(spatial[i], kernel[i], strides[i], dilations[i], pads[i], pads[rank + i])
        for i in range(rank)
    ]
    known = [size for size in sizes if size is not None]
    return tuple(known) if len(known) == rank else None


def require_pads(name: str, pads: Sequence[int]) -> None:
    """Raise if a pad is negative: only convolutions leave out what is at the edges."""
    require(min(pads, default=0) >= 0, f"{name}: there are negative pads in {list(pads)}")


class ConvOp(EpilogueOp, ABC):
    """A convolution: input `[N, spatial…, C_in]`, filter `[spatial…, C_in/groups, C_out]`.

    Negative pads leave out so many elements at that side of the input.
    """

    input = operand_def(TensorType)
    filter = operand_def(TensorType)
    strides = prop_def(IntArray)
    dilations = prop_def(IntArray)
    pads = prop_def(IntArray)
    groups = prop_def(IntegerAttr[I64])

    assembly_format = (
        "$input `,` $filter " + _EPILOGUE_FORMAT + " `strides` `=` $strides `pads` `=` $pads"
        " `dilations` `=` $dilations `groups` `=` $groups"
        " attr-dict `:` type($input) `,` type($filter) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue,
        filter: SSAValue,
        *,
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int] | None = None,
        groups: int = 1,
        bias: SSAValue | None = None,
        residual: SSAValue | None = None,
        activation: ActivationAttr | None = None,
    ):
        dilations = dilations or [1] * len(strides)
        *kernel, _, out = (int(d) for d in shape_of(filter))
        n, *spatial, _ = shape_of(input)
        sizes = window_shape(spatial, kernel, strides, dilations, pads) or ()
        super().__init__(
            operands=[input, filter, [bias] if bias else [], [residual] if residual else []],
            result_types=[tensor(element_of(input), (n, *sizes, Dim(0, out)))],
            properties={
                "strides": ints(strides),
                "dilations": ints(dilations),
                "pads": ints(pads),
                "groups": IntegerAttr(groups, i64),
                "activation": activation,
            },
        )

    def verify_(self) -> None:
        input, filter = shape_of(self.input), shape_of(self.filter)
        strides, dilations, pads = map(get_ints, (self.strides, self.dilations, self.pads))
        rank = len(strides)
        require(
            len(input) == len(filter) == rank + 2,
            f"{self.name}: input has rank {len(input)} and filter {len(filter)}, "
            f"but {rank} strides need {rank + 2}",
        )
        require(
            len(dilations) == rank and len(pads) == 2 * rank,
            f"{self.name}: {len(dilations)} dilations and {len(pads)} pads for {rank} strides",
        )
        groups = int(self.groups.value.data)
        *kernel, c_in, c_out = (int(d) for d in filter)
        require(
            groups > 0 and input[-1] == Dim(0, c_in * groups) and c_out % groups == 0,
            f"{self.name}: filter maps {c_in} to {c_out} channels in {groups} groups, "
            f"but input has {input[-1]}",
        )
        sizes = window_shape(input[1:-1], kernel, strides, dilations, pads)
        require(
            sizes is not None,
            f"{self.name}: filter {text(filter[:rank])} does not fit into {text(input[1:-1])}",
        )
        expected = (input[0], *(sizes or ()), Dim(0, c_out))
        require_shape(self.name, "result", self.result, expected)
        self.verify_epilogue()


@irdl_op_definition
class Conv1DOp(ConvOp):
    """`result[n,x,o] = act(Σ_{j,c} input[n, x·sx+j·dx-px, c] · filter[j,c,o] + …)`.

    Outside the input, `pads = [left, right]` zeros stand; negative ones leave out elements.
    """

    name = "nn.conv1d"


@irdl_op_definition
class Conv2DOp(ConvOp):
    """`result[n,y,x,o] = act(Σ_{i,j,c} input[n, Y, X, c] · filter[i,j,c,o] + …)`.

    `Y = y·sy + i·dy - top` and `X = x·sx + j·dx - left`.
    Outside the input, `pads = [top, left, bottom, right]` zeros stand; negative ones leave out
    elements. In a grouped convolution, output channel `o` of group `g` sees the `c_in/groups` input
    channels of `g`.
    """

    name = "nn.conv2d"


@irdl_op_definition
class Conv3DOp(ConvOp):
    """Like `nn.conv2d`, with `pads = [front, top, left, back, bottom, right]`."""

    name = "nn.conv3d"


@irdl_op_definition
class DepthwiseConv2DOp(EpilogueOp):
    """`result[n,y,x,c·m+k] = act(Σ_{i,j} input[n, Y, X, c] · filter[i,j,c,k] + …)`.

    `filter` is `[kh, kw, C, m]`. Pads, `Y` and `X` are as for `nn.conv2d`.
    """

    name = "nn.depthwise_conv2d"

    input = operand_def(TensorType)
    filter = operand_def(TensorType)
    strides = prop_def(IntArray)
    dilations = prop_def(IntArray)
    pads = prop_def(IntArray)

    assembly_format = (
        "$input `,` $filter " + _EPILOGUE_FORMAT + " `strides` `=` $strides `pads` `=` $pads"
        " `dilations` `=` $dilations"
        " attr-dict `:` type($input) `,` type($filter) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue,
        filter: SSAValue,
        *,
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int] = (1, 1),
        bias: SSAValue | None = None,
        residual: SSAValue | None = None,
        activation: ActivationAttr | None = None,
    ):
        *kernel, channels, multiplier = (int(d) for d in shape_of(filter))
        n, *spatial, _ = shape_of(input)
        sizes = window_shape(spatial, kernel, strides, dilations, pads) or ()
        super().__init__(
            operands=[input, filter, [bias] if bias else [], [residual] if residual else []],
            result_types=[tensor(element_of(input), (n, *sizes, Dim(0, channels * multiplier)))],
            properties={
                "strides": ints(strides),
                "dilations": ints(dilations),
                "pads": ints(pads),
                "activation": activation,
            },
        )

    def verify_(self) -> None:
        input, filter = shape_of(self.input), shape_of(self.filter)
        require(
            len(input) == len(filter) == 4,
            f"{self.name}: input has rank {len(input)} and filter {len(filter)}, not 4",
        )
        *kernel, channels, multiplier = (int(d) for d in filter)
        require(
            input[-1] == Dim(0, channels),
            f"{self.name}: filter has {channels} channels, but input has {input[-1]}",
        )
        strides, dilations, pads = map(get_ints, (self.strides, self.dilations, self.pads))
        require_pads(self.name, pads)
        sizes = window_shape(input[1:-1], kernel, strides, dilations, pads)
        require(
            sizes is not None,
            f"{self.name}: filter {text(filter[:2])} does not fit into {text(input[1:-1])}",
        )
        expected = (input[0], *(sizes or ()), Dim(0, channels * multiplier))
        require_shape(self.name, "result", self.result, expected)
        self.verify_epilogue()


def _flag(value: bool) -> UnitAttr | None:
    return UnitAttr() if value else None


@irdl_op_definition
class MatMulOp(EpilogueOp):
    """`result[…,i,j] = act(Σ_k lhs[…,i,k] · rhs[k,j] + bias[j] + residual[…,i,j])`.

    `rhs` is a matrix; `lhs` may have any rank of 2 or more (a Dense layer on `[N, T, C]`). With
    `transpose_lhs` (rank 2 only) or `transpose_rhs`, the matrix is read transposed.
    """

    name = "nn.matmul"

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    transpose_lhs = opt_prop_def(UnitAttr)
    transpose_rhs = opt_prop_def(UnitAttr)

    assembly_format = (
        "(`transpose_lhs` $transpose_lhs^)? (`transpose_rhs` $transpose_rhs^)? $lhs `,` $rhs "
        + _EPILOGUE_FORMAT
        + " attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        *,
        transpose_lhs: bool = False,
        transpose_rhs: bool = False,
        bias: SSAValue | None = None,
        residual: SSAValue | None = None,
        activation: ActivationAttr | None = None,
    ):
        left, right = shape_of(lhs), shape_of(rhs)
        rows = left[-1:] if transpose_lhs else left[:-1]
        columns = right[0] if transpose_rhs else right[1]
        super().__init__(
            operands=[lhs, rhs, [bias] if bias else [], [residual] if residual else []],
            result_types=[tensor(element_of(lhs), (*rows, columns))],
            properties={
                "transpose_lhs": _flag(transpose_lhs),
                "transpose_rhs": _flag(transpose_rhs),
                "activation": activation,
            },
        )

    def verify_(self) -> None:
        left, right = list(shape_of(self.lhs)), list(shape_of(self.rhs))
        require(
            len(left) >= 2 and len(right) == 2,
            f"{self.name}: lhs has rank {len(left)} and rhs {len(right)}, not 2 or more and 2",
        )
        require(
            self.transpose_lhs is None or len(left) == 2,
            f"{self.name}: transpose_lhs needs a matrix, but lhs has rank {len(left)}",
        )
        inner = left[0] if self.transpose_lhs else left[-1]
        rows = left[-1:] if self.transpose_lhs else left[:-1]
        depth, columns = (right[1], right[0]) if self.transpose_rhs else (right[0], right[1])
        require(inner == depth, f"{self.name}: lhs sums over {inner}, but rhs over {depth}")
        require_shape(self.name, "result", self.result, (*rows, columns))
        self.verify_epilogue()


@irdl_op_definition
class BatchMatMulOp(IRDLOperation):
    """`result[b…,i,j] = Σ_k lhs[b…,i,k] · rhs[b…,k,j]`; the batch dimensions `b…` broadcast.

    With `transpose_lhs` or `transpose_rhs`, the last two dimensions of that operand are swapped.
    With `heads_lhs`, `heads_rhs` or `heads_result`, the matrices of the last batch dimension lie
    side by side in that tensor: it is `[b…, rows, heads, columns]`.
    """

    name = "nn.batch_matmul"

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    result = result_def(TensorType)
    transpose_lhs = opt_prop_def(UnitAttr)
    transpose_rhs = opt_prop_def(UnitAttr)
    heads_lhs = opt_prop_def(UnitAttr)
    heads_rhs = opt_prop_def(UnitAttr)
    heads_result = opt_prop_def(UnitAttr)

    traits = traits_def(Pure())
    assembly_format = (
        "(`transpose_lhs` $transpose_lhs^)? (`transpose_rhs` $transpose_rhs^)?"
        " (`heads_lhs` $heads_lhs^)? (`heads_rhs` $heads_rhs^)? (`heads_result` $heads_result^)?"
        " $lhs `,` $rhs attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        *,
        transpose_lhs: bool = False,
        transpose_rhs: bool = False,
        heads: tuple[bool, bool, bool] = (False, False, False),
    ):
        left, right = swap_heads(shape_of(lhs), heads[0]), swap_heads(shape_of(rhs), heads[1])
        batch = broadcast(left[:-2], right[:-2]) or ()
        shape = (*batch, left[-1 if transpose_lhs else -2], right[-2 if transpose_rhs else -1])
        super().__init__(
            operands=[lhs, rhs],
            result_types=[tensor(element_of(lhs), swap_heads(shape, heads[2]))],
            properties={
                "transpose_lhs": _flag(transpose_lhs),
                "transpose_rhs": _flag(transpose_rhs),
                "heads_lhs": _flag(heads[0]),
                "heads_rhs": _flag(heads[1]),
                "heads_result": _flag(heads[2]),
            },
        )

    @property
    def heads(self) -> tuple[bool, bool, bool]:
        """Of `lhs`, `rhs` and the result, whether matrices lie side by side."""
        return (
            self.heads_lhs is not None,
            self.heads_rhs is not None,
            self.heads_result is not None,
        )

    @property
    def shapes(self) -> tuple[Shape, Shape]:
        """The shapes of the operands as matrices one after the other."""
        lhs, rhs, _ = self.heads
        return swap_heads(shape_of(self.lhs), lhs), swap_heads(shape_of(self.rhs), rhs)

    def verify_(self) -> None:
        for name, heads in zip(("lhs", "rhs", "result"), self.heads, strict=True):
            rank, least = len(shape_of(getattr(self, name))), 3 if heads else 2
            require(rank >= least, f"{self.name}: {name} has rank {rank}, not {least} or more")
        left, right = self.shapes
        batch = broadcast(left[:-2], right[:-2])
        require(
            batch is not None,
            f"{self.name}: batches {text(left[:-2])} and {text(right[:-2])} do not broadcast",
        )
        inner = left[-2 if self.transpose_lhs else -1]
        depth = right[-1 if self.transpose_rhs else -2]
        require(inner == depth, f"{self.name}: lhs sums over {inner}, but rhs over {depth}")
        expected = (
            *(batch or ()),
            left[-1 if self.transpose_lhs else -2],
            right[-2 if self.transpose_rhs else -1],
        )
        require_shape(self.name, "result", self.result, swap_heads(expected, self.heads[2]))
