"""Elementwise operations: one class each, on tensors or on scalars.

On tensors, operands broadcast as in NumPy. On scalars they are the body of an `nn.map`.
"""

from __future__ import annotations

from xdsl.dialects.builtin import i1
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from tfrc.ir.nn.elementwise_kinds import (
    BinaryOp,
    CompareOp,
    ElementwiseOp,
    ParameterOp,
    PredicateOp,
    UnaryOp,
    parse_operands,
    print_operands,
    result_type,
)
from tfrc.ir.shape import element_of


@irdl_op_definition
class NegOp(UnaryOp):
    """`result = -input`."""

    name = "nn.neg"


@irdl_op_definition
class AbsOp(UnaryOp):
    """`result = |input|`."""

    name = "nn.abs"


@irdl_op_definition
class SignOp(UnaryOp):
    """`result = -1, 0 or 1`, NaN for NaN."""

    name = "nn.sign"


@irdl_op_definition
class ExpOp(UnaryOp):
    """`result = e^input`."""

    name = "nn.exp"


@irdl_op_definition
class Expm1Op(UnaryOp):
    """`result = e^input - 1`, accurate near 0."""

    name = "nn.expm1"


@irdl_op_definition
class LogOp(UnaryOp):
    """`result = ln(input)`."""

    name = "nn.log"


@irdl_op_definition
class Log1pOp(UnaryOp):
    """`result = ln(1 + input)`, accurate near 0."""

    name = "nn.log1p"


@irdl_op_definition
class SqrtOp(UnaryOp):
    """`result = √input`."""

    name = "nn.sqrt"


@irdl_op_definition
class RsqrtOp(UnaryOp):
    """`result = 1/√input`."""

    name = "nn.rsqrt"


@irdl_op_definition
class SinOp(UnaryOp):
    """`result = sin(input)`, in radians."""

    name = "nn.sin"


@irdl_op_definition
class CosOp(UnaryOp):
    """`result = cos(input)`, in radians."""

    name = "nn.cos"


@irdl_op_definition
class TanOp(UnaryOp):
    """`result = tan(input)`, in radians."""

    name = "nn.tan"


@irdl_op_definition
class AsinOp(UnaryOp):
    """`result = arcsin(input)`."""

    name = "nn.asin"


@irdl_op_definition
class AcosOp(UnaryOp):
    """`result = arccos(input)`."""

    name = "nn.acos"


@irdl_op_definition
class AtanOp(UnaryOp):
    """`result = arctan(input)`."""

    name = "nn.atan"


@irdl_op_definition
class SinhOp(UnaryOp):
    """`result = sinh(input)`."""

    name = "nn.sinh"


@irdl_op_definition
class CoshOp(UnaryOp):
    """`result = cosh(input)`."""

    name = "nn.cosh"


@irdl_op_definition
class AsinhOp(UnaryOp):
    """`result = arsinh(input)`."""

    name = "nn.asinh"


@irdl_op_definition
class AcoshOp(UnaryOp):
    """`result = arcosh(input)`."""

    name = "nn.acosh"


@irdl_op_definition
class AtanhOp(UnaryOp):
    """`result = artanh(input)`."""

    name = "nn.atanh"


@irdl_op_definition
class TanhOp(UnaryOp):
    """`result = tanh(input)`."""

    name = "nn.tanh"


@irdl_op_definition
class SigmoidOp(UnaryOp):
    """`result = 1 / (1 + e^-input)`."""

    name = "nn.sigmoid"


@irdl_op_definition
class ErfOp(UnaryOp):
    """`result = 2/√π ∫₀^input e^-t² dt`."""

    name = "nn.erf"


@irdl_op_definition
class ErfcOp(UnaryOp):
    """`result = 1 - erf(input)`, accurate for large inputs."""

    name = "nn.erfc"


@irdl_op_definition
class FloorOp(UnaryOp):
    """`result = ⌊input⌋`."""

    name = "nn.floor"


@irdl_op_definition
class CeilOp(UnaryOp):
    """`result = ⌈input⌉`."""

    name = "nn.ceil"


@irdl_op_definition
class RoundOp(UnaryOp):
    """`result` = the nearest integer, halves to even (TensorFlow's Round and Rint)."""

    name = "nn.round"


@irdl_op_definition
class ReluOp(UnaryOp):
    """`result = max(input, 0)`; NaN stays NaN."""

    name = "nn.relu"


