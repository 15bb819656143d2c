"""Losses, and gradients of convolutions, pools, norms and gathers, against TensorFlow."""

# TensorFlow and Keras have no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfrc.ir import reference
from tfrc.passes.legalize import Unsupported

tf: Any = pytest.importorskip("tensorflow")
raw: Any = tf.raw_ops

RNG = np.random.default_rng(0)


def weights(*shape: int) -> Any:
    return tf.constant(RNG.normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("classes", [1, 7])
def test_softmax_cross_entropy(classes: int, agrees: Any, draw: Any) -> None:
    agrees(
        lambda x, y: raw.SoftmaxCrossEntropyWithLogits(features=x, labels=y),
        draw((None, classes), low=-50, high=50),
        draw((None, classes), low=0, high=1),
        op="SoftmaxCrossEntropyWithLogits",
    )


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_sparse_softmax_cross_entropy(dtype: str, agrees: Any, draw: Any) -> None:
    agrees(
        lambda x, y: raw.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=y),
        draw((None, 7), low=-50, high=50),
        draw((None,), dtype, 0, 6),
        op="SparseSoftmaxCrossEntropyWithLogits",
    )


LOGITS = np.array([[1, 2, np.inf], [1, 2, -np.inf], [1, np.nan, 2], [-1e30, 1e30, 0]], np.float32)


def test_softmax_cross_entropy_edges(compiled: Any) -> None:
    labels = np.array([[0, 1, 0], [0, 1, 0], [1, 0, 0], [0.5, 0.5, 0]], np.float32)
    spec = tf.TensorSpec(labels.shape, tf.float32)
    traced = tf.function(
        lambda x, y: raw.SoftmaxCrossEntropyWithLogits(features=x, labels=y),
        input_signature=[spec, spec],
    )
    imported, func, _ = compiled(traced)
    ours = reference.run(func, [LOGITS, labels], imported.weights)
    for each, theirs in zip(ours, traced(LOGITS, labels), strict=True):
        np.testing.assert_allclose(each, theirs, rtol=1e-5)


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_that_is_no_class_is_an_error(label: int, compiled: Any) -> None:
    traced = tf.function(
        lambda x, y: raw.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=y),
        input_signature=[tf.TensorSpec((4, 3)), tf.TensorSpec((4,), tf.int32)],
    )
    labels = np.array([0, 1, label, 2], np.int32)
    imported, func, _ = compiled(traced)
    with pytest.raises(tf.errors.InvalidArgumentError):
        traced(LOGITS, labels)
    with pytest.raises(IndexError, match=r"outside \[0, 3\)"):
        reference.run(func, [LOGITS, labels], imported.weights)


