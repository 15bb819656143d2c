"""What each elementwise operation means: NumPy on whole arrays, float32 rounded once at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import FloatAttr
from xdsl.ir import Block, SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.nn.activation import ActivationAttr
from tfrc.ir.nn.elementwise_kinds import ElementwiseOp
from tfrc.ir.nn.map import YieldOp
from tfrc.ir.shape import element_of

Array = NDArray[Any]

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def _relu6(x: Array) -> Array:
    return np.minimum(np.maximum(x, 0), 6)


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind in "iu":
        return np.trunc(np.true_divide(a, b)).astype(a.dtype)
    return np.divide(a, b)


UNARY: dict[str, Callable[[Array], Array]] = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "erf": _erf,
    "erfc": _erfc,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": _relu6,
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "swish": lambda x: x * _sigmoid(x),
    "hard_swish": lambda x: x * _relu6(x + 3) / 6,
    "hard_sigmoid": lambda x: _relu6(x + 3) / 6,
    "gelu": lambda x: 0.5 * x * _erfc(-x / math.sqrt(2)),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "logical_not": np.logical_not,
    "is_nan": np.isnan,
    "is_inf": np.isinf,
    "is_finite": np.isfinite,
}
"""Operations on one operand."""

PARAMETRIC: dict[str, Callable[[Array, float], Array]] = {
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "leaky_relu": lambda x, alpha: np.where(x > 0, x, alpha * x),
}
"""Operations on one operand with a parameter `alpha`."""

BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": _divide,
    "floor_div": np.floor_divide,
    "floor_mod": np.mod,
    "truncate_mod": np.fmod,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "pow": np.power,
    "atan2": np.arctan2,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}
"""Operations on two operands."""

NAMES = frozenset({*UNARY, *PARAMETRIC, *BINARY, "select", "cast"})
"""Every elementwise operation that has a meaning here."""


def _apply(name: str, operands: Sequence[Array], parameters: Sequence[float]) -> Array:
    match operands:
        case (x,) if parameters:
            return PARAMETRIC[name](x, parameters[0])
        case (x,):
            return UNARY[name](x)
        case (x, y):
            return BINARY[name](x, y)
        case (condition, x, y) if name == "select":
            return np.where(condition, x, y)
        case _:
            raise AssertionError(f"{name} takes {len(operands)} operands")


def elementwise(op: ElementwiseOp, operands: Sequence[Array]) -> Array:
    """One elementwise operation; float32 arithmetic is done in float64."""
    dtype = numpy_dtype(element_of(op.results[0]))
    with np.errstate(all="ignore"):
        if isinstance(op, nn.CastOp):
            return operands[0].astype(dtype)
        alphas = [float(a.value.data) for a in op.properties.values() if isinstance(a, FloatAttr)]
        wide = [a.astype(np.float64) if a.dtype == np.float32 else a for a in operands]
        return np.asarray(_apply(op.name.removeprefix("nn."), wide, alphas)).astype(dtype)


def evaluate_body(block: Block, arguments: Sequence[Array]) -> Array:
    """Run the body of an `nn.map` on whole arrays."""
    values: dict[SSAValue, Array] = dict(zip(block.args, arguments, strict=True))
    for op in block.ops:
        match op:
            case YieldOp():
                return values[op.value]
            case nn.ConstantOp():
                values[op.result] = op.array
            case ElementwiseOp():
                values[op.results[0]] = elementwise(op, [values[v] for v in op.operands])
            case _:
                raise AssertionError(f"{op.name} in the body of nn.map")
    raise AssertionError("a body ends in nn.yield")


def activate(x: Array, activation: ActivationAttr | None) -> Array:
    """`activation(x)`; `x` itself if there is none."""
    if activation is None:
        return x
    alphas = [] if activation.parameter is None else [activation.parameter]
    with np.errstate(all="ignore"):
        return _apply(activation.kind.data, [x], alphas)
