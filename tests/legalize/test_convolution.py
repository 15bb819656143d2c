"""Convolutions and pools against TensorFlow."""

# TensorFlow and Keras have no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects.func import FuncOp

from tfrc.ir import nn

tf: Any = pytest.importorskip("tensorflow")

RNG = np.random.default_rng(0)


def weights(*shape: int) -> Any:
    return tf.constant(RNG.normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    ("size", "kernel", "stride"),
    [
        (size, kernel, stride)
        for size in ((7, 8), (6, 6), (1, 9))
        for kernel in ((1, 1), (3, 3), (2, 5), (1, 3))
        for stride in ((1, 1), (2, 2), (1, 4))
        if size[0] >= kernel[0]
    ],
)
def test_conv2d(padding: str, size: Any, kernel: Any, stride: Any, agrees: Any) -> None:
    filter = weights(*kernel, 3, 4)
    agrees(lambda x: tf.nn.conv2d(x, filter, stride, padding), (None, *size, 3), op="Conv2D")


def test_conv2d_explicit_padding(agrees: Any) -> None:
    filter = weights(3, 3, 3, 4)
    pads = [[0, 0], [1, 2], [0, 3], [0, 0]]
    agrees(lambda x: tf.nn.conv2d(x, filter, 2, pads), (None, 6, 7, 3), op="Conv2D")


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_conv2d_dilated(padding: str, agrees: Any) -> None:
    filter = weights(3, 2, 3, 4)
    agrees(lambda x: tf.nn.conv2d(x, filter, 1, padding, dilations=(2, 3)), (None, 9, 8, 3))


@pytest.mark.parametrize("groups", [2, 4])
def test_conv2d_groups(groups: int, agrees: Any) -> None:
    filter = weights(3, 3, 8 // groups, 12)
    func = agrees(lambda x: tf.nn.conv2d(x, filter, 1, "SAME"), (None, 5, 5, 8), op="Conv2D")
    assert int(only(func, nn.Conv2DOp).groups.value.data) == groups


def test_filter_from_an_input(agrees: Any) -> None:
    agrees(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), (None, 5, 5, 3), (3, 3, 3, 2))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("kernel", "multiplier"), [((3, 3), 1), ((5, 5), 2), ((1, 3), 1)])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise(padding: str, kernel: Any, multiplier: int, stride: int, agrees: Any) -> None:
    filter = weights(*kernel, 3, multiplier)
    agrees(
        lambda x: tf.nn.depthwise_conv2d(x, filter, [1, stride, stride, 1], padding),
        (None, 7, 8, 3),
        op="DepthwiseConv2dNative",
    )


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_conv1d(padding: str, stride: int, agrees: Any) -> None:
    filter = weights(3, 4, 5)
    agrees(lambda x: tf.nn.conv1d(x, filter, stride, padding), (None, 9, 4), op="Conv2D")


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_conv3d(padding: str, stride: int, agrees: Any) -> None:
    filter = weights(3, 2, 3, 2, 4)
    agrees(
        lambda x: tf.nn.conv3d(x, filter, [1, stride, stride, stride, 1], padding),
        (None, 5, 4, 6, 2),
        op="Conv3D",
    )