def test_sigmoid_cross_entropy(agrees: Any, draw: Any) -> None:
    def gradient(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.nn.sigmoid_cross_entropy_with_logits(y, x)
        return loss, tape.gradient(loss, x)

    agrees(gradient, draw((None, 5), low=-30, high=30), draw((None, 5), low=0, high=1))


def gradients(function: Any) -> Any:
    """The gradients of the sine of `function` by all its operands."""

    def run(*operands: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(operands)
            # Of sines, the gradient is another one for each element.
            y = tf.sin(function(*operands))
        return tape.gradient(y, operands)

    return run


@pytest.mark.parametrize("padding", ["SAME", "VALID", [[0, 0], [1, 2], [0, 1], [0, 0]]])
@pytest.mark.parametrize(
    ("size", "kernel", "stride"),
    [
        ((7, 8), (3, 3), (1, 1)),
        ((7, 8), (3, 3), (2, 2)),
        ((6, 6), (1, 1), (2, 2)),
        ((6, 7), (2, 5), (1, 3)),
        ((5, 9), (1, 3), (3, 2)),
    ],
)
def test_conv2d(padding: Any, size: Any, kernel: Any, stride: Any, agrees: Any) -> None:
    agrees(
        gradients(lambda x, w: tf.nn.conv2d(x, w, stride, padding)),
        (None, *size, 3),
        (*kernel, 3, 4),
        op="Conv2DBackpropFilter",
    )


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_conv2d_dilated(padding: str, agrees: Any) -> None:
    """TensorFlow on CPU has no gradient of dilations but through SpaceToBatchND."""

    def dilated(x: Any, w: Any) -> Any:
        return tf.nn.with_space_to_batch(
            x, [2, 3], padding, lambda y, _, p: tf.nn.conv2d(y, w, 1, p), filter_shape=(3, 3)
        )

    agrees(gradients(dilated), (None, 9, 8, 3), (3, 3, 3, 4))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_conv1d(padding: str, stride: int, agrees: Any) -> None:
    agrees(gradients(lambda x, w: tf.nn.conv1d(x, w, stride, padding)), (None, 9, 3), (3, 3, 4))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_conv3d(padding: str, stride: int, agrees: Any) -> None:
    agrees(
        gradients(lambda x, w: tf.nn.conv3d(x, w, [1, stride, 1, stride, 1], padding)),
        (None, 4, 5, 4, 2),
        (2, 3, 1, 2, 3),
        op="Conv3DBackpropFilterV2",
    )


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_conv2d(padding: str, multiplier: int, stride: int, agrees: Any) -> None:
    agrees(
        gradients(lambda x, w: tf.nn.depthwise_conv2d(x, w, [1, stride, stride, 1], padding)),
        (None, 7, 6, 3),
        (3, 2, 3, multiplier),
        op="DepthwiseConv2dNativeBackpropFilter",
    )


def test_depthwise_conv2d_dilated(agrees: Any) -> None:
    agrees(
        gradients(lambda x, w: tf.nn.depthwise_conv2d(x, w, [1] * 4, "SAME", dilations=[2, 1])),
        (None, 7, 6, 3),
        (3, 2, 3, 2),
    )


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("pool", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    ("window", "stride"), [(2, 2), (3, 2), ((1, 3), 1), (5, (1, 2)), ((3, 2), (2, 3))]
)
@pytest.mark.parametrize("size", [(7, 9), (6, 8)])
def test_pool2d(padding: str, pool: str, window: Any, stride: Any, size: Any, agrees: Any) -> None:
    function = tf.nn.__dict__[pool]
    agrees(gradients(lambda x: function(x, window, stride, padding)), (None, *size, 3))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("pool", ["max_pool3d", "avg_pool3d"])
@pytest.mark.parametrize(
    ("window", "stride"), [(2, 2), (3, 2), ((1, 3, 2), 1), ((3, 1, 2), (1, 2, 3)), ((1, 4, 1), 2)]
)
def test_pool3d(padding: str, pool: str, window: Any, stride: Any, agrees: Any) -> None:
    function = tf.nn.__dict__[pool]
    agrees(gradients(lambda x: function(x, window, stride, padding)), (None, 4, 6, 5, 3))


def test_max_pool3d_of_equal_elements(compiled: Any) -> None:
    """All that are equal to the largest get the whole gradient."""
    x = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3, -np.inf, 0, 0], np.float32)
    x = x.reshape(1, 2, 2, 3, 1)
    window = {"ksize": [1, 2, 2, 2, 1], "strides": [1] * 5, "padding": "SAME"}

    def gradient(x: Any, dy: Any) -> Any:
        y = raw.MaxPool3D(input=x, **window)
        return raw.MaxPool3DGrad(orig_input=x, orig_output=y, grad=dy, **window)

    dy = np.arange(1, 13, dtype=np.float32).reshape(x.shape)
    traced = tf.function(gradient, input_signature=[tf.TensorSpec(x.shape)] * 2)
    imported, func, _ = compiled(traced)
    (ours,) = reference.run(func, [x, dy], imported.weights)
    np.testing.assert_array_equal(ours, traced(x, dy))


