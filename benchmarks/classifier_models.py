"""Build a classifier of the kind that CrowdStrike's tf2rust serves, as zoo.py builds its models.

python benchmarks/classifier_models.py WORK --model wide --batches 1,10
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import keras
import zoo
from keras import layers


def gated_bytes() -> keras.Model:
    """Raw bytes, embedded, through a gated convolution (Raff et al., "Malware detection by eating
    a whole EXE", 2018), with fewer bytes."""
    x = data = keras.Input((8192,), dtype="int32", name="bytes")
    x = layers.Embedding(257, 8)(x)
    gate = layers.Conv1D(128, 256, strides=256, activation="sigmoid")(x)
    x = layers.Multiply()([layers.Conv1D(128, 256, strides=256)(x), gate])
    x = layers.Dense(128, activation="relu")(layers.GlobalMaxPooling1D()(x))
    return keras.Model(data, layers.Dense(1, activation="sigmoid", name="score")(x))


def words_and_characters() -> keras.Model:
    """The mean of words that are there, a convolution of characters, and a dense head."""
    words = keras.Input((40,), dtype="int32", name="words")
    characters = keras.Input((200,), dtype="int64", name="characters")
    x = layers.Embedding(20000, 32, mask_zero=True)(words)
    x = layers.GlobalAveragePooling1D()(x)
    y = layers.Embedding(128, 16)(characters)
    y = layers.Conv1D(64, 5, padding="same", activation="relu")(y)
    y = layers.MaxPooling1D(2)(layers.BatchNormalization()(y))
    y = layers.Conv1D(64, 3, activation="relu")(y)
    z = layers.Concatenate()([x, layers.GlobalMaxPooling1D()(y)])
    z = layers.Dense(128, activation="selu")(z)
    z = layers.Dropout(0.3)(layers.BatchNormalization()(z))
    z = layers.Dense(64, activation="relu")(z)
    return keras.Model([words, characters], layers.Dense(2, activation="softmax", name="score")(z))


def wide() -> keras.Model:
    """Twenty inputs of numbers, each through a layer of its own, and dense layers."""
    inputs = [keras.Input((5 + 3 * i,), name=f"features_{i}") for i in range(20)]
    x = layers.Concatenate()([layers.Dense(32, activation="relu")(x) for x in inputs])
    x = layers.BatchNormalization()(x)
    for units in (512, 256, 64):
        x = layers.Dropout(0.2)(layers.Dense(units, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="score")(x))


def hybrid() -> keras.Model:
    """Characters through three convolutions, words of characters through one, and a dense part."""
    characters = keras.Input((350,), dtype="int64", name="character_level")
    words = keras.Input((50, 15), dtype="int64", name="word_level")
    extra = keras.Input((50,), dtype="int64", name="extra_level")
    x = layers.Embedding(256, 64)(characters)
    x = layers.Conv1D(128, 5, padding="same", activation="relu")(x)
    x = layers.MaxPooling1D(2)(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Conv1D(128, 3, padding="same")(x))
    x = layers.MaxPooling1D(2)(layers.Dropout(0.2)(layers.Activation("relu")(x)))
    x = layers.Conv1D(256, 3, padding="same", activation="relu")(x)
    y = layers.Reshape((50, 240))(layers.Embedding(20000, 16)(words))
    y = layers.BatchNormalization()(layers.Conv1D(128, 3, activation="relu")(y))
    pool = layers.GlobalAveragePooling1D
    z = layers.Dense(128, activation="tanh")(layers.Flatten()(layers.Embedding(1000, 8)(extra)))
    z = layers.Concatenate()([pool()(x), pool()(y), z])
    z = layers.BatchNormalization()(layers.Dense(256, activation="selu")(z))
    z = layers.Dense(64, activation="relu")(z)
    score = layers.Dense(2, activation="softmax", name="score")(z)
    return keras.Model([characters, words, extra], score)


def characters() -> keras.Model:
    """Characters through two convolutions."""
    x = data = keras.Input((100,), dtype="int64", name="character_level")
    x = layers.Embedding(128, 32)(x)
    x = layers.Conv1D(64, 5, padding="same", activation="relu")(x)
    x = layers.MaxPooling1D(2)(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Conv1D(64, 3)(x))
    x = layers.Dropout(0.3)(layers.Activation("relu")(x))
    x = layers.Dense(32, activation="selu")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(data, layers.Dense(2, activation="softmax", name="score")(x))


MODELS: dict[str, Callable[[], keras.Model]] = {
    f.__name__: f for f in (gated_bytes, words_and_characters, wide, hybrid, characters)
}


def main() -> None:
    """Build the model that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--batches", required=True, help="comma-separated sizes")
    options = parser.parse_args()
    batches = list(map(int, options.batches.split(",")))
    zoo.build(MODELS[options.model], options.work / options.model, batches, converts=False)


if __name__ == "__main__":
    main()
