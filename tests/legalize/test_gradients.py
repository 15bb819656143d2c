"""Gradient ops against TensorFlow, with random numbers and the ones at the edges."""

# TensorFlow and Keras have no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfrc.ir import reference
from tfrc.ir.shape import N, as_shape
from tfrc.passes.shape_arithmetic import gradient_axes

tf: Any = pytest.importorskip("tensorflow")
raw: Any = tf.raw_ops

ELEMENTWISE: dict[str, tuple[str, str]] = {
    # op: the names of its operands
    "ReluGrad": ("gradients", "features"),
    "Relu6Grad": ("gradients", "features"),
    "LeakyReluGrad": ("gradients", "features"),
    "EluGrad": ("gradients", "outputs"),
    "SeluGrad": ("gradients", "outputs"),
    "SoftplusGrad": ("gradients", "features"),
    "SoftsignGrad": ("gradients", "features"),
    "SigmoidGrad": ("y", "dy"),
    "TanhGrad": ("y", "dy"),
    "RsqrtGrad": ("y", "dy"),
    "SqrtGrad": ("y", "dy"),
    "ReciprocalGrad": ("y", "dy"),
    "InvGrad": ("y", "dy"),
}


def elementwise(op: str, x: Any, y: Any) -> Any:
    return raw.__dict__[op](**dict(zip(ELEMENTWISE[op], (x, y), strict=True)))


@pytest.mark.parametrize("op", ELEMENTWISE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elementwise(op: str, dtype: str, agrees: Any, draw: Any) -> None:
    operand = draw((None, 5, 7), dtype, low=-8.0, high=8.0)
    agrees(lambda x, y: elementwise(op, x, y), operand, operand, op=op)


EDGES = [0.0, -0.0, 6.0, 1.0, -1.0, 1e-30, 1e30, -1e30, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("op", ELEMENTWISE)
def test_elementwise_edges(op: str, compiled: Any) -> None:
    """Each number for itself, within the rounding of three operations."""
    left, right = (a.reshape(-1).astype(np.float32) for a in np.meshgrid(EDGES, EDGES))
    spec = tf.TensorSpec(left.shape, tf.float32)
    traced = tf.function(lambda x, y: elementwise(op, x, y), input_signature=[spec, spec])
    imported, func, _ = compiled(traced)
    (ours,) = reference.run(func, [left, right], imported.weights)
    np.testing.assert_allclose(ours, traced(left, right), rtol=4e-7, atol=0)


SLICES = [
    (slice(None), slice(1, 3)),
    (Ellipsis, 2),
    (slice(None), slice(None, None, 2), slice(1, None, 3)),
    (slice(None), slice(None, None, -2), None, -1),
    (slice(None), slice(4, 0, -3), slice(0, 0)),
]


@pytest.mark.parametrize("index", SLICES)
def test_strided_slice(index: Any, agrees: Any) -> None:
    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.square(x[index])
        return tape.gradient(y, x)

    agrees(gradient, (None, 5, 6), op="StridedSliceGrad")


SHAPES = [
    ((None, 4), (4,)),
    ((None, 4), (None, 1)),
    ((1, 4), (None, 4)),
    ((3, 1, 4), (None, 1)),
    ((None, 4), (None, 4)),
    ((), (None, 2)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_broadcast_gradient(left: Any, right: Any, agrees: Any) -> None:
    """Both gradients have their operand's shape, for a batch of one as well."""

    def gradient(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            z = tf.square(x) * y
        return tape.gradient(z, [x, y])

    agrees(gradient, left, right)


@pytest.mark.parametrize(("left", "right"), [*SHAPES, ((1, 2, 1), (2, 1)), ((1, 1), (1, 1))])
def test_gradient_axes(left: Any, right: Any) -> None:
    """For every batch size but 1, which is broadcast as well, the axes are TensorFlow's."""
    symbolic = [as_shape(N if d is None else d for d in shape) for shape in (left, right)]
    static = [[3 if d is None else d for d in shape] for shape in (left, right)]
    s0, s1 = (tf.constant(shape, tf.int32) for shape in static)
    theirs = raw.BroadcastGradientArgs(s0=s0, s1=s1)
    ours = gradient_axes(symbolic[0], symbolic[1])
    assert ours is not None
    assert [sorted(axes) for axes in ours] == [sorted(axes.numpy().tolist()) for axes in theirs]


def test_gradient_axes_of_shapes_that_broadcast_for_some_batches_only() -> None:
    assert gradient_axes(as_shape([N, 4]), as_shape([3, 4])) is None


REDUCTIONS = ["reduce_sum", "reduce_mean", "reduce_max", "reduce_min"]


@pytest.mark.parametrize(
    ("reduction", "axis"),
    # The gradient of a product scans along its axes, which may not be the batch.
    [("reduce_prod", -1)] + [(r, axis) for r in REDUCTIONS for axis in (None, 0, -1, (0, 2))],
)
def test_reduction(reduction: str, axis: Any, agrees: Any) -> None:
    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.square(tf.__dict__[reduction](tf.sin(x), axis))
        return tape.gradient(y, x)

    agrees(gradient, (None, 3, 4))


MOVEMENTS = {
    "concat": lambda x: tf.concat([x, tf.square(x)], 1),
    "stack": lambda x: tf.stack([x, tf.square(x)], 1),
    "split": lambda x: tf.split(tf.square(x), 2, 2)[0],
    "unstack": lambda x: tf.unstack(tf.square(x), axis=1)[1],
    "tile": lambda x: tf.square(tf.tile(x, [1, 2, 3])),
    "pad": lambda x: tf.square(tf.pad(x, [[0, 0], [1, 2], [0, 1]])),
    "transpose": lambda x: tf.square(tf.transpose(x, [1, 0, 2])),
    "reverse": lambda x: tf.square(tf.reverse(x, [1])),
    "broadcast": lambda x: tf.square(x + tf.zeros([2, 1, 3, 4])),
    "where": lambda x: tf.where(x > 0, tf.square(x), x),
    "maximum": lambda x: tf.maximum(tf.square(x), x),
    "cumsum": lambda x: tf.square(tf.cumsum(x, 1)),
    "softmax": lambda x: tf.square(tf.nn.softmax(x)),
    "log_softmax": lambda x: tf.square(tf.nn.log_softmax(x)),
    "pow": lambda x: tf.pow(tf.abs(x), x),
    "erf": lambda x: tf.math.erf(x),
    "l2_loss": lambda x: tf.nn.l2_loss(x),
    "clip": lambda x: tf.clip_by_value(tf.square(x), 0.5, 1.0),
    "norm": lambda x: tf.norm(x, axis=1),
    "squared_difference": lambda x: tf.math.squared_difference(x, 1.0),
    "div_no_nan": lambda x: tf.math.divide_no_nan(x, x - 1),
    "xlogy": lambda x: tf.math.xlogy(x, tf.abs(x)),
}


@pytest.mark.parametrize("name", MOVEMENTS)
def test_of_functions(name: str, agrees: Any) -> None:
    """What TensorFlow's registered gradients are made of."""

    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = MOVEMENTS[name](x)
        return tape.gradient(y, x)

    agrees(gradient, (None, 3, 4))