def test_avg_pool3d_of_spread_windows(agrees: Any) -> None:
    """The gradient has the windows where SAME says, TensorFlow's forward pool elsewhere."""
    window = {"ksize": [1, 2, 1, 2, 1], "strides": [1, 4, 3, 2, 1], "padding": "SAME"}
    agrees(
        lambda x, dy: raw.AvgPool3DGrad(orig_input_shape=tf.shape(x), grad=dy, **window),
        (None, 4, 6, 5, 3), (None, 1, 2, 3, 3), op="AvgPool3DGrad",
    )  # fmt: skip


def test_max_pool3d_of_spread_windows(compiled: Any) -> None:
    function = tf.function(
        gradients(lambda x: tf.nn.max_pool3d(x, 2, 4, "SAME")),
        input_signature=[tf.TensorSpec([None, 4, 6, 5, 3])],
    )
    with pytest.raises(Unsupported, match="its windows are smaller than its strides"):
        compiled(function)


def test_max_pool_v2(agrees: Any) -> None:
    agrees(
        lambda x, dy: raw.MaxPoolGradV2(
            orig_input=x, orig_output=dy, grad=dy,
            ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID",
        ),
        (None, 4, 6, 3), (None, 2, 3, 3), op="MaxPoolGradV2",
    )  # fmt: skip


def test_max_pool_of_equal_elements(compiled: Any) -> None:
    """The first of equals gets the gradient, and a NaN only if it is the first of its window."""
    x = np.array([1, 1, np.nan, 2, np.nan, 3, 3, -np.inf], np.float32).reshape(1, 2, 4, 1)
    dy = np.arange(1, 9, dtype=np.float32).reshape(1, 2, 4, 1)
    traced = tf.function(
        lambda x, dy: raw.MaxPoolGrad(
            orig_input=x, orig_output=x, grad=dy,
            ksize=[1, 2, 2, 1], strides=[1] * 4, padding="SAME",
        ),
        input_signature=[tf.TensorSpec(x.shape)] * 2,
    )  # fmt: skip
    imported, func, _ = compiled(traced)
    (ours,) = reference.run(func, [x, dy], imported.weights)
    np.testing.assert_array_equal(ours, traced(x, dy))


@pytest.mark.parametrize("factor", [1.0, 0.25])
@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_training_batch_norm(factor: float, data_format: str, agrees: Any, draw: Any) -> None:
    """All outputs that have a meaning: the result, running statistics, those of the batch."""
    channels = 5 if data_format == "NCHW" else 3
    moments = [(channels,), draw((channels,), low=0.1, high=2)]
    empty = [] if factor < 1 else [tf.constant([], tf.float32)] * 2

    def norm(x: Any, scale: Any, offset: Any, *running: Any) -> Any:
        mean, variance = empty or running
        return raw.FusedBatchNormV3(
            x=x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=1e-3,
            is_training=True, exponential_avg_factor=factor, data_format=data_format,
        )[:5]  # fmt: skip

    operands = [(None, 5, 4, 3), (channels,), (channels,)]
    agrees(norm, *operands, *([] if empty else moments), op="FusedBatchNormV3")


@pytest.mark.parametrize("is_training", [True, False])
def test_batch_norm_gradient(is_training: bool, agrees: Any, draw: Any) -> None:
    agrees(
        lambda dy, x, scale, mean, variance: raw.FusedBatchNormGradV3(
            y_backprop=dy, x=x, scale=scale, reserve_space_1=mean, reserve_space_2=variance,
            reserve_space_3=mean, epsilon=1e-3, is_training=is_training,
        )[:3],
        (None, 5, 4, 3), (None, 5, 4, 3), (3,), (3,), draw((3,), low=0.1, high=2),
        op="FusedBatchNormGradV3",
    )  # fmt: skip


