"""A network that learns to add two numbers, saved with a signature that trains it.

    python examples/adder/adder.py build/demo/adder-model
    tfrc compile build/demo/adder-model -o build/demo/adder --model-name Adder
    cargo run --release --manifest-path examples/adder/Cargo.toml -- build/demo/adder.safetensors

The SavedModel has the signatures `pred` and `train`. The optimizer belongs to the saved object, so
that its variables are state like the network's own. The crate trains without TensorFlow.
"""

from __future__ import annotations

import sys
from typing import Any

import keras
import tensorflow as tf


class Adder(tf.Module):
    """Two dense layers, an optimizer, and one step of gradient descent on the squared error."""

    def __init__(self, optimizer: keras.Optimizer):
        super().__init__()
        self.model = keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dense(8, activation="relu", bias_initializer="random_normal"),
                keras.layers.Dense(1, bias_initializer="random_normal"),
            ]
        )
        self.optimizer = optimizer
        optimizer.build(self.model.trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "input")])
    def pred(self, input: tf.Tensor) -> dict[str, Any]:
        """The sum, as far as the network knows it."""
        return {"sum": self.model(input)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, "training_input"),
            tf.TensorSpec([None, 1], tf.float32, "training_target"),
        ]
    )
    def train(self, training_input: tf.Tensor, training_target: tf.Tensor) -> dict[str, Any]:
        """One step; the loss before it."""
        with tf.GradientTape() as tape:
            error = self.model(training_input, training=True) - training_target
            loss = tf.reduce_mean(tf.square(error))
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return {"loss": loss}


def save(path: str, optimizer: keras.Optimizer) -> None:
    """Write the SavedModel."""
    adder = Adder(optimizer)
    signatures = {"pred": adder.pred, "train": adder.train}
    tf.saved_model.save(adder, path, signatures=signatures)


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    save(sys.argv[1], keras.optimizers.Adam(0.01))
