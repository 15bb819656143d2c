"""Ops that move elements against TensorFlow."""

# TensorFlow and Keras have no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf: Any = pytest.importorskip("tensorflow")
raw: Any = tf.raw_ops


@pytest.mark.parametrize("shape", [(-1, 12), (-1, 4, 3), (-1,), (-1, 2, 2, 3), (-1, 3)])
def test_reshape(shape: Any, agrees: Any) -> None:
    agrees(lambda x: tf.reshape(x, shape), (None, 3, 4), op="Reshape")


def test_reshape_to_a_computed_shape(agrees: Any) -> None:
    agrees(lambda x: tf.reshape(x, [tf.shape(x)[0], 2, -1]), (None, 3, 4), op="Reshape")
    agrees(lambda x: tf.reshape(x, [tf.shape(x)[0] * 2, 6]), (None, 3, 4), op="Reshape")
    agrees(
        lambda x: tf.reshape(x, tf.concat([tf.shape(x)[:-1], [2, 2]], 0)),
        (None, 3, 4),
        op="Reshape",
    )


def test_types_become_known(agrees: Any) -> None:
    def function(x: Any) -> Any:
        y = tf.reshape(x, [-1, 4])
        z = tf.nn.relu(y)
        return tf.reshape(z, [tf.shape(x)[0], -1]) + tf.cast(tf.shape(z)[1], tf.float32)

    agrees(function, (None, 3, 4))


@pytest.mark.parametrize("axes", [[1], [1, 3], [-1], []])
def test_squeeze(axes: Any, agrees: Any) -> None:
    shape = (None, 1, 4, 1)
    agrees(lambda x: raw.Squeeze(input=x, axis=axes or [1, 3]), shape, op="Squeeze")


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
def test_expand_dims(axis: int, agrees: Any) -> None:
    agrees(lambda x: tf.expand_dims(x, axis), (None, 3), op="ExpandDims")


@pytest.mark.parametrize("permutation", [[0, 2, 1], [2, 0, 1], [0, 1, 2], [2, 1, 0]])
def test_transpose(permutation: Any, agrees: Any) -> None:
    agrees(lambda x: tf.transpose(x, permutation), (None, 3, 4), op="Transpose")


def test_broadcast_to(agrees: Any) -> None:
    agrees(lambda x: tf.broadcast_to(x, [2, tf.shape(x)[0], 3, 4]), (None, 1, 4), op="BroadcastTo")


def test_fill(agrees: Any) -> None:
    agrees(lambda x: tf.fill([tf.shape(x)[0], 3], 2.5) + x, (None, 3), op="Fill")
    agrees(lambda x: tf.fill([2, 3], x[0, 0]), (None, 3), op="Fill")


@pytest.mark.parametrize("multiples", [[1, 2, 3], [2, 1, 1], [1, 1, 1]])
def test_tile(multiples: Any, agrees: Any) -> None:
    agrees(lambda x: tf.tile(x, multiples), (None, 3, 4), op="Tile")


def test_tile_by_the_batch(agrees: Any) -> None:
    agrees(lambda x, y: tf.tile(y, [tf.shape(x)[0], 1]), (None, 3), (1, 4), op="Tile")


@pytest.mark.parametrize("axes", [[1], [0, 2], [-1], []])
def test_reverse(axes: Any, agrees: Any) -> None:
    agrees(lambda x: raw.ReverseV2(tensor=x, axis=tf.constant(axes, tf.int32)), (None, 3, 4))


@pytest.mark.parametrize("paddings", [[[0, 0], [1, 2], [0, 3]], [[1, 0], [0, 0], [0, 0]]])
@pytest.mark.parametrize("value", [0.0, 1.5, -np.inf])
def test_pad(paddings: Any, value: float, agrees: Any) -> None:
    agrees(lambda x: tf.pad(x, paddings, constant_values=value), (None, 3, 4))


def test_pad_of_other_types(agrees: Any, draw: Any) -> None:
    agrees(lambda x: tf.pad(x, [[0, 0], [1, 1]], constant_values=7), draw((None, 3), "int32"))
    agrees(lambda x: tf.pad(x, [[0, 0], [1, 1]]), draw((None, 3), "bool"), op="Pad")


