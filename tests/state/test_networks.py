"""Steps of whole networks: every loss and variable beside TensorFlow's, in planned memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfrc.compiler.frontend import Imported

KINDS = (("O2", None),)

STEPS = 3


def randomize(model: Any, rng: np.random.Generator) -> None:
    """Random numbers in every trainable variable: biases and offsets are zero by default."""
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.3, variable.shape).astype("f4"))


@pytest.mark.slow
def test_batch_norm_and_dropout_of_a_convolutional_network(
    tmp_path: Any, agrees: Callable[..., Imported]
) -> None:
    """Moving averages and the seed of the dropout are state; the mask has TensorFlow's bits."""
    tf: Any = pytest.importorskip("tensorflow")
    import keras

    layers = keras.layers
    model: Any = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(6, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Dropout(0.3, seed=5),
            layers.Conv2D(5, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )
    randomize(model, np.random.default_rng(4))
    optimizer: Any = keras.optimizers.SGD(0.05, momentum=0.9)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def train(x: Any, y: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            loss = loss_of(y % 4, model(x, training=True))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return {"loss": loss}

    root = tf.Module()
    root.model, root.optimizer = model, optimizer
    root.others = [variable.value for variable in model.variables]
    root.seeds = [
        generator.state.value for layer in model.layers for generator in seed_generators(layer)
    ]
    x, y = tf.TensorSpec([None, 8, 8, 2], tf.float32, "x"), tf.TensorSpec([None], tf.int32, "y")
    root.train = tf.function(train, input_signature=[x, y])
    tf.saved_model.save(root, tmp_path / "model", signatures={"train": root.train})
    agrees(tmp_path / "model", ["train"] * STEPS, KINDS)


def seed_generators(layer: Any) -> list[Any]:
    """The generators of a layer's random numbers."""
    generator = getattr(layer, "seed_generator", None)
    return [] if generator is None else [generator]