def test_gradient_through_batch_norm(agrees: Any) -> None:
    empty = tf.constant([], tf.float32)
    agrees(
        gradients(
            lambda x, scale, offset: raw.FusedBatchNormV3(
                x=x, scale=scale, offset=offset, mean=empty, variance=empty, epsilon=1e-3
            )[0]
        ),
        (None, 5, 4, 3), (3,), (3,), op="FusedBatchNormGradV3",
    )  # fmt: skip


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_bias_add(data_format: str, agrees: Any) -> None:
    channels = 5 if data_format == "NCHW" else 3
    agrees(
        gradients(lambda x, bias: tf.nn.bias_add(x, bias, data_format)),
        (None, 5, 4, 3),
        (channels,),
        op="BiasAddGrad",
    )


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_mat_mul(transpose_a: bool, transpose_b: bool, agrees: Any) -> None:
    # Only the first dimension of an input may be the batch.
    x = (4, 5) if transpose_a else (None, 4)
    y = (6, 4) if transpose_b else (4, 6)
    agrees(gradients(lambda a, b: tf.matmul(a, b, transpose_a, transpose_b)), x, y, op="MatMul")


@pytest.mark.parametrize("right", [(None, 5, 4), (1, 5, 4), (5, 4)])
def test_batch_mat_mul(right: Any, agrees: Any) -> None:
    agrees(gradients(lambda a, b: tf.matmul(a, b)), (None, 3, 5), right)


@pytest.mark.parametrize("equation", ["BTNH,BSNH->BNTS", "abc,cde->abde"])
def test_einsum(equation: str, agrees: Any) -> None:
    shapes = {"B": ((None, 3, 2, 4), (None, 5, 2, 4)), "a": ((None, 3, 4), (4, 2, 5))}
    agrees(gradients(lambda a, b: tf.einsum(equation, a, b)), *shapes[equation[0]])


def test_embedding(agrees: Any, draw: Any) -> None:
    def gradient(table: Any, tokens: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(table)
            y = tf.sin(tf.gather(table, tokens))
        return tf.convert_to_tensor(tape.gradient(y, table))

    agrees(gradient, (9, 4), draw((None, 5), "int32", 0, 8), op="UnsortedSegmentSum")


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_unsorted_segment_sum(dtype: str, agrees: Any, draw: Any) -> None:
    agrees(
        lambda x, i: tf.math.unsorted_segment_sum(x, i, 4),
        draw((None, 6, 3), dtype, -5, 5),
        draw((None, 6), "int32", -1, 3),
        op="UnsortedSegmentSum",
    )


def test_segment_sum(agrees: Any) -> None:
    agrees(lambda x: tf.math.segment_sum(x, [0, 0, 2, 3]), (4, 3), op="SegmentSum")


def test_scatter_nd(agrees: Any, draw: Any) -> None:
    agrees(
        lambda i, x: tf.scatter_nd(i, x, [5, 3]),
        draw((None, 4, 1), "int32", 0, 4),
        (None, 4, 3),
        op="ScatterNd",
    )


@pytest.mark.parametrize("op", ["ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic"])
@pytest.mark.parametrize("target", [(8, 10), (7, 3), (2, 5)])
@pytest.mark.parametrize("corners", ["align_corners", "half_pixel_centers", None])
def test_resize(op: str, target: Any, corners: str | None, agrees: Any) -> None:
    options = {} if corners is None else {corners: True}
    agrees(
        gradients(lambda x: raw.__dict__[op](images=x, size=target, **options)),
        (None, 4, 5, 3),
        op=f"{op}Grad",
    )


def test_gradients_of_a_grouped_convolution(agrees: Any) -> None:
    """Each group by itself; on CPU TensorFlow computes them with XLA alone."""

    @tf.function(jit_compile=True)
    def gradients(x: Any, f: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, f])
            y = tf.nn.conv2d(x, f, 2, "SAME")
            loss = tf.reduce_sum(tf.sin(y))
        return tape.gradient(loss, [x, f])

    agrees(gradients, (3, 7, 6, 4), (3, 3, 2, 6), op="Conv2DBackpropFilter")
