"""Elementwise operations on vectors of f32, inside a `tf_layers::Region`.

`s` is the token of the instruction set. `s.min` and `s.max` give their second operand if one is
NaN, so the constant stands first where NaN should stay.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import f32, i1
from xdsl.ir import Attribute

from tfrc.backend_rust.expressions import (
    PRODUCT,
    SUM,
    Binding,
    Expr,
    Rule,
    call,
    infix,
    pattern,
    prefix,
)

_RELU = "s.max(s.zero(), {0})"
_HARD = "s.min(s.splat(6.0), s.max(s.zero(), {0} + s.splat(3.0)))"
_SELU_NEGATIVE = "s.splat(1.758_099_3)"

MATH = frozenset(
    "exp expm1 log log1p tanh sigmoid swish softplus erf erfc gelu gelu_tanh sin cos tan sinh cosh "
    "asin acos atan asinh acosh atanh rsqrt sign floor_div floor_mod truncate_mod pow "
    "atan2".split()
)
"""The functions that tf_layers::math has under the name of the operation."""

TOKEN = frozenset(
    "abs sqrt round floor ceil less less_equal equal greater greater_equal not_equal select".split()
)
"""The operations that the instruction sets have themselves."""


def _is_literal(expr: Expr) -> bool:
    return expr.text.startswith(("s.splat(", "s.zero("))


def _extreme(name: str) -> Rule:
    """`maximum` or `minimum`: NaN wins. A constant operand makes it one instruction."""
    short = name[:3]

    def build(x: Sequence[Expr]) -> Expr:
        for literal, other in ((x[0], x[1]), (x[1], x[0])):
            if _is_literal(literal):
                return Expr(f"s.{short}({literal.text}, {other.text})")
        return Expr(f"math::{name}(s, {x[0].text}, {x[1].text})")

    return Rule(build)


VECTOR: dict[str, Rule] = {
    **SUM,
    **PRODUCT,
    **{name: call(f"math::{name}", "s") for name in sorted(MATH)},
    **{name: call(f"s.{name}") for name in sorted(TOKEN)},
    "neg": prefix("-"),
    "logical_not": prefix("!"),
    "logical_and": infix("&", Binding.BIT_AND),
    "logical_or": infix("|", Binding.BIT_OR),
    "maximum": _extreme("maximum"),
    "minimum": _extreme("minimum"),
    "relu": pattern(_RELU),
    "relu6": pattern("s.min(s.splat(6.0), s.max(s.zero(), {0}))"),
    "hard_sigmoid": pattern(f"{_HARD} * s.splat(1.0 / 6.0)", Binding.PRODUCT),
    "hard_swish": pattern(f"{{0}} * {_HARD} * s.splat(1.0 / 6.0)", Binding.PRODUCT),
    "softsign": pattern("{0} / (s.splat(1.0) + s.abs({0}))", Binding.PRODUCT),
    "leaky_relu": pattern("s.select(s.greater({0}, s.zero()), {0}, {1} * {0})"),
    "elu": pattern("s.select(s.greater({0}, s.zero()), {0}, {1} * math::expm1(s, {0}))"),
    "selu": pattern(
        "s.select(s.greater({0}, s.zero()), s.splat(1.050_701) * {0}, "
        f"{_SELU_NEGATIVE} * math::expm1(s, {{0}}))"
    ),
    "is_nan": pattern("s.not_equal({0}, {0})"),
    "is_inf": pattern("s.equal(s.abs({0}), s.splat(f32::INFINITY))"),
    "is_finite": pattern("s.less(s.abs({0}), s.splat(f32::INFINITY))"),
}
"""Operation → expression. The parameter of `elu` and `leaky_relu` is operand 1."""

VECTOR_CASTS: dict[tuple[Attribute, Attribute], Rule] = {
    (f32, f32): Rule(lambda x: x[0]),
    (i1, i1): Rule(lambda x: x[0]),
    (i1, f32): pattern("s.select({0}, s.splat(1.0), s.zero())"),
    (f32, i1): pattern("s.not_equal({0}, s.zero())"),
}
"""Element types → the cast between them."""
