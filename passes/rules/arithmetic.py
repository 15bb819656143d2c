"""Identities of elementwise arithmetic.

A rule on floats changes no result by more than a rounding that it removes: `x/4` becomes `x·0.25`,
which is exact, but `x/3` stays. On tensors, a rule whose result would lose its shape (`x + 0` with
a larger zero) is not taken: `Rules` compares the types.
"""

from __future__ import annotations

import math

import numpy as np
from xdsl.dialects.builtin import FloatAttr
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import is_float, numpy_dtype
from tfrc.ir.nn.elementwise_kinds import BinaryOp
from tfrc.ir.shape import element_of
from tfrc.passes.matching import (
    Replacement,
    Rules,
    constant_like,
    is_constant,
    is_splat,
    splat,
)

RULES = Rules()

COMMUTATIVE = (
    nn.AddOp,
    nn.MulOp,
    nn.MaximumOp,
    nn.MinimumOp,
    nn.LogicalAndOp,
    nn.LogicalOrOp,
    nn.BitwiseAndOp,
    nn.BitwiseOrOp,
    nn.BitwiseXorOp,
    nn.EqualOp,
    nn.NotEqualOp,
)

FLIPPED: dict[type[BinaryOp], type[BinaryOp]] = {
    nn.LessOp: nn.GreaterOp,
    nn.LessEqualOp: nn.GreaterEqualOp,
    nn.GreaterOp: nn.LessOp,
    nn.GreaterEqualOp: nn.LessEqualOp,
    **{cls: cls for cls in COMMUTATIVE},
}
"""The operation that means the same with its operands swapped."""


@RULES.on(*FLIPPED)
def constant_to_the_right(op: BinaryOp) -> Replacement | None:
    """`c ∘ x = x ∘ c`, and `c < x` is `x > c`. Later rules look to the right only."""
    if not is_constant(op.lhs) or is_constant(op.rhs):
        return None
    return FLIPPED[type(op)](op.rhs, op.lhs)


NEUTRAL: dict[type[BinaryOp], float] = {
    nn.AddOp: 0,
    nn.SubOp: 0,
    nn.MulOp: 1,
    nn.DivOp: 1,
    nn.FloorDivOp: 1,
    nn.PowOp: 1,
    nn.LogicalOrOp: False,
    nn.LogicalAndOp: True,
    nn.BitwiseOrOp: 0,
    nn.BitwiseXorOp: 0,
}
"""The right operand that leaves the left one as it is."""


@RULES.on(*NEUTRAL)
def neutral(op: BinaryOp) -> Replacement | None:
    """`x + 0 = x - 0 = x·1 = x/1 = x^1 = x`."""
    if type(op) is nn.FloorDivOp and is_float(element_of(op.lhs)):
        return None
    return op.lhs if is_splat(op.rhs, NEUTRAL[type(op)]) else None


@RULES.on(nn.MaximumOp, nn.MinimumOp, nn.LogicalAndOp, nn.LogicalOrOp)
def idempotent(op: BinaryOp) -> Replacement | None:
    """`max(x, x) = x`."""
    return op.lhs if op.lhs is op.rhs else None


def negated(value: SSAValue) -> SSAValue | None:
    """`x` if `value` is `-x`."""
    return value.owner.input if isinstance(value.owner, nn.NegOp) else None


@RULES.on(nn.AddOp)
def add_negated(op: nn.AddOp) -> Replacement | None:
    """`x + -y = x - y` and `-x + y = y - x`."""
    if (y := negated(op.rhs)) is not None:
        return nn.SubOp(op.lhs, y)
    if (x := negated(op.lhs)) is not None and not is_constant(op.rhs):
        return nn.SubOp(op.rhs, x)
    return None


@RULES.on(nn.SubOp)
def subtract_negated(op: nn.SubOp) -> Replacement | None:
    """`x - -y = x + y`."""
    y = negated(op.rhs)
    return None if y is None else nn.AddOp(op.lhs, y)


@RULES.on(nn.SubOp)
def subtract_from_zero(op: nn.SubOp) -> Replacement | None:
    """`0 - x = -x`."""
    return nn.NegOp(op.rhs) if is_splat(op.lhs, 0) else None


@RULES.on(nn.SubOp)
def subtract_constant(op: nn.SubOp) -> Replacement | None:
    """`x - c = x + (-c)`, for floats: an offset has one form."""
    if not is_float(element_of(op.rhs)) or not isinstance(op.rhs.owner, nn.ConstantOp):
        return None
    constant = op.rhs.owner
    if isinstance(constant.value, FloatAttr):
        opposite = constant_like(-constant.value.value.data, op.rhs)
    else:
        opposite = nn.ConstantOp.of(np.negative(constant.array), element_of(op.rhs))
    return [opposite, nn.AddOp(op.lhs, opposite.result)]


@RULES.on(nn.NegOp)
def negate(op: nn.NegOp) -> Replacement | None:
    """`-(-x) = x`, and `-(x·c) = x·(-c)` for floats."""
    match op.input.owner:
        case nn.NegOp() as inner:
            return inner.input
        case nn.MulOp() as mul if mul.result.has_one_use():
            number = splat(mul.rhs)
            if number is None or not is_float(element_of(mul.rhs)):
                return None
            constant = constant_like(-number, mul.rhs)
            return [constant, nn.MulOp(mul.lhs, constant.result)]
        case _:
            return None


