"""The symbolic batch: every dimension is a linear form in N, or said to be unknown."""

# Lambdas on tensors of TensorFlow, which has no type stubs:
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import ImportOptions, load, parse_input_shape
from tfrc.ir.shape import text
from tfrc.ir.tf import NodeOp, PartialType

CASES: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    # what is computed from x [?, 6, 4]: the shape that is found
    "relu": (lambda tf, x: tf.nn.relu(x), "Nx6x4"),
    "flatten": (lambda tf, x: tf.reshape(x, [-1, 24]), "Nx24"),
    "fold": (lambda tf, x: tf.reshape(x, [-1]), "24*N"),
    "rows": (lambda tf, x: tf.reshape(x, [-1, 4]), "6*Nx4"),
    "double": (lambda tf, x: tf.concat([x, x], 0), "2*Nx6x4"),
    "one more": (lambda tf, x: tf.pad(x, [[1, 2], [0, 0], [0, 0]]), "N+3x6x4"),
    "from Shape": (lambda tf, x: tf.zeros([tf.shape(x)[0] * 2, 3]), "2*Nx3"),
    "no batch": (lambda tf, x: tf.reduce_sum(x, 0), "6x4"),
    "shape itself": (lambda tf, x: tf.shape(x), "3"),
    "range": (lambda tf, x: tf.range(tf.shape(x)[0]), "N"),
    "scalar": (lambda tf, x: tf.reduce_mean(x), "scalar"),
}


@pytest.mark.parametrize("case", CASES)
def test_symbolic_shapes(models: Any, case: str) -> None:
    body, expected = CASES[case]
    imported = load(models.function(lambda x: body(models.tf, x), models.spec([None, 6, 4])))
    (output,) = imported.signatures["serving_default"].outputs.values()
    assert output.shape is not None
    assert text(output.shape) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (lambda tf, x: tf.where(x > 0), '!tf.partial<"?, 2", i64>'),  # depends on the data
        (lambda tf, x: x[:, :, None] * tf.reshape(x, [1, 1, -1]), '!tf.partial<"N, 4, ?", f32>'),
        (lambda tf, x: x[::2], '!tf.partial<"?, 4", f32>'),  # ceil(N / 2) is not linear
    ],
)
def test_unknown_dimensions_are_said_to_be_unknown(models: Any, body: Any, expected: str) -> None:
    shape: list[int | None] = [None, 4]

    def run(x: Any) -> Any:
        return body(models.tf, x)

    imported = load(models.function(run, models.spec(shape)))
    types = [
        str(value.type)
        for op in imported.module.walk()
        if isinstance(op, NodeOp)
        for value in op.outputs
        if isinstance(value.type, PartialType)
    ]
    if expected == '!tf.partial<"N, 4, ?", f32>':
        assert not types  # 4*N is linear
        assert imported.signatures["serving_default"].outputs["output_0"].shape is not None
    else:
        assert set(types) == {expected}


def test_static_shapes_stay_static(models: Any) -> None:
    imported = load(models.function(lambda x: x + 1, models.spec([7, 4])))
    assert "?" not in str(imported.module)


def test_input_shape_fixes_the_batch(models: Any) -> None:
    function = models.function(lambda x: x + 1, models.spec([None, None, 4]))
    with pytest.raises(ModelError, match=r"'x' .* \[\?, \?, 4\].*--input-shape x=N,128,4"):
        load(function)
    for flag, expected in (("x=1,5,4", "1x5x4"), ("x=N,5,4", "Nx5x4"), ("x=?,5,4", "Nx5x4")):
        options = ImportOptions(input_shapes=dict([parse_input_shape(flag)]))
        (output,) = load(function, options).signatures["serving_default"].outputs.values()
        assert text(output.shape or ()) == expected


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("x=1,4,5", r"--input-shape x=1,4,5 does not fit .* \[\?, 4\]"),
        ("x=1,5", r"--input-shape x=1,5 does not fit"),
        ("x=0,4", "at least 1"),
        ("y=1,4", "no such input: its inputs are x"),
    ],
)
def test_shapes_that_do_not_fit(models: Any, flag: str, message: str) -> None:
    function = models.function(lambda x: x + 1, models.spec([None, 4]))
    with pytest.raises(ModelError, match=message):
        load(function, ImportOptions(input_shapes=dict([parse_input_shape(flag)])))


@pytest.mark.parametrize("flag", ["x", "=3", "x=a", "x=1,N", "x=-1", "x=N,,3", "x=1.5"])
def test_flags_that_cannot_be_read(flag: str) -> None:
    with pytest.raises(ModelError, match="--input-shape"):
        parse_input_shape(flag)


def test_a_model_for_one_batch_size_says_so(models: Any) -> None:
    def body(x: Any) -> Any:
        return models.tf.raw_ops.Reshape(tensor=x, shape=models.tf.constant([32, 2]))

    function = models.function(body, models.spec([None, 4]))
    with pytest.raises(ModelError):
        load(function)
    output = load(function, ImportOptions(input_shapes={"x": (16, 4)})).signatures
    assert text(output["serving_default"].outputs["output_0"].shape or ()) == "32x2"
