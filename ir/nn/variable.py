"""State: variables of the module, and what functions read of them and assign to them.

A function sees a variable's value twice: `nn.read` is the one with which the function is entered,
and `nn.assign` the one with which it is left. So no read can stand behind an assignment that
changes it, and every operation between them is pure: no pass has to ask what it may move.
"""

from __future__ import annotations

from typing import cast

from xdsl.dialects.builtin import StringAttr, SymbolRefAttr, TensorType
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import MemoryWriteEffect, Pure, SymbolOpInterface, SymbolTable
from xdsl.utils.exceptions import VerifyException

from tfrc.ir.nn.base import require
from tfrc.ir.shape import static_shape


@irdl_op_definition
class VariableOp(IRDLOperation):
    """`nn.variable @"dense/kernel" : tensor<2x8xf32>`: state that outlives a call of a function.

    It stands in the module, for all functions. Its name is the object path of the variable in the
    model; the initial value is the array of that name in the weight store.
    """

    name = "nn.variable"

    sym_name = prop_def(StringAttr)
    type = prop_def(TensorType)

    traits = traits_def(SymbolOpInterface())

    def __init__(self, key: str, type_: TensorType[Attribute]):
        super().__init__(properties={"sym_name": StringAttr(key), "type": type_})

    @property
    def key(self) -> str:
        """The object path, which is the name in the weight store."""
        return self.sym_name.data

    def verify_(self) -> None:
        try:
            static_shape(self.type)
        except ValueError as error:
            raise VerifyException(f"{self.name} @{self.key}: {error}") from None

    @classmethod
    def parse(cls, parser: Parser) -> VariableOp:
        key = parser.parse_symbol_name()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type_ = parser.parse_type()
        if not isinstance(type_, TensorType):
            parser.raise_error("the type of nn.variable is a tensor")
        op = VariableOp(key.data, cast("TensorType[Attribute]", type_))
        op.attributes.update(attributes)
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.key)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.type)


@irdl_op_definition
class ReadOp(IRDLOperation):
    """`%v = nn.read @"dense/kernel" : tensor<2x8xf32>`: the value when the function is entered."""

    name = "nn.read"

    sym = prop_def(SymbolRefAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "$sym attr-dict `:` type($result)"

    def __init__(self, key: str, result_type: TensorType[Attribute]):
        super().__init__(properties={"sym": SymbolRefAttr(key)}, result_types=[result_type])

    @property
    def key(self) -> str:
        """The name of the variable."""
        return self.sym.root_reference.data

    def verify_(self) -> None:
        require_variable(self, self.sym, self.result.type)


@irdl_op_definition
class AssignOp(IRDLOperation):
    """`nn.assign @"dense/kernel", %v : tensor<2x8xf32>`: the value when the function is left.

    Assignments stand last in a function, one for each variable that it writes.
    """

    name = "nn.assign"

    sym = prop_def(SymbolRefAttr)
    value = operand_def(TensorType)

    traits = traits_def(MemoryWriteEffect())
    assembly_format = "$sym `,` $value attr-dict `:` type($value)"

    def __init__(self, key: str, value: SSAValue):
        super().__init__(properties={"sym": SymbolRefAttr(key)}, operands=[value])

    @property
    def key(self) -> str:
        """The name of the variable."""
        return self.sym.root_reference.data

    def verify_(self) -> None:
        require_variable(self, self.sym, self.value.type)
        behind = self.next_op
        while isinstance(behind, AssignOp):
            require(behind.key != self.key, f"{self.name}: two values for @{self.key}")
            behind = behind.next_op
        require(
            isinstance(behind, ReturnOp),
            f"{self.name} @{self.key}: assignments stand last in a function",
        )


def require_variable(op: Operation, sym: SymbolRefAttr, type_: Attribute) -> None:
    """Raise unless the module of `op` has the variable `sym`, of the type `type_`."""
    if op.parent_op() is None:
        return
    variable = SymbolTable.lookup_symbol(op, sym)
    key = sym.root_reference.data
    if not isinstance(variable, VariableOp):
        raise VerifyException(f"{op.name}: there is no nn.variable @{key} in the module")
    require(
        variable.type == type_,
        f"{op.name}: @{key} is a {variable.type}, but here it is a {type_}",
    )