@RULES.on(nn.MulOp)
def multiply_negated(op: nn.MulOp) -> Replacement | None:
    """`-x·c = x·(-c)` for floats, and `x·(-1) = -x`."""
    number = splat(op.rhs)
    if number is None or not is_float(element_of(op.rhs)):
        return None
    if number == -1:
        return nn.NegOp(op.lhs)
    x = negated(op.lhs)
    if x is None:
        return None
    constant = constant_like(-number, op.rhs)
    return [constant, nn.MulOp(x, constant.result)]


def is_power_of_two(number: float) -> bool:
    """Whether multiplying a float by `number` is exact, barring overflow and underflow."""
    return 2.0**-64 <= abs(number) <= 2.0**64 and abs(math.frexp(number)[0]) == 0.5


@RULES.on(nn.DivOp)
def divide_by_power_of_two(op: nn.DivOp) -> Replacement | None:
    """`x/c = x·(1/c)` where 1/c is exact."""
    number = splat(op.rhs)
    if number is None or not is_float(element_of(op.rhs)) or not is_power_of_two(number):
        return None
    constant = constant_like(1 / number, op.rhs)
    return [constant, nn.MulOp(op.lhs, constant.result)]


@RULES.on(nn.MulOp)
def multiply_twice(op: nn.MulOp) -> Replacement | None:
    """`(x·a)·b = x·(a·b)` where a or b is a power of two, so that it is the same rounding."""
    inner = op.lhs.owner
    if not isinstance(inner, nn.MulOp) or not inner.result.has_one_use():
        return None
    a, b = splat(inner.rhs), splat(op.rhs)
    if a is None or b is None or not is_float(element_of(op.rhs)):
        return None
    if not is_power_of_two(a) and not is_power_of_two(b):
        return None
    constant = constant_like(a * b, op.rhs)
    return [constant, nn.MulOp(inner.lhs, constant.result)]


@RULES.on(nn.PowOp)
def integer_power(op: nn.PowOp) -> Replacement | None:
    """`x² = x·x`, `x³ = x·x·x`, `x⁻¹ = 1/x`: products cost less than a power."""
    match splat(op.rhs):
        case 2:
            return nn.MulOp(op.lhs, op.lhs)
        case 3:
            square = nn.MulOp(op.lhs, op.lhs)
            return [square, nn.MulOp(square.result, op.lhs)]
        case -1 if is_float(element_of(op.rhs)):
            one = constant_like(1, op.rhs)
            return [one, nn.DivOp(one.result, op.lhs)]
        case _:
            return None


@RULES.on(nn.AbsOp)
def absolute(op: nn.AbsOp) -> Replacement | None:
    """`||x|| = |x|` and `|-x| = |x|`."""
    match op.input.owner:
        case nn.AbsOp():
            return op.input
        case nn.NegOp() as inner:
            return nn.AbsOp(inner.input)
        case _:
            return None


@RULES.on(nn.FloorOp, nn.CeilOp, nn.RoundOp)
def round_twice(op: nn.FloorOp | nn.CeilOp | nn.RoundOp) -> Replacement | None:
    """Rounding an integer changes nothing."""
    return op.input if isinstance(op.input.owner, nn.FloorOp | nn.CeilOp | nn.RoundOp) else None


@RULES.on(nn.ReluOp)
def relu_of_nonnegative(op: nn.ReluOp) -> Replacement | None:
    """`relu(relu(x)) = relu(x)` and `relu(relu6(x)) = relu6(x)`."""
    return op.input if isinstance(op.input.owner, nn.ReluOp | nn.Relu6Op) else None


@RULES.on(nn.Relu6Op)
def relu6_of_relu(op: nn.Relu6Op) -> Replacement | None:
    """`relu6(relu6(x)) = relu6(x)` and `relu6(relu(x)) = relu6(x)`."""
    match op.input.owner:
        case nn.Relu6Op():
            return op.input
        case nn.ReluOp() as inner:
            return nn.Relu6Op(inner.input)
        case _:
            return None


@RULES.on(nn.LogicalNotOp)
def negate_twice(op: nn.LogicalNotOp) -> Replacement | None:
    """`¬¬x = x`."""
    return op.input.owner.input if isinstance(op.input.owner, nn.LogicalNotOp) else None


@RULES.on(nn.SelectOp)
def select_known(op: nn.SelectOp) -> Replacement | None:
    """`c ? x : x = x`, and with a constant condition, the branch that it names."""
    if op.lhs is op.rhs:
        return op.lhs
    match splat(op.condition):
        case True:
            return op.lhs
        case False:
            return op.rhs
        case _:
            return None


@RULES.on(nn.SelectOp)
def select_not(op: nn.SelectOp) -> Replacement | None:
    """`¬c ? x : y = c ? y : x`."""
    condition = op.condition.owner
    if not isinstance(condition, nn.LogicalNotOp):
        return None
    return nn.SelectOp(condition.input, op.rhs, op.lhs)


@RULES.on(nn.CastOp)
def cast_to_itself(op: nn.CastOp) -> Replacement | None:
    """A cast to the type that it comes from."""
    return op.input if op.input.type == op.result.type else None


@RULES.on(nn.CastOp)
def cast_twice(op: nn.CastOp) -> Replacement | None:
    """`cast(cast(x))` is one cast if the first loses nothing."""
    inner = op.input.owner
    if not isinstance(inner, nn.CastOp):
        return None
    source, middle = element_of(inner.input), element_of(inner.result)
    try:
        lossless = np.can_cast(numpy_dtype(source), numpy_dtype(middle), "safe")
    except ValueError:
        return None
    return nn.CastOp(inner.input, element_of(op.result)) if lossless else None
