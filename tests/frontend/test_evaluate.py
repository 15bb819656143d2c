"""Single TensorFlow nodes on constants, as constant folding runs them."""

# Lambdas on tensors of TensorFlow, which has no type stubs:
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ArrayAttr, BoolAttr, IntegerAttr, StringAttr, f32, i32, i64
from xdsl.ir import Attribute

from tfrc.compiler.frontend import evaluator, load
from tfrc.ir.tf import NodeOp, ShapeAttr
from tfrc.ir.weights import Array

I64 = lambda value: IntegerAttr(value, i64)  # noqa: E731
A = np.arange(6, dtype=np.float32).reshape(2, 3)

CASES: list[tuple[str, Mapping[str, Attribute], list[Any], list[Any]]] = [
    ("AddV2", {"T": f32}, [A, A], [A + A]),
    ("MatMul", {"T": f32, "transpose_a": BoolAttr.from_bool(True),
                "transpose_b": BoolAttr.from_bool(False)}, [A, A], [A.T @ A]),
    ("Cast", {"SrcT": f32, "DstT": i32}, [A], [A.astype(np.int32)]),
    ("Pack", {"T": f32, "N": I64(2), "axis": I64(1)}, [A, A], [np.stack([A, A], 1)]),
    ("ConcatV2", {"T": f32, "N": I64(2), "Tidx": i32}, [A, A, np.int32(1)],
     [np.concatenate([A, A], 1)]),
    ("Split", {"T": f32, "num_split": I64(3)}, [np.int32(1), A], list(np.split(A, 3, 1))),
    ("Unpack", {"T": f32, "num": I64(2), "axis": I64(0)}, [A], list(A)),
    ("Squeeze", {"T": f32, "squeeze_dims": ArrayAttr([I64(0)])}, [A[None]], [A]),
    ("Shape", {"T": f32, "out_type": i32}, [A], [np.array([2, 3], np.int32)]),
    ("IdentityN", {"T": ArrayAttr([f32, f32])}, [A, A], [A, A]),
    ("NobodysOp", {}, [A], None),  # type: ignore[list-item]
    ("VarHandleOp", {"dtype": f32, "shape": ShapeAttr(StringAttr(""))}, [], None),  # type: ignore[list-item]
    ("RandomUniform", {"T": i32, "dtype": f32}, [np.array([2], np.int32)], None),  # type: ignore[list-item]
    ("Reshape", {"T": f32, "Tshape": i32}, [A, np.array([4], np.int32)], None),  # type: ignore[list-item]
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "attrs", "inputs", "expected"), CASES, ids=lambda c: c if isinstance(c, str) else ""
)
def test_one_node(op: str, attrs: Any, inputs: list[Array], expected: list[Array] | None) -> None:
    actual = evaluator()(op, attrs, inputs)
    if expected is None:
        assert actual is None
        return
    assert actual is not None
    assert len(actual) == len(expected)
    for got, want in zip(actual, expected, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(np.asarray(got), want)


def test_attributes_of_an_import_evaluate(models: Any) -> None:
    """Every node of a convolution network runs with the attributes that the import gave it."""
    tf = models.tf
    kernel = models.random(3, 3, 3, 4)

    def body(x: Any) -> Any:
        y = tf.nn.conv2d(x, kernel, 2, "SAME")
        y = tf.nn.max_pool2d(y, 2, 2, "VALID")
        return tf.strings.as_string(tf.strided_slice(y, [0, 0], [1, 1], [1, 1]))

    imported = load(models.function(body, models.spec([1, 8, 8, 3])))
    evaluate = evaluator()
    values: dict[Any, Array] = {}
    function = next(iter(imported.module.body.block.ops))
    block = function.regions[0].block
    x = values[block.args[0]] = models.random(1, 8, 8, 3)
    for op in block.ops:
        if isinstance(op, NodeOp):
            result = evaluate(op.op.data, op.attrs.data, [values[v] for v in op.inputs])
            assert result is not None, op.op.data
            values.update(zip(op.outputs, result, strict=True))
        elif op.results:
            key = getattr(op, "key", None)
            values[op.results[0]] = imported.weights[key] if key else op.array  # type: ignore[attr-defined]
    (expected,) = imported.runner("serving_default", {"x": x}).values()
    np.testing.assert_array_equal(values[block.last_op.operands[0]], expected)  # type: ignore[union-attr]
