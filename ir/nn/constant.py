"""Constants: small ones in the text, weights by name in the weight store."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IntegerAttr,
    SymbolRefAttr,
    TensorType,
)
from xdsl.ir import Attribute
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from tfrc.ir.dtype import element_type, numpy_dtype
from tfrc.ir.shape import static_shape, tensor

INLINE_LIMIT = 64
"""A constant of at most this many elements is spelled in the text; larger ones go to the store."""


ConstantValue = DenseIntOrFPElementsAttr | FloatAttr | IntegerAttr


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """`%c = nn.constant dense<[1, 2]> : tensor<2xi32>`, or in a region `nn.constant 6.0 : f32`."""

    name = "nn.constant"

    value = prop_def(DenseIntOrFPElementsAttr | FloatAttr | IntegerAttr)
    result = result_def()

    traits = traits_def(Pure(), ConstantLike())

    def __init__(self, value: ConstantValue):
        super().__init__(properties={"value": value}, result_types=[_type(value)])

    @staticmethod
    def of(array: NDArray[np.generic], element: Attribute | None = None) -> ConstantOp:
        """The tensor constant that holds `array`."""
        element = element or element_type(array.dtype)
        return ConstantOp(dense(array, element))

    @property
    def array(self) -> NDArray[np.generic]:
        """The value as an array; of rank 0 for a scalar."""
        if isinstance(self.value, DenseIntOrFPElementsAttr):
            return dense_array(self.value)
        return np.asarray(self.value.value.data, numpy_dtype(_type(self.value)))

    def verify_(self) -> None:
        if self.result.type != _type(self.value):
            raise VerifyException(
                f"nn.constant holds a {_type(self.value)}, but its result is {self.result.type}"
            )

    @classmethod
    def parse(cls, parser: Parser) -> ConstantOp:
        value = parser.parse_attribute()
        if not isinstance(value, DenseIntOrFPElementsAttr | FloatAttr | IntegerAttr):
            parser.raise_error("nn.constant takes a dense<…> tensor or a number")
        return ConstantOp(cast(ConstantValue, value))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.value)


def _type(value: ConstantValue) -> Attribute:
    return value.type


def dense(array: NDArray[np.generic], element: Attribute) -> DenseIntOrFPElementsAttr:
    """`dense<…>` of `array`, whose elements are `element`s."""
    type_ = tensor(element, array.shape)
    values = np.ascontiguousarray(array).reshape(-1).tolist()
    return DenseIntOrFPElementsAttr.from_list(type_, values)  # pyright: ignore


def dense_array(attr: DenseIntOrFPElementsAttr) -> NDArray[np.generic]:
    """The array that `dense<…>` holds."""
    shape = static_shape(attr.type)
    dtype = numpy_dtype(attr.type.element_type)
    return np.asarray(attr.get_values(), dtype).reshape(shape)


@irdl_op_definition
class WeightOp(IRDLOperation):
    """`%w = nn.weight @"conv/kernel" : tensor<3x3x3x16xf32>`: that array of the weight store."""

    name = "nn.weight"

    sym = prop_def(SymbolRefAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), ConstantLike())
    assembly_format = "$sym attr-dict `:` type($result)"

    def __init__(self, name: str, result_type: TensorType[Attribute]):
        super().__init__(properties={"sym": SymbolRefAttr(name)}, result_types=[result_type])

    @property
    def key(self) -> str:
        """The name in the weight store."""
        return self.sym.root_reference.data

    def verify_(self) -> None:
        try:
            static_shape(self.result)
        except ValueError as error:
            raise VerifyException(f"nn.weight @{self.key}: {error}") from None
