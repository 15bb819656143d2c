"""Random values for every variable of a Keras model, such that its outputs still vary.

Models with freshly initialised weights hide faults: biases are zero, batch-norm statistics are the
identity, and a thousand class scores are all but equal.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import layers

BATCH = 16
"""Inputs that calibrate a model. Where an image has shrunk to one pixel, the variance of fewer is
near zero for some channels, and a network that divides by it amplifies rounding errors."""


def randomize(model: keras.Model, seed: int = 0) -> None:
    """Give every variable of `model` a random value; the same seed gives the same values.

    Kernels are scaled by their fan-in, statistics of batch norms are those of a random batch, a
    little off, and the last kernel is scaled so that the logits have a deviation of 2.
    """
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        variable.assign(draw(variable.path.rpartition("/")[2], variable, rng))
    calibrate(model, rng)
    widen(model, rng)


def draw(name: str, variable: Any, rng: np.random.Generator) -> Any:
    """A value for the variable `name`."""
    shape = tuple(variable.shape)
    if variable.dtype not in ("float32", "float64", "float16"):
        return variable.numpy()
    match name:
        case "moving_variance" | "variance" | "gamma" | "scale":
            return rng.uniform(0.8, 1.25, shape)
        case "beta":
            return rng.normal(1, 0.3, shape)
        case "moving_mean" | "mean" | "bias":
            return rng.normal(0, 0.1, shape)
        case _:
            fan_in = math.prod(shape[:2] if name == "depthwise_kernel" else shape[:-1])
            return rng.normal(0, math.sqrt(2 / max(fan_in, 1)), shape)


def sample(model: keras.Model, rng: np.random.Generator, batch: int = BATCH) -> Any:
    """What the model takes: an array, or a list.

    Pixels for a model that rescales its images, small integers for tokens, anything else normal.
    """
    takes_pixels = any(isinstance(layer, layers.Rescaling) for layer in model.layers)
    result: list[Any] = []
    for tensor in model.inputs:
        shape = (batch, *(size or 96 for size in tensor.shape[1:]))
        if "int" in tensor.dtype:
            result.append(rng.integers(0, 10, shape).astype(tensor.dtype))
        elif takes_pixels:
            result.append(rng.uniform(0, 255, shape).astype(np.float32))
        else:
            result.append(rng.normal(0, 1, shape).astype(np.float32))
    return result if len(result) > 1 else result[0]


def calibrate(model: keras.Model, rng: np.random.Generator) -> None:
    """Set the statistics of every batch norm to those of a random batch, and move them a little."""
    norms: list[Any] = [
        layer for layer in leaves(model) if isinstance(layer, layers.BatchNormalization)
    ]
    if not norms:
        return
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    model(sample(model, rng), training=True)
    for layer, momentum in zip(norms, kept, strict=True):
        layer.momentum = momentum
        mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy() + 1e-3
        layer.moving_mean.assign(mean + np.sqrt(variance) * rng.normal(0, 0.1, mean.shape))
        layer.moving_variance.assign(variance * rng.uniform(0.8, 1.25, variance.shape))


def leaves(model: keras.Model) -> list[Any]:
    """The layers of a model and of the models in it."""
    return [layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model)]


def widen(model: keras.Model, rng: np.random.Generator) -> None:
    """Scale the last kernel so that what it makes has a deviation of 2."""
    with_kernel = [layer for layer in model.layers if hasattr(layer, "kernel")]
    if not with_kernel:
        return
    last = with_kernel[-1]
    features = keras.Model(model.input, last.input)(sample(model, rng), training=False)
    kernel = last.kernel.numpy()
    matrix = kernel.reshape(-1, kernel.shape[-1])
    if matrix.shape[0] != kernel.shape[-2]:
        return
    spread = np.asarray(features).reshape(-1, matrix.shape[0]) @ matrix
    last.kernel.assign(kernel * (2.0 / max(float(spread.std()), 1e-6)))
