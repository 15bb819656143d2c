"""Elementwise ops, and those that pass their operand on."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import f32, i1, i32
from xdsl.ir import Operation, SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import is_float, size_of
from tfrc.ir.nn.elementwise_kinds import BinaryOp, ParameterOp, PredicateOp, UnaryOp
from tfrc.ir.shape import element_of, rank_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import (
    LEGALIZATIONS,
    Builder,
    Legalization,
    Refusal,
    Results,
    is_supported_element,
    legalizes,
)

UNARY: Mapping[str, type[UnaryOp | PredicateOp]] = {
    "Abs": nn.AbsOp,
    "Acos": nn.AcosOp,
    "Acosh": nn.AcoshOp,
    "Asin": nn.AsinOp,
    "Asinh": nn.AsinhOp,
    "Atan": nn.AtanOp,
    "Atanh": nn.AtanhOp,
    "Ceil": nn.CeilOp,
    "Cos": nn.CosOp,
    "Cosh": nn.CoshOp,
    "Erf": nn.ErfOp,
    "Erfc": nn.ErfcOp,
    "Exp": nn.ExpOp,
    "Expm1": nn.Expm1Op,
    "Floor": nn.FloorOp,
    "IsFinite": nn.IsFiniteOp,
    "IsInf": nn.IsInfOp,
    "IsNan": nn.IsNanOp,
    "Log": nn.LogOp,
    "Log1p": nn.Log1pOp,
    "LogicalNot": nn.LogicalNotOp,
    "Neg": nn.NegOp,
    "Relu": nn.ReluOp,
    "Relu6": nn.Relu6Op,
    "Rint": nn.RoundOp,
    "Round": nn.RoundOp,
    "Rsqrt": nn.RsqrtOp,
    "Selu": nn.SeluOp,
    "Sigmoid": nn.SigmoidOp,
    "Sign": nn.SignOp,
    "Sin": nn.SinOp,
    "Sinh": nn.SinhOp,
    "Softplus": nn.SoftplusOp,
    "Softsign": nn.SoftsignOp,
    "Sqrt": nn.SqrtOp,
    "Tan": nn.TanOp,
    "Tanh": nn.TanhOp,
}
"""Ops on one operand that mean the same in TensorFlow and in `nn`."""

BINARY: Mapping[str, type[BinaryOp]] = {
    "Add": nn.AddOp,
    "AddV2": nn.AddOp,
    "Atan2": nn.Atan2Op,
    "BitwiseAnd": nn.BitwiseAndOp,
    "BitwiseOr": nn.BitwiseOrOp,
    "BitwiseXor": nn.BitwiseXorOp,
    "Div": nn.DivOp,
    "Equal": nn.EqualOp,
    "FloorDiv": nn.FloorDivOp,
    "FloorMod": nn.FloorModOp,
    "Greater": nn.GreaterOp,
    "GreaterEqual": nn.GreaterEqualOp,
    "Less": nn.LessOp,
    "LessEqual": nn.LessEqualOp,
    "LogicalAnd": nn.LogicalAndOp,
    "LogicalOr": nn.LogicalOrOp,
    "Maximum": nn.MaximumOp,
    "Minimum": nn.MinimumOp,
    "Mod": nn.TruncateModOp,
    "Mul": nn.MulOp,
    "NotEqual": nn.NotEqualOp,
    "Pow": nn.PowOp,
    "RealDiv": nn.DivOp,
    "Sub": nn.SubOp,
    "TruncateDiv": nn.DivOp,
    "TruncateMod": nn.TruncateModOp,
}
"""Ops on two operands that mean the same in TensorFlow and in `nn`."""

PARAMETRIC: Mapping[str, tuple[type[ParameterOp], float]] = {
    "Elu": (nn.EluOp, 1.0),
    "LeakyRelu": (nn.LeakyReluOp, 0.2),
}
"""Ops on one operand with a parameter `alpha`, and its default."""

PASS_ON = (
    "CheckNumerics",
    "EnsureShape",
    "Identity",
    "PlaceholderWithDefault",
    "PreventGradient",
    "Snapshot",
    "StopGradient",
)
"""Ops whose result is their first operand: they speak of gradients or checks."""


def _unary(cls: type[UnaryOp | PredicateOp]) -> Legalization:
    return lambda node, b: b.insert(cls(b.tensor(0))).result


def _binary(cls: type[BinaryOp]) -> Legalization:
    return lambda node, b: b.insert(cls(b.tensor(0), b.tensor(1))).result


def _parametric(cls: type[ParameterOp], default: float) -> Legalization:
    return lambda node, b: b.insert(cls(b.tensor(0), b.get_float("alpha", default))).result


LEGALIZATIONS.update({op: _unary(cls) for op, cls in UNARY.items()})
LEGALIZATIONS.update({op: _binary(cls) for op, cls in BINARY.items()})
LEGALIZATIONS.update({op: _parametric(*entry) for op, entry in PARAMETRIC.items()})


@legalizes(*PASS_ON)
def pass_on(node: NodeOp, b: Builder) -> Results:
    """The operand itself."""
    return node.inputs[0]


@legalizes("IdentityN")
def identity_n(node: NodeOp, b: Builder) -> Results:
    """The operands themselves (Keras wraps swish in one for its gradient)."""
    return list(node.inputs)


@legalizes("Square")
def square(node: NodeOp, b: Builder) -> Results:
    """`x · x`."""
    return b.insert(nn.MulOp(b.tensor(0), b.tensor(0))).result


@legalizes("SquaredDifference")
def squared_difference(node: NodeOp, b: Builder) -> Results:
    """`(x - y)²`."""
    difference = b.insert(nn.SubOp(b.tensor(0), b.tensor(1))).result
    return b.insert(nn.MulOp(difference, difference)).result


@legalizes("Reciprocal", "Inv")
def reciprocal(node: NodeOp, b: Builder) -> Results:
    """`1 / x`."""
    x = b.tensor(0)
    return b.insert(nn.DivOp(b.scalar(1, element_of(x)), x)).result


def zero_where(b: Builder, zero: SSAValue, otherwise: SSAValue) -> SSAValue:
    """`otherwise`, but 0 where `zero` is 0."""
    nothing = b.scalar(0, element_of(zero))
    condition = b.insert(nn.EqualOp(zero, nothing)).result
    return b.insert(nn.SelectOp(condition, nothing, otherwise)).result


@legalizes("DivNoNan")
def div_no_nan(node: NodeOp, b: Builder) -> Results:
    """`x / y`, 0 where y is 0."""
    x, y = b.tensor(0), b.tensor(1)
    return zero_where(b, y, b.insert(nn.DivOp(x, y)).result)


@legalizes("MulNoNan")
def mul_no_nan(node: NodeOp, b: Builder) -> Results:
    """`x · y`, 0 where y is 0."""
    x, y = b.tensor(0), b.tensor(1)
    return zero_where(b, y, b.insert(nn.MulOp(x, y)).result)


@legalizes("Xdivy")
def xdivy(node: NodeOp, b: Builder) -> Results:
    """`x / y`, 0 where x is 0."""
    x, y = b.tensor(0), b.tensor(1)
    return zero_where(b, x, b.insert(nn.DivOp(x, y)).result)


@legalizes("Xlogy")
def xlogy(node: NodeOp, b: Builder) -> Results:
    """`x · ln y`, 0 where x is 0."""
    x, y = b.tensor(0), b.tensor(1)
    return zero_where(b, x, b.insert(nn.MulOp(x, b.insert(nn.LogOp(y)).result)).result)


@legalizes("Xlog1py")
def xlog1py(node: NodeOp, b: Builder) -> Results:
    """`x · ln(1 + y)`, 0 where x is 0."""
    x, y = b.tensor(0), b.tensor(1)
    return zero_where(b, x, b.insert(nn.MulOp(x, b.insert(nn.Log1pOp(y)).result)).result)


@legalizes("AddN", "AccumulateNV2")
def add_n(node: NodeOp, b: Builder) -> Results:
    """`((a + b) + c) + …`."""
    total = b.tensor(0)
    for i in range(1, len(node.inputs)):
        total = b.insert(nn.AddOp(total, b.tensor(i))).result
    return total


@legalizes("ClipByValue")
def clip_by_value(node: NodeOp, b: Builder) -> Results:
    """`max(min(x, high), low)`."""
    x, low, high = b.tensor(0), b.tensor(1), b.tensor(2)
    below = b.insert(nn.MinimumOp(x, high)).result
    return b.insert(nn.MaximumOp(below, low)).result


@legalizes("Cast")
def cast(node: NodeOp, b: Builder) -> Results:
    """A conversion as in C, and `≠ 0` for bool."""
    x, element = b.tensor(0), b.result_element(0)
    if not is_supported_element(element):
        raise Refusal(f"it casts to {element}: there are float32, float64, integers and bool")
    if b.get_flag("Truncate") and is_float(element):
        raise Refusal("Truncate is set: only rounding to nearest is supported")
    return b.cast(x, element)


@legalizes("SelectV2")
def select_v2(node: NodeOp, b: Builder) -> Results:
    """`condition ? x : y`, all broadcast."""
    return b.insert(nn.SelectOp(b.tensor(0), b.tensor(1), b.tensor(2))).result


@legalizes("Select")
def select(node: NodeOp, b: Builder) -> Results:
    """`condition ? x : y`; a vector condition chooses rows."""
    condition, x, y = b.tensor(0), b.tensor(1), b.tensor(2)
    if rank_of(condition) == 1 and rank_of(x) > 1:
        condition = b.reshape(condition, (*shape_of(condition), *[1] * (rank_of(x) - 1)))
    return b.insert(nn.SelectOp(condition, x, y)).result


def _full_like(b: Builder, x: SSAValue, value: int) -> SSAValue:
    return b.broadcast_to(b.scalar(value, element_of(x)), shape_of(x))


@legalizes("ZerosLike")
def zeros_like(node: NodeOp, b: Builder) -> Results:
    """Zeros in the shape of the operand."""
    return _full_like(b, b.tensor(0), 0)


@legalizes("OnesLike")
def ones_like(node: NodeOp, b: Builder) -> Results:
    """Ones in the shape of the operand."""
    return _full_like(b, b.tensor(0), 1)


@legalizes("ApproximateEqual")
def approximate_equal(node: NodeOp, b: Builder) -> Results:
    """`|x - y| < tolerance`."""
    distance = b.insert(nn.AbsOp(b.insert(nn.SubOp(b.tensor(0), b.tensor(1))).result)).result
    tolerance = b.scalar(b.get_float("tolerance", 1e-5), element_of(distance))
    return b.insert(nn.LessOp(distance, tolerance)).result


@legalizes("Bitcast")
def bitcast(node: NodeOp, b: Builder) -> Results:
    """The bits as another type: of integers as wide, or where only the sign bit is looked at.

    Keras's argmax looks at it. Negative numbers and -0 have it: `x < 0` or `1/x < 0`.
    """
    x, element = b.tensor(0), b.result_element(0)
    whole = not any(is_float(each) or each == i1 for each in (element_of(x), element))
    if element_of(x) == element or (whole and size_of(element_of(x)) == size_of(element)):
        return b.cast(x, element)
    users = [use.operation for use in node.outputs[0].uses]
    if element_of(x) != f32 or element != i32 or not all(_masks_sign(b, u) for u in users):
        raise Refusal(f"it reads the bits of {element_of(x)} as {element}: numbers are supported")
    zero, one = b.scalar(0, f32), b.scalar(1, f32)
    below = b.insert(nn.LessOp(x, zero)).result
    inverse = b.insert(nn.DivOp(one, x)).result
    negative = b.insert(nn.LogicalOrOp(below, b.insert(nn.LessOp(inverse, zero)).result)).result
    sign, none = b.scalar(_SIGN_BIT, i32), b.scalar(0, i32)
    return b.insert(nn.SelectOp(negative, sign, none)).result


_SIGN_BIT = -(2**31)


def _masks_sign(b: Builder, user: Operation) -> bool:
    """Whether an operation is `BitwiseAnd` with the sign bit."""
    if not isinstance(user, NodeOp) or user.op.data != "BitwiseAnd":
        return False
    known = [array for v in user.inputs if (array := b.constants.array(v)) is not None]
    return bool(known) and all((array == _SIGN_BIT).all() for array in known)
