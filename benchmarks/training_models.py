"""What benchmarks/training.py trains: the adder with every optimizer, and three networks."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 32

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "adder" / "adder.py"

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    # From keras.optimizers.
    "sgd": lambda o: o.SGD(0.05),
    "momentum": lambda o: o.SGD(0.05, momentum=0.9),
    "nesterov": lambda o: o.SGD(0.05, momentum=0.9, nesterov=True),
    "decay": lambda o: o.SGD(0.05, weight_decay=0.01),
    "adam": lambda o: o.Adam(0.01),
    "amsgrad": lambda o: o.Adam(0.01, amsgrad=True),
    "adamw": lambda o: o.AdamW(0.01),
    "adamax": lambda o: o.Adamax(0.01),
    "nadam": lambda o: o.Nadam(0.01),
    "rmsprop": lambda o: o.RMSprop(0.01),
    "centered": lambda o: o.RMSprop(0.01, momentum=0.9, centered=True),
    "adagrad": lambda o: o.Adagrad(0.05),
    "adadelta": lambda o: o.Adadelta(0.5),
    "ftrl": lambda o: o.Ftrl(0.05, l1_regularization_strength=0.01),
    "lion": lambda o: o.Lion(0.01),
    "lamb": lambda o: o.Lamb(0.01),
    "muon": lambda o: o.Muon(0.01),
    "clipnorm": lambda o: o.SGD(0.05, clipnorm=0.1),
    "clipvalue": lambda o: o.SGD(0.05, clipvalue=0.1),
    "global_clipnorm": lambda o: o.Adam(0.01, global_clipnorm=0.1),
    "exponential": lambda o: o.SGD(o.schedules.ExponentialDecay(0.05, 2, 0.9)),
    "cosine": lambda o: o.SGD(o.schedules.CosineDecay(0.05, 10)),
    "warm_up": lambda o: o.SGD(o.schedules.CosineDecay(0.0, 10, warmup_steps=1, warmup_target=0.1)),
    "averaging": lambda o: o.SGD(0.05, use_ema=True, ema_momentum=0.9),
    "overwriting": lambda o: o.Adam(0.01, use_ema=True, ema_overwrite_frequency=2),
    "accumulation": lambda o: o.SGD(0.05, momentum=0.9, gradient_accumulation_steps=2),
}


def adder() -> Any:
    """The example's module."""
    spec = importlib.util.spec_from_file_location("adder", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def convolutional(keras: Any) -> Any:
    """A network for images of digits, with batch norm and dropout."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.25, seed=1),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5, seed=2),
            layers.Dense(10),
        ]
    )


def recurrent(keras: Any) -> Any:
    """An LSTM over 20 steps."""
    layers = keras.layers
    return keras.Sequential([keras.Input((20, 16)), layers.LSTM(32), layers.Dense(10)])


def transformer(keras: Any) -> Any:
    """An embedding and two blocks of attention and dense layers."""
    layers = keras.layers
    tokens = keras.Input((16,), dtype="int32")
    x: Any = layers.Embedding(64, 32)(tokens)
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 8)(y, y)
        y = layers.LayerNormalization()(x)
        x = x + layers.Dense(32)(layers.Dense(64, activation="gelu")(y))
    return keras.Model(tokens, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))


NETWORKS: dict[str, Callable[[Any], Any]] = {
    "cnn": convolutional,
    "lstm": recurrent,
    "transformer": transformer,
}


def randomize(model: Any, rng: np.random.Generator) -> None:
    """Add random numbers to every trainable variable: biases are zero by default."""
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + rng.normal(0, 0.05, variable.shape).astype("f4"))


def trainer(tf: Any, keras: Any, model: Any, optimizer: Any) -> Any:
    """An object with all variables, and a signature for one step on `x` and the classes `y`."""
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def train(x: Any, y: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return {"loss": loss}

    root = tf.Module()
    root.variables_of = [variable.value for variable in model.variables]
    root.slots = [variable.value for variable in optimizer.variables]
    generators = [getattr(layer, "seed_generator", None) for layer in model.layers]
    root.seeds = [generator.state.value for generator in generators if generator is not None]
    signature = [
        tf.TensorSpec([BATCH, *model.input_shape[1:]], model.inputs[0].dtype, "x"),
        tf.TensorSpec([BATCH], tf.int32, "y"),
    ]
    root.train = tf.function(train, input_signature=signature)
    return root


def save(path: Path, optimizers: list[str], networks: list[str]) -> None:
    """One SavedModel with a signature for each optimizer and each network."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    example = adder()
    root: Any = tf.Module()
    root.parts = {name: example.Adder(OPTIMIZERS[name](keras.optimizers)) for name in optimizers}
    for name in networks:
        model = NETWORKS[name](keras)
        randomize(model, rng)
        root.parts[name] = trainer(tf, keras, model, keras.optimizers.SGD(0.005, momentum=0.9))
    tf.saved_model.save(root, path, signatures={k: part.train for k, part in root.parts.items()})


def batches(name: str, steps: int) -> dict[str, Any]:
    """The inputs of a signature, with a leading axis for the steps."""
    rng = np.random.default_rng(11)
    if name in OPTIMIZERS:
        x = rng.normal(size=(steps, BATCH, 2)).astype(np.float32)
        return {"training_input": x, "training_target": x.sum(-1, keepdims=True)}
    y = rng.integers(0, 10, (steps, BATCH)).astype(np.int32)
    if name == "transformer":
        x = (rng.integers(0, 64, (steps, BATCH, 16)) + y[..., None]) % 64
        return {"x": x.astype(np.int32), "y": y}
    patterns = np.random.default_rng(12).normal(
        size=(10, 28, 28, 1) if name == "cnn" else (10, 20, 16)
    )
    noise = rng.normal(size=(steps, BATCH, *patterns.shape[1:]))
    return {"x": (patterns[y] + noise).astype(np.float32), "y": y}