@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
def test_mirror_pad(mode: str, agrees: Any) -> None:
    agrees(lambda x: tf.pad(x, [[0, 0], [2, 1], [0, 3]], mode), (None, 3, 4), op="MirrorPad")


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concat(axis: int, agrees: Any) -> None:
    agrees(lambda x, y: tf.concat([x, y, x], axis), (None, 3), (None, 3), op="ConcatV2")


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_pack(axis: int, agrees: Any) -> None:
    agrees(lambda x, y: tf.stack([x, y], axis), (None, 3), (None, 3), op="Pack")


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_unpack(axis: int, agrees: Any) -> None:
    agrees(lambda x: tf.unstack(x, axis=axis), (None, 3, 2), op="Unpack")


@pytest.mark.parametrize("axis", [1, -1])
def test_split(axis: int, agrees: Any) -> None:
    agrees(lambda x: tf.split(x, 3, axis), (None, 6), op="Split")
    agrees(lambda x: tf.split(x, [1, -1, 2], axis), (None, 6), op="SplitV")


@pytest.mark.parametrize(("shift", "axis"), [([1], [1]), ([-2, 5], [1, 2]), ([3], [1])])
def test_roll(shift: Any, axis: Any, agrees: Any) -> None:
    agrees(lambda x: tf.roll(x, shift, axis), (None, 3, 4), op="Roll")


@pytest.mark.parametrize("block", [2, 3])
def test_space_and_depth(block: int, agrees: Any) -> None:
    agrees(lambda x: tf.nn.space_to_depth(x, block), (None, 6, 12, 2), op="SpaceToDepth")
    agrees(lambda x: tf.nn.depth_to_space(x, block), (None, 2, 3, 36), op="DepthToSpace")


@pytest.mark.parametrize("block", [[2], [2, 3]])
def test_space_to_batch(block: Any, agrees: Any) -> None:
    pads = [[1, 1], [0, 1]][: len(block)]
    agrees(
        lambda x: raw.SpaceToBatchND(input=x, block_shape=block, paddings=pads),
        (None, 4, 5, 3),
        op="SpaceToBatchND",
    )

    def there_and_back(x: Any) -> Any:
        spread = raw.SpaceToBatchND(input=x, block_shape=block, paddings=pads)
        return raw.BatchToSpaceND(input=spread * 2, block_shape=block, crops=pads)

    agrees(there_and_back, (None, 4, 5, 3), op="BatchToSpaceND")


SLICES: list[tuple[str, Any]] = [
    ("x[:, 1]", lambda x: x[:, 1]),
    ("x[:, -1]", lambda x: x[:, -1]),
    ("x[0]", lambda x: x[0]),
    ("x[-1]", lambda x: x[-1]),
    ("x[:, 1:3]", lambda x: x[:, 1:3]),
    ("x[:, ::2]", lambda x: x[:, ::2]),
    ("x[:, ::-1]", lambda x: x[:, ::-1]),
    ("x[:, 4:0:-2]", lambda x: x[:, 4:0:-2]),
    ("x[:, -3:]", lambda x: x[:, -3:]),
    ("x[:, :-1]", lambda x: x[:, :-1]),
    ("x[:, 2:2]", lambda x: x[:, 2:2]),
    ("x[:, 1:99]", lambda x: x[:, 1:99]),
    ("x[..., 0]", lambda x: x[..., 0]),
    ("x[..., 1:, 2]", lambda x: x[..., 1:, 2]),
    ("x[:, None]", lambda x: x[:, tf.newaxis]),
    ("x[None, ..., None]", lambda x: x[tf.newaxis, ..., tf.newaxis]),
    ("x[:, 1, None, ::2]", lambda x: x[:, 1, tf.newaxis, ::2]),
    ("x[:, None, ..., 1, ::-2]", lambda x: x[:, tf.newaxis, ..., 1, ::-2]),
    ("x[::-1]", lambda x: x[::-1]),
    ("x[:-1]", lambda x: x[:-1]),
    ("x[1:]", lambda x: x[1:]),
    ("x[:n]", lambda x: x[: tf.shape(x)[0]]),
    ("x[n-1]", lambda x: x[tf.shape(x)[0] - 1]),
    ("x[:, 3, 2, 1]", lambda x: x[:, 3, 2, 1]),
]


