"""The table of legalizations, and what one of them works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from tfrc.ir import nn
from tfrc.ir.dtype import is_float, numpy_dtype
from tfrc.ir.nn.base import normalize_axis
from tfrc.ir.shape import Dim, N, Shape, as_shape, element_of, rank_of, shape_of, static_shape
from tfrc.ir.tf import DimsOp, NodeOp
from tfrc.passes.attributes import flag, integer, integers, number, numbers, text
from tfrc.passes.constants import PROBES, Constants, element_type, fit, is_tensor
from tfrc.passes.legalize.state import Variables
from tfrc.passes.legalize.unsupported import Refusal
from tfrc.passes.matching import scalar_attr

OperationT = TypeVar("OperationT", bound=Operation)

Results = SSAValue | Sequence[SSAValue | None]
"""What a node becomes: the value of its one output, or one for each output.

None stands for an output that has no meaning outside training.
"""


class Builder:
    """Inserts `nn` operations in place of one node; reads its constants, attributes, variables."""

    def __init__(self, node: NodeOp, constants: Constants, variables: Variables):
        self.node = node
        self.constants = constants
        self.variables = variables
        self.inserted: list[Operation] = []

    def insert(self, op: OperationT) -> OperationT:
        """Put `op` before the node, under the node's name."""
        op.location = self.node.location
        block = self.node.parent_block()
        assert block is not None
        block.insert_op_before(op, self.node)
        self.inserted.append(op)
        return op

    # Operands

    def tensor(self, i: int) -> SSAValue:
        """Operand `i`, whose shape must be known."""
        value = self.node.inputs[i]
        if not is_tensor(value):
            raise Refusal(f"the shape of its operand {i} is not known: {value.type}")
        if isinstance(value.owner, DimsOp):
            return self.materialize(value.owner)
        return value

    def materialize(self, op: DimsOp) -> SSAValue:
        """Numbers that depend on the batch as a tensor."""
        return self.numbers(op.value.dims, static_shape(op.result), element_of(op.result))

    def number(self, dim: Dim, element: Attribute) -> SSAValue:
        """A dimension as a tensor of rank 0."""
        if dim.is_static:
            return self.scalar(int(dim), element)
        return self.numbers([dim], (), element)

    def numbers(self, dims: Sequence[Dim], shape: tuple[int, ...], element: Attribute) -> SSAValue:
        """Dimensions as a tensor: `scales · N + offsets`.

        Here N is a sum of as many ones as the batch has elements.
        """
        scales = np.array([d.scale for d in dims], np.int64).reshape(shape)
        offsets = np.array([d.offset for d in dims], np.int64).reshape(shape)
        ones = self.broadcast_to(self.scalar(1, element), [N])
        batch = self.insert(nn.SumOp(ones, [0])).result
        value = batch
        if shape or (scales != 1).any():
            value = self.insert(nn.MulOp(self.array(scales, element), batch)).result
        if offsets.any():
            value = self.insert(nn.AddOp(value, self.array(offsets, element))).result
        return value

    def result_element(self, i: int) -> Attribute:
        """The element type of the node's output `i`."""
        return element_type(self.node.outputs[i])

    def shape(self, i: int) -> Shape:
        """The shape of operand `i`."""
        return shape_of(self.tensor(i))

    def dims(self, i: int, what: str) -> Shape:
        """The elements of the integer operand `i`, linear in the batch."""
        dims = self.constants.dims(self.node.inputs[i])
        if dims is None:
            raise Refusal(
                f"its {what} (operand {i}) depends on data, or not linearly on the batch: "
                "only what can be computed from shapes is supported"
            )
        return dims

    def ints(self, i: int, what: str) -> tuple[int, ...]:
        """The elements of the integer operand `i`, a constant."""
        dims = self.dims(i, what)
        for dim in dims:
            if not dim.is_static:
                raise Refusal(f"its {what} (operand {i}) is {dim}, but may not depend on the batch")
        return tuple(int(d) for d in dims)

    def int(self, i: int, what: str) -> int:
        """The constant integer that is operand `i`."""
        values = self.ints(i, what)
        if len(values) != 1:
            raise Refusal(f"its {what} (operand {i}) has {len(values)} elements, not one")
        return values[0]

    def axis(self, i: int, rank: int, what: str = "axis") -> int:
        """The axis that is operand `i`, counted from the front."""
        return self.checked_axis(self.int(i, what), rank)

    def axes(self, i: int, rank: int) -> list[int]:
        """The axes that are operand `i`, counted from the front, ascending."""
        return sorted({self.checked_axis(a, rank) for a in self.ints(i, "axes")})

    def checked_axis(self, axis: int, rank: int) -> int:
        """`axis`, counted from the front."""
        if not -rank <= axis < rank:
            raise Refusal(f"its axis {axis} is not below the rank {rank}")
        return normalize_axis(axis, rank)

    # Attributes

    def get_int(self, name: str, default: int = 0) -> int:
        """An `int` attribute."""
        return integer(self.node.attrs.data, name, default)

    def get_ints(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """A `list(int)` attribute."""
        return integers(self.node.attrs.data, name, default)

    def get_flag(self, name: str, default: bool = False) -> bool:
        """A `bool` attribute."""
        return flag(self.node.attrs.data, name, default)

    def get_float(self, name: str, default: float) -> float:
        """A `float` attribute."""
        return number(self.node.attrs.data, name, default)

    def get_floats(self, name: str) -> tuple[float, ...]:
        """A `list(float)` attribute."""
        return numbers(self.node.attrs.data, name)

    def get_text(self, name: str, default: str) -> str:
        """A `string` attribute."""
        return text(self.node.attrs.data, name, default)

    def get_type(self, name: str, default: Attribute) -> Attribute:
        """A `type` attribute."""
        return self.node.attrs.data.get(name, default)

    # What many legalizations insert

    def array(self, array: NDArray[Any], element: Attribute) -> SSAValue:
        """A constant tensor."""
        return self.insert(self.constants.operation(array, element, self.node)).results[0]

    def scalar(self, value: float | int | bool, element: Attribute) -> SSAValue:
        """A constant of rank 0."""
        return self.array(np.array(value, numpy_dtype(element)), element)

    def reshape(self, x: SSAValue, shape: Sequence[Dim | int]) -> SSAValue:
        """`x` in another shape of as many elements."""
        if shape_of(x) == as_shape(shape):
            return x
        return self.insert(nn.ReshapeOp(x, shape)).result

    def transpose(self, x: SSAValue, permutation: Sequence[int]) -> SSAValue:
        """`x` with its dimensions in another order."""
        if list(permutation) == list(range(rank_of(x))):
            return x
        return self.insert(nn.TransposeOp(x, permutation)).result

    def broadcast_to(self, x: SSAValue, shape: Sequence[Dim | int]) -> SSAValue:
        """`x` repeated to `shape`."""
        if shape_of(x) == as_shape(shape):
            return x
        return self.insert(nn.BroadcastToOp(x, shape)).result

    def cast(self, x: SSAValue, element: Attribute) -> SSAValue:
        """`x` as another element type."""
        if element_of(x) == element:
            return x
        return self.insert(nn.CastOp(x, element)).result

    def slice(
        self,
        x: SSAValue,
        begin: Sequence[Dim | int],
        shape: Sequence[Dim | int],
        strides: Sequence[int] | None = None,
    ) -> SSAValue:
        """A part of `x`."""
        whole = as_shape(shape) == shape_of(x) and all(s == 1 for s in strides or ())
        if whole and all(b == Dim(0, 0) for b in as_shape(begin)):
            return x
        return self.insert(nn.SliceOp(x, begin, shape, strides)).result

    def pad(
        self, x: SSAValue, before: Sequence[int], after: Sequence[int], value: float | int = 0
    ) -> SSAValue:
        """`x` with a border of `value`."""
        if not any((*before, *after)):
            return x
        return self.insert(nn.PadOp(x, before, after, scalar_attr(value, element_of(x)))).result

    def keep_in_range(self, op: nn.GatherOp | nn.SegmentSumOp) -> None:
        """In a branch that is not taken, let every index be that of the first row."""
        zero = self.scalar(0, element_of(op.indices))
        begin = len(self.inserted) - 1
        for condition, is_then in self.variables.conditions():
            rows = (op.indices, zero) if is_then else (zero, op.indices)
            op.operands[1] = self.insert(nn.SelectOp(condition, *rows)).result
        block = op.parent_block()
        assert block is not None
        for each in self.inserted[begin:]:
            each.detach()
            block.insert_op_before(each, op)

    def concat(self, inputs: Sequence[SSAValue], axis: int) -> SSAValue:
        """The inputs one after the other."""
        return inputs[0] if len(inputs) == 1 else self.insert(nn.ConcatOp(inputs, axis)).result


def linear_in_batch(function: Callable[[int], Sequence[int]], what: str) -> Shape:
    """The integers that `function` gives for a batch size, as linear forms."""
    dims = fit([np.array(list(function(n)), np.int64) for n in PROBES])
    if dims is None:
        raise Refusal(f"its {what} is not linear in the batch size: give the input a static shape")
    return dims


Legalization = Callable[[NodeOp, Builder], Results]

LEGALIZATIONS: dict[str, Legalization] = {}
"""What each TensorFlow op becomes."""


def legalizes(*ops: str) -> Callable[[Legalization], Legalization]:
    """Register the decorated function for TensorFlow ops."""

    def register(function: Legalization) -> Legalization:
        for op in ops:
            assert op not in LEGALIZATIONS, f"two legalizations of {op}"
            LEGALIZATIONS[op] = function
        return function

    return register


def is_supported_element(element: Attribute) -> bool:
    """Whether kernels compute with an element type: float32, float64, integers and bool."""
    try:
        dtype = numpy_dtype(element)
    except ValueError:
        return False
    return dtype.kind in "iub" or (is_float(element) and dtype.itemsize >= 4)


def check_result(node: NodeOp, i: int, value: SSAValue) -> None:
    """Refuse a result of another type than TensorFlow inferred."""
    expected = node.outputs[i].type
    if isinstance(expected, TensorType) and value.type != expected:
        raise Refusal(f"its result {i} is {expected} in TensorFlow, but legalizes to {value.type}")


def legalize(node: NodeOp, constants: Constants, variables: Variables) -> list[SSAValue | None]:
    """Insert what `node` becomes before it; one value for each output.

    Errors: Refusal, and then nothing is left behind.
    """
    builder = Builder(node, constants, variables)
    try:
        results = LEGALIZATIONS[node.op.data](node, builder)
        values: list[SSAValue | None] = (
            [results] if isinstance(results, SSAValue) else list(results)
        )
        assert len(values) == len(node.outputs), f"{node.op.data} has {len(node.outputs)} outputs"
        if variables.branches:
            for op in list(builder.inserted):
                if isinstance(op, nn.GatherOp | nn.SegmentSumOp):
                    builder.keep_in_range(op)
        for op in builder.inserted:
            op.verify_()
        for i, value in enumerate(values):
            if value is not None:
                check_result(node, i, value)
            elif node.outputs[i].first_use is not None:
                raise Refusal(f"its output {i}, which only training needs, is used")
    except VerifyException as error:
        _undo(builder)
        raise Refusal(str(error)) from None
    except (Refusal, ValueError) as error:
        _undo(builder)
        raise Refusal(str(error)) from None
    return values


def _undo(builder: Builder) -> None:
    for op in reversed(builder.inserted):
        op.detach()
        op.erase()
