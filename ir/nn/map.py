"""`nn.map`: a chain of elementwise operations as one loop."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType, f32, i1
from xdsl.ir import Block, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, Pure

from tfrc.ir.nn.base import require, require_shape
from tfrc.ir.nn.constant import ConstantOp
from tfrc.ir.nn.elementwise import CastOp, LogicalAndOp, LogicalNotOp, LogicalOrOp, SelectOp
from tfrc.ir.nn.elementwise_kinds import ElementwiseOp
from tfrc.ir.shape import broadcast, element_of, shape_of, tensor, text


@irdl_op_definition
class YieldOp(IRDLOperation):
    """The result of a region."""

    name = "nn.yield"

    value = operand_def()

    traits = traits_def(IsTerminator(), Pure())
    assembly_format = "$value attr-dict `:` type($value)"

    def __init__(self, value: SSAValue):
        super().__init__(operands=[value])


ON_MASKS = (LogicalNotOp, LogicalAndOp, LogicalOrOp, CastOp)
"""Operations that vectors do on bools, which are masks of lanes."""


def runs_on_vectors(body: Block) -> bool:
    """Whether all numbers of a body are f32; comparisons may give bools in between."""
    if any(argument.type != f32 for argument in body.args):
        return False
    for op in body.ops:
        types = [value.type for value in op.operands]
        if isinstance(op, SelectOp):
            types = types[1:]
        allowed = {f32, i1} if isinstance(op, ON_MASKS) else {f32}
        results = {f32} if isinstance(op, ConstantOp) else {f32, i1}
        if not allowed.issuperset(types) or not results.issuperset(r.type for r in op.results):
            return False
    return True


@irdl_op_definition
class MapOp(IRDLOperation):
    """`result[i] = body(inputs[0][i], inputs[1][i], …)`; the inputs broadcast.

    The body holds elementwise operations on scalars, scalar constants, and `nn.yield`. It sees
    nothing but its arguments.
    """

    name = "nn.map"

    inputs = var_operand_def(TensorType)
    result = result_def(TensorType)
    body = region_def("single_block")

    traits = traits_def(Pure())

    def __init__(self, inputs: Sequence[SSAValue], body: Region | Block):
        region = body if isinstance(body, Region) else Region(body)
        shape = broadcast(*(shape_of(value) for value in inputs)) or ()
        last = region.block.last_op
        assert isinstance(last, YieldOp), "the body of nn.map ends in nn.yield"
        super().__init__(
            operands=[list(inputs)],
            result_types=[tensor(element_of(last.value), shape)],
            regions=[region],
        )

    @property
    def yielded(self) -> SSAValue:
        """The scalar that becomes an element of the result."""
        last = self.body.block.last_op
        assert isinstance(last, YieldOp)
        return last.value

    def verify_(self) -> None:
        shapes = [shape_of(value) for value in self.inputs]
        expected = broadcast(*shapes)
        listed = " and ".join(text(shape) for shape in shapes)
        require(expected is not None, f"{self.name}: shapes {listed} do not broadcast")
        require_shape(self.name, "result", self.result, expected or ())
        arguments = self.body.block.args
        require(
            [a.type for a in arguments] == [element_of(v) for v in self.inputs],
            f"{self.name}: the body takes ({', '.join(str(a.type) for a in arguments)}), but the "
            f"inputs hold ({', '.join(str(element_of(v)) for v in self.inputs)})",
        )
        for op in self.body.block.ops:
            require(
                isinstance(op, ElementwiseOp | ConstantOp | YieldOp),
                f"{self.name}: {op.name} is not an elementwise operation",
            )
        require(
            isinstance(self.body.block.last_op, YieldOp)
            and self.yielded.type == element_of(self.result),
            f"{self.name}: the body should yield a {element_of(self.result)}",
        )

    @classmethod
    def parse(cls, parser: Parser) -> MapOp:
        """`nn.map(%x, %y) : (…) -> … { ^bb0(%a: f32, …): … }`."""
        names = parser.parse_comma_separated_list(
            parser.Delimiter.PAREN, parser.parse_unresolved_operand
        )
        parser.parse_punctuation(":")
        pos = parser.pos
        type_ = parser.parse_function_type()
        operands = parser.resolve_operands(names, type_.inputs.data, pos)
        op = MapOp(operands, parser.parse_region())
        return op

    def print(self, printer: Printer) -> None:
        with printer.in_parens():
            printer.print_list(self.inputs, printer.print_ssa_value)
        printer.print_string(" : ")
        printer.print_function_type(self.inputs.types, [self.result.type])
        printer.print_string(" ")
        printer.print_region(self.body)
