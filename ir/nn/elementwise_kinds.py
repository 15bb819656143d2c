"""The kinds of elementwise operation: how they are typed, written and verified."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import Float32Type, FloatAttr, TensorType, f32, i1
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    VarConstraint,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from tfrc.ir.shape import broadcast, element_of, shape_of, tensor, text


class ElementwiseOp(IRDLOperation, ABC):
    """An operation on each element. Its operands are tensors that broadcast, or scalars."""

    def verify_(self) -> None:
        shapes = [shape_of(operand) for operand in self.operands]
        expected = broadcast(*shapes)
        if expected is None:
            listed = " and ".join(text(shape) for shape in shapes)
            raise VerifyException(f"{self.name}: shapes {listed} do not broadcast")
        actual = shape_of(self.results[0])
        if actual != expected:
            raise VerifyException(
                f"{self.name}: result is {text(actual)}, but the operands give {text(expected)}"
            )


def result_type(operands: Sequence[SSAValue], element: Attribute) -> Attribute:
    """The type of an elementwise result: a scalar if no operand is a tensor."""
    if not any(isinstance(operand.type, TensorType) for operand in operands):
        return element
    shape = broadcast(*(shape_of(operand) for operand in operands))
    if shape is None:
        listed = " and ".join(text(shape_of(operand)) for operand in operands)
        raise VerifyException(f"shapes {listed} do not broadcast")
    return tensor(element, shape)


class UnaryOp(ElementwiseOp, ABC):
    """`result[i] = f(input[i])`, of the same type."""

    T: ClassVar = VarConstraint("T", AnyAttr())

    input = operand_def(T)
    result = result_def(T)

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($result)"

    def __init__(self, input: SSAValue):
        super().__init__(operands=[input], result_types=[input.type])


class ParameterOp(ElementwiseOp, ABC):
    """`result[i] = f(input[i], alpha)`, of the same type."""

    T: ClassVar = VarConstraint("T", AnyAttr())

    input = operand_def(T)
    result = result_def(T)
    alpha = prop_def(FloatAttr[Float32Type])

    traits = traits_def(Pure())
    assembly_format = "$input `alpha` `=` $alpha attr-dict `:` type($result)"

    def __init__(self, input: SSAValue, alpha: float):
        super().__init__(
            operands=[input],
            result_types=[input.type],
            properties={"alpha": FloatAttr(alpha, f32)},
        )


class PredicateOp(ElementwiseOp, ABC):
    """`result[i] = f(input[i])`, a bool."""

    input = operand_def()
    result = result_def()

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue):
        super().__init__(operands=[input], result_types=[result_type([input], i1)])


class BinaryOp(ElementwiseOp, ABC):
    """`result[i] = f(lhs[i], rhs[i])`, all of one element type."""

    lhs = operand_def()
    rhs = operand_def()
    result = result_def()

    traits = traits_def(Pure())

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        element = self.result_element(element_of(lhs))
        super().__init__(operands=[lhs, rhs], result_types=[result_type([lhs, rhs], element)])

    @classmethod
    def result_element(cls, element: Attribute) -> Attribute:
        """The element type of the result for operands of `element`."""
        return element

    def verify_(self) -> None:
        left, right = element_of(self.lhs), element_of(self.rhs)
        if left != right:
            raise VerifyException(f"{self.name}: lhs holds {left}, but rhs holds {right}")
        super().verify_()

    @classmethod
    def parse(cls, parser: Parser) -> BinaryOp:
        operands = parse_operands(parser, 2)
        return cls(*operands)

    def print(self, printer: Printer) -> None:
        print_operands(self, printer)


class CompareOp(BinaryOp, ABC):
    """`result[i] = lhs[i] ∘ rhs[i]`, a bool; false where either is NaN, but for `nn.not_equal`."""

    @classmethod
    def result_element(cls, element: Attribute) -> Attribute:
        """Always a bool."""
        return i1


def parse_operands(parser: Parser, n: int) -> list[SSAValue]:
    """`%a, %b : T` if all operands are of one type, else `%a, %b : A, B`."""
    names: list[UnresolvedOperand] = [parser.parse_unresolved_operand()]
    for _ in range(n - 1):
        parser.parse_punctuation(",")
        names.append(parser.parse_unresolved_operand())
    parser.parse_punctuation(":")
    types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
    if len(types) == 1:
        types *= n
    return list(parser.resolve_operands(names, types, parser.pos))


def print_operands(op: Operation, printer: Printer) -> None:
    """The inverse of `parse_operands`."""
    printer.print_string(" ")
    printer.print_list(op.operands, printer.print_ssa_value)
    printer.print_string(" : ")
    types = [operand.type for operand in op.operands]
    if len(set(types)) == 1:
        types = types[:1]
    printer.print_list(types, printer.print_attribute)