@pytest.mark.parametrize("name", [name for name, _ in SLICES])
def test_strided_slice(name: str, agrees: Any) -> None:
    agrees(dict(SLICES)[name], (None, 5, 4, 3), op="StridedSlice")


def test_slice(agrees: Any) -> None:
    agrees(lambda x: tf.slice(x, [0, 1, 2], [-1, 2, -1]), (None, 5, 4), op="Slice")
    agrees(lambda x: tf.slice(x, [0, 1, 0], [tf.shape(x)[0], 3, 4]), (None, 5, 4), op="Slice")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather(axis: int, agrees: Any, draw: Any) -> None:
    table = tf.constant(np.random.default_rng(0).normal(size=(7, 7, 7)), tf.float32)
    agrees(lambda i: tf.gather(table, i, axis=axis), draw((None, 2), "int32", 0, 6), op="GatherV2")
    agrees(lambda x: tf.gather(x, [2, 0, 2], axis=1), (None, 3, 4), op="GatherV2")


@pytest.mark.parametrize(("axis", "batch_dims"), [(1, 1), (2, 1), (2, 2), (-1, 1)])
def test_gather_in_batches(axis: int, batch_dims: int, agrees: Any, draw: Any) -> None:
    agrees(
        lambda x, i: tf.gather(x, i, axis=axis, batch_dims=batch_dims),
        (None, 4, 4, 4)[: 3 if axis < 3 else 4],
        draw((None, 4, 2), "int64", 0, 3),
        op="GatherV2",
    )


def test_gather_nd(agrees: Any, draw: Any) -> None:
    table = tf.constant(np.random.default_rng(0).normal(size=(5, 3)), tf.float32)
    agrees(lambda i: tf.gather_nd(table, i), draw((None, 1), "int32", 0, 4), op="GatherNd")
    agrees(
        lambda x: tf.gather_nd(tf.transpose(x, [1, 2, 0]), [[0, 1], [2, 2]]), (None, 3, 3),
        op="GatherNd",
    )  # fmt: skip
    agrees(
        lambda x, i: tf.gather_nd(tf.transpose(x, [1, 2, 0]), i),
        (None, 3, 4),
        draw((None, 5, 2), "int32", 0, 2),
        op="GatherNd",
    )


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_one_hot(axis: int, dtype: str, agrees: Any, draw: Any) -> None:
    agrees(
        lambda i: tf.one_hot(i, 5, 3, -1, axis, dtype),
        draw((None, 4), "int32", -1, 6),
        op="OneHot",
    )


@pytest.mark.parametrize("binary", [False, True])
def test_dense_bincount(binary: bool, agrees: Any, draw: Any) -> None:
    agrees(
        lambda x: raw.DenseBincount(
            input=x, size=6, weights=tf.constant([], tf.float32), binary_output=binary
        ),
        draw((None, 5), "int32", 0, 7),
        op="DenseBincount",
    )


def test_weighted_bincount(agrees: Any, draw: Any) -> None:
    agrees(
        lambda x, w: raw.DenseBincount(input=x, size=tf.constant(6, tf.int64), weights=w),
        draw((None, 5), "int64", 0, 7),
        (None, 5),
        op="DenseBincount",
    )


def test_category_encoding(agrees: Any, draw: Any) -> None:
    import keras

    for mode in ("one_hot", "multi_hot", "count"):
        layer: Any = keras.layers.CategoryEncoding(6, output_mode=mode)
        size = 1 if mode == "one_hot" else 4
        agrees(lambda x, layer=layer: layer(x), draw((None, size), "int32", 0, 5))


@pytest.mark.parametrize("k", [1, 3, 9])
@pytest.mark.parametrize("shape", [(None, 9), (None, 2, 9)])
def test_top_k(k: int, shape: Any, agrees: Any) -> None:
    agrees(lambda x: tf.math.top_k(x, k), shape, op="TopKV2")
    agrees(lambda x: tf.math.top_k(tf.round(x), k), shape, op="TopKV2")