LAYERS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    # Keras: space to batch and back around the convolution
    "conv2d_same": ("Conv2D", {"filters": 4, "padding": "same"}, (9, 10, 3)),
    "conv2d_valid": ("Conv2D", {"filters": 4}, (11, 8, 3)),
    "conv1d_same": ("Conv1D", {"filters": 4, "padding": "same"}, (11, 3)),
    "conv1d_causal": ("Conv1D", {"filters": 4, "padding": "causal"}, (11, 3)),
    "depthwise": ("DepthwiseConv2D", {"padding": "same"}, (9, 9, 3)),
    "depthwise1d": ("DepthwiseConv1D", {"padding": "same"}, (9, 3)),
    "separable": ("SeparableConv2D", {"filters": 4}, (9, 9, 3)),
    "conv3d_same": ("Conv3D", {"filters": 4, "padding": "same"}, (7, 8, 9, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("rate", [2, 3])
def test_dilated_layers(name: str, rate: int, agrees: Any) -> None:
    import keras

    layer, options, shape = LAYERS[name]
    built: Any = keras.layers.__dict__[layer](kernel_size=3, dilation_rate=rate, **options)
    built.build((None, *shape))
    for weight in built.weights:
        weight.assign(RNG.normal(size=weight.shape))
    func = agrees(lambda x: built(x), (None, *shape))
    assert not any(isinstance(op, nn.TransposeOp) for op in func.body.block.ops)


TRANSPOSED = [
    (kernel, stride, padding, output_padding)
    for kernel in (1, 2, 3, 4)
    for stride in (1, 2, 3)
    for padding in ("same", "valid")
    for output_padding in (None, 0)
    # TensorFlow refuses some output sizes of "same" itself.
    if output_padding is None or (stride > 1 and padding == "valid")
]


@pytest.mark.parametrize(("kernel", "stride", "padding", "output_padding"), TRANSPOSED)
def test_conv2d_transpose(
    kernel: int, stride: int, padding: str, output_padding: int | None, agrees: Any
) -> None:
    import keras

    layer: Any = keras.layers.Conv2DTranspose(
        2, kernel, stride, padding, output_padding=output_padding
    )
    layer.build((None, 4, 5, 3))
    for weight in layer.weights:
        weight.assign(RNG.normal(size=weight.shape))
    agrees(lambda x: layer(x), (None, 4, 5, 3), op="Conv2DBackpropInput")


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("layer", ["Conv1DTranspose", "Conv3DTranspose"])
def test_other_transposes(layer: str, padding: str, agrees: Any) -> None:
    import keras

    built: Any = keras.layers.__dict__[layer](2, 3, 2, padding)
    shape = (5, 3) if layer == "Conv1DTranspose" else (3, 4, 2, 3)
    built.build((None, *shape))
    for weight in built.weights:
        weight.assign(RNG.normal(size=weight.shape))
    agrees(lambda x: built(x), (None, *shape))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("pool", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    ("window", "stride"), [(2, 2), (3, 2), ((1, 3), 1), (5, (1, 2)), ((3, 2), (2, 3))]
)
def test_pool2d(padding: str, pool: str, window: Any, stride: Any, agrees: Any) -> None:
    function = tf.nn.__dict__[pool]
    agrees(lambda x: function(x, window, stride, padding), (None, 7, 8, 3))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("pool", ["max_pool1d", "avg_pool1d"])
def test_pool1d(padding: str, pool: str, agrees: Any) -> None:
    agrees(lambda x: tf.nn.__dict__[pool](x, 3, 2, padding), (None, 8, 3))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("pool", ["max_pool3d", "avg_pool3d"])
def test_pool3d(padding: str, pool: str, agrees: Any) -> None:
    agrees(lambda x: tf.nn.__dict__[pool](x, (2, 3, 1), 2, padding), (None, 5, 6, 4, 2))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("pool", ["max_pool3d", "avg_pool3d"])
def test_pool3d_of_spread_windows(padding: str, pool: str, agrees: Any) -> None:
    """With SAME, TensorFlow has windows smaller than their strides in the middle."""
    agrees(lambda x: tf.nn.__dict__[pool](x, (2, 1, 1), (4, 3, 5), padding), (None, 4, 6, 13, 2))


def test_padded_max_is_of_the_input(agrees: Any, draw: Any) -> None:
    agrees(lambda x: tf.nn.max_pool2d(x, 3, 1, "SAME"), draw((None, 4, 4, 2), low=-9, high=-8))


def only(func: FuncOp, cls: type[Any]) -> Any:
    (op,) = (op for op in func.body.block.ops if isinstance(op, cls))
    return op
