"""Elementwise operations on single numbers of any type, inside a closure of `map_any`.

A bool is `bool` here; the closure's ends convert from and to the byte of a bool tensor.
"""

from __future__ import annotations

from xdsl.dialects.builtin import Float32Type, Float64Type, i1
from xdsl.ir import Attribute

from tfrc.backend_rust import rust
from tfrc.backend_rust.expressions import (
    COMPARE,
    PRODUCT,
    SUM,
    Binding,
    Expr,
    Rule,
    call,
    infix,
    method,
    pattern,
    prefix,
)

_STD = {
    "abs": "abs",
    "exp": "exp",
    "expm1": "exp_m1",
    "log": "ln",
    "log1p": "ln_1p",
    "sqrt": "sqrt",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "asinh",
    "acosh": "acosh",
    "atanh": "atanh",
    "floor": "floor",
    "ceil": "ceil",
    "round": "round_ties_even",
    "pow": "powf",
    "atan2": "atan2",
    "is_nan": "is_nan",
    "is_inf": "is_infinite",
    "is_finite": "is_finite",
}
"""Methods of the standard library's floating-point types."""

SELECT = Rule(
    lambda x: Expr(f"if {x[0].text} {{ {x[1].text} }} else {{ {x[2].text} }}", Binding.CONTROL)
)

FLOAT: dict[str, Rule] = {
    **SUM,
    **PRODUCT,
    **COMPARE,
    **{name: method(std) for name, std in _STD.items()},
    "neg": prefix("-"),
    "truncate_mod": infix("%", Binding.PRODUCT),
    "floor_div": pattern("({0} / {1}).floor()"),
    "floor_mod": pattern("{0} - ({0} / {1}).floor() * {1}", Binding.SUM),
    "rsqrt": pattern("{0}.sqrt().recip()"),
    "sign": pattern("if {0} == 0.0 {{ {0} }} else {{ {0}.signum() }}", Binding.CONTROL),
    "sigmoid": pattern("(1.0 + (-{0}).exp()).recip()"),
    "swish": pattern("{0} / (1.0 + (-{0}).exp())", Binding.PRODUCT),
    "softplus": pattern("{0}.max(0.0) + (-{0}.abs()).exp().ln_1p()", Binding.SUM),
    "softsign": pattern("{0} / (1.0 + {0}.abs())", Binding.PRODUCT),
    "relu": pattern("if {0} < 0.0 {{ 0.0 }} else {{ {0} }}", Binding.CONTROL),
    "relu6": pattern("{0}.clamp(0.0, 6.0)"),
    "hard_sigmoid": pattern("({0} + 3.0).clamp(0.0, 6.0) / 6.0", Binding.PRODUCT),
    "hard_swish": pattern("{0} * (({0} + 3.0).clamp(0.0, 6.0) / 6.0)", Binding.PRODUCT),
    "leaky_relu": pattern("if {0} > 0.0 {{ {0} }} else {{ {1} * {0} }}", Binding.CONTROL),
    "elu": pattern("if {0} > 0.0 {{ {0} }} else {{ {1} * {0}.exp_m1() }}", Binding.CONTROL),
    "maximum": pattern("if {0} > {1} || {0}.is_nan() {{ {0} }} else {{ {1} }}", Binding.CONTROL),
    "minimum": pattern("if {0} < {1} || {0}.is_nan() {{ {0} }} else {{ {1} }}", Binding.CONTROL),
}
"""On f32 and f64."""

INTEGER: dict[str, Rule] = {
    **COMPARE,
    "add": method("wrapping_add"),
    "sub": method("wrapping_sub"),
    "mul": method("wrapping_mul"),
    "neg": method("wrapping_neg"),
    "abs": method("wrapping_abs"),
    "sign": method("signum"),
    "div": pattern("{0}.checked_div({1}).unwrap_or(0)"),
    "truncate_mod": pattern("{0}.checked_rem({1}).unwrap_or(0)"),
    "floor_div": call("integer::floor_div"),
    "floor_mod": call("integer::floor_mod"),
    "pow": call("integer::pow"),
    "maximum": method("max"),
    "minimum": method("min"),
    "relu": method("max", "0"),
    "relu6": method("clamp", "0", "6"),
    "bitwise_and": infix("&", Binding.BIT_AND),
    "bitwise_or": infix("|", Binding.BIT_OR),
    "bitwise_xor": infix("^", Binding.BIT_XOR),
}
"""On integers, which wrap around."""

BOOL: dict[str, Rule] = {
    **COMPARE,
    "logical_not": prefix("!"),
    "logical_and": infix("&&", Binding.AND),
    "logical_or": infix("||", Binding.OR),
    "bitwise_and": infix("&", Binding.BIT_AND),
    "bitwise_or": infix("|", Binding.BIT_OR),
    "bitwise_xor": infix("^", Binding.BIT_XOR),
}
"""On bools."""


def rules(element: Attribute) -> dict[str, Rule]:
    """The rules for operations on `element`s."""
    if element == i1:
        return BOOL
    return FLOAT if isinstance(element, Float32Type | Float64Type) else INTEGER


def zero(element: Attribute) -> str:
    """The number 0 of that type."""
    return "0.0" if element in rust.FLOATS else "0"


def cast(value: Expr, source: Attribute, target: Attribute) -> Expr:
    """`value` as another element type: TensorFlow's Cast."""
    if source == target:
        return value
    if target == i1:
        return Expr(f"{value.at(Binding.BIT_OR)} != {zero(source)}", Binding.COMPARE)
    type_ = rust.TYPES[target]
    if source == i1:
        return Expr(f"{type_}::from({value.text})")
    return Expr(f"{value.at(Binding.CAST)} as {type_}", Binding.CAST)