def test_top_k_of_infinities(agrees: Any) -> None:
    agrees(lambda x: tf.math.top_k(tf.where(x > 0, -np.inf, x), 5), (None, 7), op="TopKV2")


def test_sort(agrees: Any) -> None:
    agrees(lambda x: (tf.sort(x), tf.sort(x, direction="DESCENDING"), tf.argsort(x)), (None, 7))


def test_arg_max_of_keras(agrees: Any) -> None:
    import keras

    agrees(lambda x: keras.ops.argmax(tf.nn.relu(x) * -1.0, -1), (None, 7), op="Bitcast")


@pytest.mark.parametrize(
    ("source", "target"), [("int64", "uint64"), ("uint32", "int32"), ("int8", "uint8")]
)
def test_bits_of_integers_as_wide(source: str, target: str, agrees: Any, draw: Any) -> None:
    low = 0 if source.startswith("u") else -100
    operand = draw((None, 7), source, low, 100)
    agrees(lambda x: tf.bitcast(x - x // 3, target), operand, op="Bitcast")


def test_diagonals(agrees: Any) -> None:
    agrees(lambda x: tf.linalg.diag(x), (None, 4), op="MatrixDiagV3")
    agrees(lambda x: tf.linalg.diag_part(x), (None, 4, 5), op="MatrixDiagPartV3")
    agrees(lambda x: tf.linalg.diag_part(x), (None, 2, 5, 3), op="MatrixDiagPartV3")


def test_bucketize(agrees: Any, draw: Any) -> None:
    agrees(lambda x: raw.Bucketize(input=x, boundaries=[-1.0, 0.0, 1.5]), (None, 9), op="Bucketize")
    agrees(
        lambda x: raw.Bucketize(input=x, boundaries=[-1.0, 0.0, 1.5]),
        draw((None, 9), "int32", -3, 3),
    )


@pytest.mark.parametrize(("lower", "upper"), [(-1, 0), (0, -1), (1, 2), (0, 0)])
def test_matrix_band_part(lower: int, upper: int, agrees: Any) -> None:
    agrees(lambda x: tf.linalg.band_part(x, lower, upper), (None, 4, 5), op="MatrixBandPart")


RESIZE = [
    (method, size, flags)
    for method in ("ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic", "ResizeArea")
    for size in ((8, 10), (3, 4), (4, 5), (7, 2), (1, 1))
    for flags in (
        {"half_pixel_centers": True},
        {"align_corners": True},
        {},
    )
    if method != "ResizeArea" or "half_pixel_centers" not in flags
]


@pytest.mark.parametrize(("method", "size", "flags"), RESIZE)
def test_resize(method: str, size: Any, flags: Any, agrees: Any) -> None:
    function = raw.__dict__[method]
    agrees(lambda x: function(images=x, size=size, **flags), (None, 4, 5, 2), op=method)


@pytest.mark.parametrize("size", [(8, 10), (3, 4), (2, 9)])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(
    "method", ["lanczos3", "lanczos5", "gaussian", "bilinear", "bicubic", "mitchellcubic"]
)
def test_resize_by_kernels(method: str, antialias: bool, size: Any, agrees: Any) -> None:
    agrees(lambda x: tf.image.resize(x, size, method, antialias=antialias), (None, 5, 7, 2))


def test_scale_and_translate(agrees: Any) -> None:
    agrees(
        lambda x: raw.ScaleAndTranslate(
            images=x, size=[6, 5], scale=[1.5, 0.5], translation=[-1.0, 2.0],
            kernel_type="triangle", antialias=True,
        ),
        (None, 5, 7, 2),
        op="ScaleAndTranslate",
    )  # fmt: skip


def test_up_sampling(agrees: Any) -> None:
    import keras

    for method in ("nearest", "bilinear"):
        layer: Any = keras.layers.UpSampling2D(2, interpolation=method)
        agrees(lambda x, layer=layer: layer(x), (None, 3, 4, 2))
