"""Every family of keras.applications: nothing is unsupported, and the numbers are TensorFlow's."""

# TensorFlow and Keras have no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfrc.ir import reference

keras: Any = pytest.importorskip("keras")

FAMILIES = (
    # one of each set of ops, and the smallest input that it takes
    ("MobileNetV3Small", 32),
    ("VGG16", 32),
    ("MobileNet", 32),
    ("MobileNetV2", 32),
    ("Xception", 71),
    ("InceptionV3", 75),
    ("InceptionResNetV2", 75),
    ("ResNet50", 32),
    ("ResNet50V2", 32),
    ("DenseNet121", 32),
    ("NASNetMobile", 32),
    ("EfficientNetB0", 32),
    ("EfficientNetV2B0", 32),
    ("EfficientNetV2S", 32),
    ("ConvNeXtTiny", 32),
)


def randomize(weights: Any, rng: np.random.Generator) -> None:
    """Random numbers in every weight: biases and statistics of batch norms too."""
    for weight in weights:
        if "seed" in weight.name:
            continue
        shape: tuple[int, ...] = tuple(weight.shape)
        value = rng.normal(size=shape)
        if "variance" in weight.name:
            value = 0.7 + 0.3 * np.abs(value)
        elif "gamma" in weight.name:
            value = 1 + 0.1 * value
        elif "kernel" in weight.name:
            value = value * np.sqrt(2 / np.prod(shape[:-1]))
        else:
            value = 0.1 * value
        weight.assign(value)


def check(module: Any, name: str, size: int, compiled: Any, close: Any) -> None:
    rng = np.random.default_rng(0)
    options = {} if name == "VGG16" else {"pooling": "avg"}
    model = module.applications.__dict__[name](
        weights=None, input_shape=(size, size, 3), include_top=False, **options
    )
    randomize(model.weights, rng)
    imported, func, _ = compiled(model)
    x = rng.normal(size=(2, size, size, 3)).astype(np.float32)
    (key,) = imported.signatures["serving_default"].inputs
    expected = imported.runner("serving_default", {key: x})
    close(reference.run(func, [x], imported.weights), list(expected.values()))


def test_smallest(compiled: Any, close: Any) -> None:
    check(keras, *FAMILIES[0], compiled, close)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), FAMILIES[1:])
def test_keras(name: str, size: int, compiled: Any, close: Any) -> None:
    check(keras, name, size, compiled, close)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50", "EfficientNetB0", "ConvNeXtTiny"])
def test_tf_keras(name: str, compiled: Any, close: Any) -> None:
    check(pytest.importorskip("tf_keras"), name, 32, compiled, close)
