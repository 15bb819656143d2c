"""Train the small network of this folder on scikit-learn's digits, and freeze it.

    python examples/digits/train.py

writes `digits.pb` (the frozen graph) and `test.npz` (`x`: 360 images 8x8 with values 0..16,
`label`: the digits), which the network has not seen. The files of the repository were made so.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent


def network() -> keras.Model:
    """Two convolutions with batch norm, a pool, a dense layer."""
    x = inputs = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 16)(x)
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.3)(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def main() -> None:
    """Train, say how accurate the network is, and write both files."""
    sys.path.append(str(HERE.parent))
    from freeze import freeze

    keras.utils.set_random_seed(0)
    digits: Any = load_digits()
    images = digits.images[..., None].astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=0.2, random_state=0, stratify=digits.target
    )
    model: Any = network()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(train_x, train_y, batch_size=32, epochs=20, verbose=0)
    accuracy = (model.predict(test_x, verbose=0).argmax(1) == test_y).mean()
    print(f"accuracy on {len(test_x)} images that were not trained on: {accuracy:.2%}")
    freeze(model, HERE / "digits.pb")
    np.savez_compressed(HERE / "test.npz", x=test_x, label=test_y)


if __name__ == "__main__":
    main()
