"""Elementwise ops against TensorFlow."""

# TensorFlow and Keras have no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf: Any = pytest.importorskip("tensorflow")
raw: Any = tf.raw_ops

POSITIVE = {"low": 0.1, "high": 4.0}
UNIT = {"low": -0.99, "high": 0.99}

UNARY: dict[str, dict[str, float]] = {
    # op: the range of its operand where it is not the usual one
    "Abs": {},
    "Acos": UNIT,
    "Acosh": {"low": 1.1, "high": 9.0},
    "Asin": UNIT,
    "Asinh": {},
    "Atan": {},
    "Atanh": UNIT,
    "Ceil": {},
    "Cos": {},
    "Cosh": {},
    "Erf": {},
    "Erfc": {},
    "Exp": {},
    "Expm1": {},
    "Floor": {},
    "IsFinite": {},
    "IsInf": {},
    "IsNan": {},
    "Log": POSITIVE,
    "Log1p": POSITIVE,
    "Neg": {},
    "Reciprocal": POSITIVE,
    "Relu": {},
    "Relu6": {"low": -3.0, "high": 9.0},
    "Rint": {},
    "Round": {"low": -5.0, "high": 5.0},
    "Rsqrt": POSITIVE,
    "Selu": {},
    "Sigmoid": {"low": -30.0, "high": 30.0},
    "Sign": {},
    "Sin": {},
    "Sinh": {},
    "Softplus": {"low": -40.0, "high": 40.0},
    "Softsign": {},
    "Sqrt": POSITIVE,
    "Square": {},
    "Tan": {"low": -1.0, "high": 1.0},
    "Tanh": {},
    "Elu": {},
    "LeakyRelu": {},
    "ZerosLike": {},
    "OnesLike": {},
    "Identity": {},
    "StopGradient": {},
    "Snapshot": {},
    "PreventGradient": {},
}


def call(op: str, *operands: Any) -> Any:
    """The raw op on its operands in order."""
    names = list(tf.raw_ops.__dict__[op].__wrapped__.__code__.co_varnames)
    return tf.raw_ops.__dict__[op](**dict(zip(names, operands, strict=False)))


@pytest.mark.parametrize("op", UNARY)
def test_unary(op: str, agrees: Any, draw: Any) -> None:
    agrees(lambda x: call(op, x), draw((None, 5, 7), **UNARY[op]), op=op)


@pytest.mark.parametrize(
    ("op", "value"),
    [
        (op, value)
        for op in ("Relu", "Relu6", "Elu", "Selu", "Sigmoid", "Tanh", "Softplus", "Sign", "IsNan")
        for value in (np.nan, np.inf, -np.inf, -0.0)
    ],
)
def test_edges(op: str, value: float, agrees: Any) -> None:
    agrees(lambda x: call(op, x * 0 + value), (None, 3))


BINARY = ("AddV2", "Add", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference")
COMPARE = ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual")
DIVIDE = ("RealDiv", "Div", "DivNoNan", "FloorDiv", "FloorMod", "Xdivy", "Atan2", "MulNoNan")


@pytest.mark.parametrize("op", [*BINARY, *COMPARE, *DIVIDE])
@pytest.mark.parametrize(
    ("left", "right"), [((None, 4, 6), (None, 4, 6)), ((None, 4, 6), (6,)), ((4, 1), (None, 1, 6))]
)
def test_binary(op: str, left: Any, right: Any, agrees: Any, draw: Any) -> None:
    agrees(lambda x, y: call(op, x, y), draw(left), draw(right, low=0.5, high=2.0), op=op)


@pytest.mark.parametrize("op", ["Xlogy", "Xlog1py", "Pow"])
def test_of_positive(op: str, agrees: Any, draw: Any) -> None:
    agrees(lambda x, y: call(op, x, y), draw((None, 4), **POSITIVE), draw((4,), **POSITIVE), op=op)


INTEGER = (*BINARY, *COMPARE, "FloorDiv", "FloorMod", "TruncateDiv", "TruncateMod")


@pytest.mark.parametrize("op", INTEGER)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integer(op: str, dtype: str, agrees: Any, draw: Any) -> None:
    agrees(
        lambda x, y: call(op, x, y),
        draw((None, 40), dtype, -20, 20),
        draw((40,), dtype, 1, 7),
        op=op,
    )


@pytest.mark.parametrize("op", ["BitwiseAnd", "BitwiseOr", "BitwiseXor"])
def test_bitwise(op: str, agrees: Any, draw: Any) -> None:
    agrees(lambda x, y: call(op, x, y), draw((None, 9), "int32", -99, 99),
           draw((9,), "int32", -99, 99), op=op)  # fmt: skip


@pytest.mark.parametrize("op", ["LogicalAnd", "LogicalOr", "Equal", "NotEqual"])
def test_logical(op: str, agrees: Any, draw: Any) -> None:
    agrees(lambda x, y: call(op, x, y), draw((None, 9), "bool"), draw((9,), "bool"), op=op)


def test_logical_not(agrees: Any, draw: Any) -> None:
    agrees(lambda x: tf.logical_not(x), draw((None, 9), "bool"), op="LogicalNot")


@pytest.mark.parametrize("source", ["float32", "float64", "int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("target", ["float32", "float64", "int32", "int64", "bool"])
def test_cast(source: str, target: str, agrees: Any, draw: Any) -> None:
    low = 0 if source == "uint8" else -5
    agrees(lambda x: tf.cast(x, target), draw((None, 9), source, low, 5))


def test_select(agrees: Any, draw: Any) -> None:
    agrees(lambda c, x, y: tf.where(c, x, y), draw((None, 1), "bool"), draw((None, 4)),
           draw((4,)), op="SelectV2")  # fmt: skip


def test_select_rows(agrees: Any, draw: Any) -> None:
    agrees(
        lambda c, x, y: raw.Select(condition=c, x=x, y=y),
        draw((None,), "bool"),
        draw((None, 4)),
        draw((None, 4)),
        op="Select",
    )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_add_n(n: int, agrees: Any) -> None:
    agrees(lambda *x: raw.AddN(inputs=x), *[(None, 4)] * n, op="AddN")


def test_clip_by_value(agrees: Any) -> None:
    agrees(lambda x: tf.clip_by_value(x, -0.5, 1.0), (None, 9))


def test_identity_n(agrees: Any) -> None:
    agrees(lambda x, y: tf.identity_n([x, y]), (None, 2), (3,), op="IdentityN")


def test_leaky_relu_alpha(agrees: Any) -> None:
    agrees(lambda x: tf.nn.leaky_relu(x, 0.37), (None, 9), op="LeakyRelu")


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_other_types(dtype: str, agrees: Any, draw: Any) -> None:
    agrees(lambda x: tf.square(tf.abs(x)) - x, draw((None, 5), dtype, -5, 5))


def test_batch_size_as_a_number(agrees: Any) -> None:
    agrees(lambda x: tf.reduce_sum(x, 0) / tf.cast(tf.shape(x)[0], tf.float32), (None, 4))


def test_shape_as_a_result(agrees: Any) -> None:
    agrees(lambda x: (tf.shape(x), tf.size(x), tf.rank(x)), (None, 4, 3))
