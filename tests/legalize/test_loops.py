"""Recurrent layers and loops of constant length against TensorFlow."""

# TensorFlow and Keras have no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf: Any = pytest.importorskip("tensorflow")
keras: Any = pytest.importorskip("keras")

RNG = np.random.default_rng(0)

LAYERS: dict[str, tuple[str, dict[str, bool]]] = {
    "lstm": ("LSTM", {}),
    "lstm_sequences": ("LSTM", {"return_sequences": True}),
    "lstm_backwards": ("LSTM", {"go_backwards": True}),
    "lstm_states": ("LSTM", {"return_state": True}),
    "gru": ("GRU", {}),
    "gru_reset_before": ("GRU", {"reset_after": False, "return_sequences": True}),
    "simple": ("SimpleRNN", {}),
}


def recurrent(layers: Any, name: str) -> Any:
    cls, options = LAYERS[name]
    return built(layers.__dict__[cls](4, **options), (None, 5, 3))


def built(layer: Any, shape: Any) -> Any:
    layer.build(shape)
    for weight in layer.weights:
        weight.assign(RNG.normal(size=tuple(weight.shape)) * 0.5)
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_recurrent(name: str, agrees: Any) -> None:
    layer = recurrent(keras.layers, name)
    agrees(lambda x: layer(x), (None, 5, 3))


@pytest.mark.parametrize("name", ["lstm", "gru", "simple"])
def test_recurrent_of_tf_keras(name: str, agrees: Any) -> None:
    layers: Any = pytest.importorskip("tf_keras").layers
    layer = recurrent(layers, name)
    agrees(lambda x: layer(x), (None, 5, 3))


def test_wrapped(agrees: Any) -> None:
    layers = keras.layers
    inner = layers.LSTM(4, return_sequences=True)
    for layer in (layers.Bidirectional(inner), layers.TimeDistributed(layers.Dense(4))):
        wrapper = built(layer, (None, 5, 3))
        agrees(lambda x, wrapper=wrapper: wrapper(x), (None, 5, 3))


def test_mask(agrees: Any) -> None:
    layer = built(keras.layers.LSTM(4), (None, 5, 3))

    def function(x: Any) -> Any:
        return layer(x, mask=tf.reduce_any(x > 1.5, -1))

    agrees(function, (None, 5, 3))


def test_loop_without_lists(agrees: Any) -> None:
    def function(x: Any) -> Any:
        return tf.while_loop(lambda i, _: i < 4, lambda i, y: (i + 1, y * 0.5 + 1.0), (0, x))[1]

    agrees(function, (None, 3), op="StatelessWhile")


def test_loop_in_a_loop(agrees: Any) -> None:
    def inner(i: Any, y: Any) -> Any:
        scale = tf.cast(i, tf.float32)
        return tf.while_loop(lambda j, _: j < i, lambda j, z: (j + 1, z + scale), (0, y))[1]

    def function(x: Any) -> Any:
        return tf.while_loop(lambda i, _: i < 4, lambda i, y: (i + 1, inner(i, y)), (0, x))[1]

    agrees(function, (None, 3))


def test_array_that_is_written(agrees: Any) -> None:
    def function(x: Any) -> Any:
        array = tf.TensorArray(tf.float32, size=3)
        for i in tf.range(3):
            array = array.write(i, x * tf.cast(i, tf.float32))
        return array.stack()

    agrees(tf.autograph.to_graph(function), (None, 3))
