"""Matrix products, einsum, reductions, normalisation against TensorFlow."""

# TensorFlow and Keras have no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfrc.ir import nn

tf: Any = pytest.importorskip("tensorflow")

RNG = np.random.default_rng(0)


def weights(*shape: int) -> Any:
    return tf.constant(RNG.normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("transpose", [False, True])
def test_mat_mul(transpose: bool, agrees: Any) -> None:
    w = weights(6, 4) if transpose else weights(4, 6)
    agrees(lambda x: tf.matmul(x, w, transpose_b=transpose), (None, 4), op="MatMul")


def test_mat_mul_transposed_left(agrees: Any) -> None:
    agrees(lambda x, y: tf.matmul(x, y, transpose_a=True), (None, 4), (None, 6), op="MatMul")


@pytest.mark.parametrize("adj_x", [False, True])
@pytest.mark.parametrize("adj_y", [False, True])
@pytest.mark.parametrize("batch", [(None, 2), (None, 1), ()])
def test_batch_mat_mul(adj_x: bool, adj_y: bool, batch: Any, agrees: Any) -> None:
    x = (None, 2, 5, 3) if adj_x else (None, 2, 3, 5)
    y = (*batch, 4, 5) if adj_y else (*batch, 5, 4)
    agrees(
        lambda a, b: tf.raw_ops.BatchMatMulV2(x=a, y=b, adj_x=adj_x, adj_y=adj_y),
        x,
        y,
        op="BatchMatMulV2",
    )


def test_batch_mat_mul_into_a_wider_type(agrees: Any, draw: Any) -> None:
    agrees(
        lambda a, b: tf.raw_ops.BatchMatMulV3(x=a, y=b, Tout=tf.int32),
        draw((None, 3, 5), "int8", -100, 100),
        draw((None, 5, 2), "int8", -100, 100),
        op="BatchMatMulV3",
    )


@pytest.mark.parametrize("shape", [(None, 5), (None, 3, 5), (None, 2, 3, 5)])
def test_bias_add(shape: Any, agrees: Any) -> None:
    bias = weights(5)
    agrees(lambda x: tf.nn.bias_add(x, bias), shape, op="BiasAdd")


def test_bias_add_channels_first(agrees: Any) -> None:
    bias = weights(5)
    agrees(lambda x: tf.nn.bias_add(x, bias, data_format="NCHW"), (None, 5, 2, 3), op="BiasAdd")


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_dense_is_one_matmul(rank: int, agrees: Any) -> None:
    import keras

    shape = (None, *(3, 4)[: rank - 2], 6)
    layer: Any = keras.layers.Dense(5)
    layer.build(shape)
    for weight in layer.weights:
        weight.assign(RNG.normal(size=weight.shape))
    func = agrees(lambda x: layer(x), shape, op="MatMul")
    names = [op.name for op in func.body.block.ops]
    assert names.count("nn.matmul") == 1
    kinds = {"nn.matmul", "nn.reshape", "nn.add", "nn.constant", "nn.weight", "func.return"}
    assert set(names) <= kinds


EQUATIONS = [
    # the equations that occur in Keras, and one of each further kind
    ("BTNH,BSNH->BNTS", (None, 3, 2, 4), (None, 5, 2, 4)),
    ("BNTS,BSNH->BTNH", (None, 2, 3, 5), (None, 5, 2, 4)),
    ("abc,cde->abde", (None, 3, 4), (4, 2, 5)),
    ("abcd,cde->abe", (None, 3, 4, 2), (4, 2, 5)),
    ("acbe,aecd->abcd", (None, 3, 4, 2), (None, 2, 3, 5)),
    ("aecd,abcd->acbe", (None, 3, 4, 2), (None, 5, 4, 2)),
    ("abc,cd->abd", (None, 3, 4), (4, 5)),
    ("ab,bc->ac", (None, 4), (4, 5)),
    ("ab,cb->ac", (None, 4), (5, 4)),
    ("...x,xy->...y", (None, 3, 4), (4, 5)),
    ("...ij,...jk->...ik", (None, 2, 3, 4), (2, 4, 5)),
    ("...ij,...jk->...ik", (None, 2, 3, 4), (4, 5)),
    ("ij->ji", (None, 4), None),
    ("aij->ja", (None, 3, 4), None),
    ("ij,ij->ij", (None, 4), (None, 4)),
    ("i,j->ij", (None,), (4,)),
    ("ij,ij->", (None, 4), (None, 4)),
    ("bi,bi->b", (None, 4), (None, 4)),
    ("bij,bj->bi", (None, 3, 4), (None, 4)),
    ("bi,bij->bj", (None, 3), (None, 3, 4)),
    ("abc,ade->abd", (None, 3, 4), (None, 5, 2)),
    ("ba,bc->ac", (None, 4), (None, 5)),
]


@pytest.mark.parametrize(("equation", "left", "right"), EQUATIONS)
def test_einsum(equation: str, left: Any, right: Any, agrees: Any) -> None:
    shapes = [left] if right is None else [left, right]
    agrees(lambda *x: tf.raw_ops.Einsum(inputs=x, equation=equation), *shapes, op="Einsum")


REDUCTIONS = ("Sum", "Mean", "Max", "Min", "Prod")


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("keep_dims", [False, True])
@pytest.mark.parametrize("axes", [[0], [1, 2], [-1], [3, 1], [], [0, 1, 2, 3]])
def test_reduction(op: str, keep_dims: bool, axes: Any, agrees: Any) -> None:
    function = tf.raw_ops.__dict__[op]
    agrees(
        lambda x: function(input=x, axis=tf.constant(axes, tf.int32), keep_dims=keep_dims),
        (None, 3, 4, 2),
        op=op,
    )


@pytest.mark.parametrize("op", ["Sum", "Max", "Min", "Prod"])
def test_integer_reduction(op: str, agrees: Any, draw: Any) -> None:
    function = tf.raw_ops.__dict__[op]
    agrees(lambda x: function(input=x, axis=1), draw((None, 9), "int32", -3, 3), op=op)


@pytest.mark.parametrize("op", ["All", "Any"])
def test_bool_reduction(op: str, agrees: Any, draw: Any) -> None:
    function = tf.raw_ops.__dict__[op]
    agrees(lambda x: function(input=x, axis=1), draw((None, 3, 2), "bool"), op=op)


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_arg(op: str, dtype: str, axis: int, agrees: Any, draw: Any) -> None:
    function = tf.raw_ops.__dict__[op]
    agrees(
        lambda x: function(input=tf.round(x), dimension=axis, output_type=dtype),
        draw((None, 5, 6)),
        op=op,
    )


@pytest.mark.parametrize("shape", [(None, 7), (None, 2, 7)])
def test_softmax(shape: Any, agrees: Any, draw: Any) -> None:
    agrees(lambda x: tf.nn.softmax(x), draw(shape, low=-50, high=50), op="Softmax")
    agrees(lambda x: tf.nn.log_softmax(x), draw(shape, low=-50, high=50), op="LogSoftmax")


def test_norms(agrees: Any) -> None:
    agrees(lambda x: tf.nn.l2_loss(x), (None, 5), op="L2Loss")
    agrees(lambda x: tf.raw_ops.EuclideanNorm(input=x, axis=[1]), (None, 5), op="EuclideanNorm")
    agrees(lambda x: tf.nn.l2_normalize(x, -1), (None, 5))


@pytest.mark.parametrize("op", ["Cumsum", "Cumprod"])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_scan(op: str, exclusive: bool, reverse: bool, size: int, agrees: Any) -> None:
    function = tf.raw_ops.__dict__[op]
    agrees(
        lambda x: function(x=x, axis=1, exclusive=exclusive, reverse=reverse),
        (None, size, 2),
        op=op,
    )


@pytest.mark.parametrize("op", ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
def test_fused_batch_norm(op: str, agrees: Any) -> None:
    scale, offset, mean = weights(3), weights(3), weights(3)
    variance = tf.constant(RNG.uniform(0.3, 2, 3).astype(np.float32))
    function = tf.raw_ops.__dict__[op]
    agrees(
        lambda x: function(
            x=x, scale=scale, offset=offset, mean=mean, variance=variance,
            is_training=False, epsilon=1e-3,
        )[0],
        (None, 4, 5, 3),
        op=op,
    )  # fmt: skip


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_fused_batch_norm_of_the_batch(data_format: str, agrees: Any) -> None:
    channels = 5 if data_format == "NCHW" else 3
    scale, offset = weights(channels), weights(channels)
    empty = tf.constant([], tf.float32)
    agrees(
        lambda x: tf.raw_ops.FusedBatchNormV3(
            x=x, scale=scale, offset=offset, mean=empty, variance=empty,
            is_training=True, epsilon=1e-3, data_format=data_format,
        )[0],
        (None, 5, 4, 3),
        op="FusedBatchNormV3",
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(None, 6), (None, 4, 6), (None, 3, 4, 6)])
def test_layer_normalization_of_tf_keras(shape: Any, agrees: Any) -> None:
    import tf_keras  # pyright: ignore[reportMissingTypeStubs]

    layer: Any = tf_keras.layers.LayerNormalization()
    layer.build(shape)
    for weight in layer.weights:
        weight.assign(RNG.normal(size=weight.shape))
    agrees(lambda x: layer(x), shape, op="FusedBatchNormV3")


def test_local_response_normalization(agrees: Any) -> None:
    agrees(lambda x: tf.nn.lrn(x, 2, 1.5, 0.3, 0.75), (None, 2, 3, 7), op="LRN")


def test_batch_mat_mul_of_one_matrix_is_matmul(agrees: Any) -> None:
    w = weights(4, 5)
    func = agrees(lambda x: tf.matmul(x, w), (None, 3, 4), op="BatchMatMulV2")
    assert any(isinstance(op, nn.MatMulOp) for op in func.body.block.ops)