@irdl_op_definition
class Relu6Op(UnaryOp):
    """`result = min(max(input, 0), 6)`; NaN stays NaN."""

    name = "nn.relu6"


@irdl_op_definition
class SeluOp(UnaryOp):
    """`result = λ·input` if positive, else `λα(e^input - 1)` (Klambauer et al. 2017)."""

    name = "nn.selu"


@irdl_op_definition
class SoftplusOp(UnaryOp):
    """`result = ln(1 + e^input)`, without overflow."""

    name = "nn.softplus"


@irdl_op_definition
class SoftsignOp(UnaryOp):
    """`result = input / (1 + |input|)`."""

    name = "nn.softsign"


@irdl_op_definition
class SwishOp(UnaryOp):
    """`result = input · sigmoid(input)`."""

    name = "nn.swish"


@irdl_op_definition
class HardSwishOp(UnaryOp):
    """`result = input · relu6(input + 3) / 6`."""

    name = "nn.hard_swish"


@irdl_op_definition
class HardSigmoidOp(UnaryOp):
    """`result = relu6(input + 3) / 6` (Keras 3's hard_sigmoid)."""

    name = "nn.hard_sigmoid"


@irdl_op_definition
class GeluOp(UnaryOp):
    """`result = input · Φ(input)`, Φ by the error function."""

    name = "nn.gelu"


@irdl_op_definition
class GeluTanhOp(UnaryOp):
    """`result = 0.5·input·(1 + tanh(√(2/π)(input + 0.044715·input³)))`."""

    name = "nn.gelu_tanh"


@irdl_op_definition
class LogicalNotOp(UnaryOp):
    """`result = ¬input`."""

    name = "nn.logical_not"


@irdl_op_definition
class EluOp(ParameterOp):
    """`result = input` if positive, else `alpha·(e^input - 1)`."""

    name = "nn.elu"


@irdl_op_definition
class LeakyReluOp(ParameterOp):
    """`result = input` if positive, else `alpha·input`."""

    name = "nn.leaky_relu"


@irdl_op_definition
class IsNanOp(PredicateOp):
    """`result` = whether `input` is NaN."""

    name = "nn.is_nan"


@irdl_op_definition
class IsInfOp(PredicateOp):
    """`result` = whether `input` is +∞ or -∞."""

    name = "nn.is_inf"


@irdl_op_definition
class IsFiniteOp(PredicateOp):
    """`result` = whether `input` is neither NaN nor infinite."""

    name = "nn.is_finite"


@irdl_op_definition
class AddOp(BinaryOp):
    """`result = lhs + rhs`; integers wrap."""

    name = "nn.add"


@irdl_op_definition
class SubOp(BinaryOp):
    """`result = lhs - rhs`; integers wrap."""

    name = "nn.sub"


@irdl_op_definition
class MulOp(BinaryOp):
    """`result = lhs · rhs`; integers wrap."""

    name = "nn.mul"


@irdl_op_definition
class DivOp(BinaryOp):
    """`result = lhs / rhs`; integers truncate toward zero (TensorFlow's RealDiv and Div)."""

    name = "nn.div"


@irdl_op_definition
class FloorDivOp(BinaryOp):
    """`result = ⌊lhs / rhs⌋`."""

    name = "nn.floor_div"


@irdl_op_definition
class FloorModOp(BinaryOp):
    """`result = lhs - ⌊lhs / rhs⌋·rhs`: the sign of `rhs`."""

    name = "nn.floor_mod"


@irdl_op_definition
class TruncateModOp(BinaryOp):
    """`result` = the remainder with the sign of `lhs`."""

    name = "nn.truncate_mod"


@irdl_op_definition
class MaximumOp(BinaryOp):
    """`result = max(lhs, rhs)`; NaN if either is NaN."""

    name = "nn.maximum"


@irdl_op_definition
class MinimumOp(BinaryOp):
    """`result = min(lhs, rhs)`; NaN if either is NaN."""

    name = "nn.minimum"


@irdl_op_definition
class PowOp(BinaryOp):
    """`result = lhs^rhs`."""

    name = "nn.pow"


@irdl_op_definition
class Atan2Op(BinaryOp):
    """`result` = the angle of the point (rhs, lhs)."""

    name = "nn.atan2"


@irdl_op_definition
class LogicalAndOp(BinaryOp):
    """`result = lhs ∧ rhs`."""

    name = "nn.logical_and"


@irdl_op_definition
class LogicalOrOp(BinaryOp):
    """`result = lhs ∨ rhs`."""

    name = "nn.logical_or"


@irdl_op_definition
class BitwiseAndOp(BinaryOp):
    """`result = lhs & rhs`."""

    name = "nn.bitwise_and"


@irdl_op_definition
class BitwiseOrOp(BinaryOp):
    """`result = lhs | rhs`."""

    name = "nn.bitwise_or"


@irdl_op_definition
class BitwiseXorOp(BinaryOp):
    """`result = lhs ^ rhs`."""

    name = "nn.bitwise_xor"


@irdl_op_definition
class EqualOp(CompareOp):
    """`result = lhs = rhs`."""

    name = "nn.equal"


@irdl_op_definition
class NotEqualOp(CompareOp):
    """`result = lhs ≠ rhs`."""

    name = "nn.not_equal"


@irdl_op_definition
class LessOp(CompareOp):
    """`result = lhs < rhs`."""

    name = "nn.less"


@irdl_op_definition
class LessEqualOp(CompareOp):
    """`result = lhs ≤ rhs`."""

    name = "nn.less_equal"


@irdl_op_definition
class GreaterOp(CompareOp):
    """`result = lhs > rhs`."""

    name = "nn.greater"


@irdl_op_definition
class GreaterEqualOp(CompareOp):
    """`result = lhs ≥ rhs`."""

    name = "nn.greater_equal"


@irdl_op_definition
class SelectOp(ElementwiseOp):
    """`result = condition ? lhs : rhs`; all three broadcast."""

    name = "nn.select"

    condition = operand_def()
    lhs = operand_def()
    rhs = operand_def()
    result = result_def()

    traits = traits_def(Pure())

    def __init__(self, condition: SSAValue, lhs: SSAValue, rhs: SSAValue):
        operands = [condition, lhs, rhs]
        super().__init__(operands=operands, result_types=[result_type(operands, element_of(lhs))])

    def verify_(self) -> None:
        condition, left, right = (element_of(operand) for operand in self.operands)
        if condition != i1:
            raise VerifyException(f"{self.name}: condition holds {condition}, but should hold i1")
        if left != right:
            raise VerifyException(f"{self.name}: lhs holds {left}, but rhs holds {right}")
        super().verify_()

    @classmethod
    def parse(cls, parser: Parser) -> SelectOp:
        return cls(*parse_operands(parser, 3))

    def print(self, printer: Printer) -> None:
        print_operands(self, printer)


@irdl_op_definition
class CastOp(ElementwiseOp):
    """`result` = `input` as another element type.

    A float becomes an integer by truncation, a number becomes a bool by `≠ 0` (TensorFlow's Cast).
    """

    name = "nn.cast"

    input = operand_def()
    result = result_def()

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `to` type($result)"

    def __init__(self, input: SSAValue, element: Attribute):
        super().__init__(operands=[input], result_types=[result_type([input], element)])


ELEMENTWISE: tuple[type[ElementwiseOp], ...] = (
    NegOp,
    AbsOp,
    SignOp,
    ExpOp,
    Expm1Op,
    LogOp,
    Log1pOp,
    SqrtOp,
    RsqrtOp,
    SinOp,
    CosOp,
    TanOp,
    AsinOp,
    AcosOp,
    AtanOp,
    SinhOp,
    CoshOp,
    AsinhOp,
    AcoshOp,
    AtanhOp,
    TanhOp,
    SigmoidOp,
    ErfOp,
    ErfcOp,
    FloorOp,
    CeilOp,
    RoundOp,
    ReluOp,
    Relu6Op,
    SeluOp,
    SoftplusOp,
    SoftsignOp,
    SwishOp,
    HardSwishOp,
    HardSigmoidOp,
    GeluOp,
    GeluTanhOp,
    LogicalNotOp,
    EluOp,
    LeakyReluOp,
    IsNanOp,
    IsInfOp,
    IsFiniteOp,
    AddOp,
    SubOp,
    MulOp,
    DivOp,
    FloorDivOp,
    FloorModOp,
    TruncateModOp,
    MaximumOp,
    MinimumOp,
    PowOp,
    Atan2Op,
    LogicalAndOp,
    LogicalOrOp,
    BitwiseAndOp,
    BitwiseOrOp,
    BitwiseXorOp,
    EqualOp,
    NotEqualOp,
    LessOp,
    LessEqualOp,
    GreaterOp,
    GreaterEqualOp,
    SelectOp,
    CastOp,
)
"""Every elementwise operation class."""
