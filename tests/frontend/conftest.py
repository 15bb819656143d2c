"""Small models with random weights, made with the installed TensorFlow."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfrc.compiler.frontend.tensorflow import quiet, tensorflow


class Models:
    """Makes models and writes them in each format."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.tf: Any = tensorflow()
        with quiet():
            self.keras: Any = importlib.import_module("keras")
            self.tf_keras: Any = importlib.import_module("tf_keras")
        self.rng: Any = np.random.default_rng(7)

    def randomize(self, model: Any) -> Any:
        """`model` with a random value in every weight, so that no bias is zero."""
        for weight in model.weights:
            if str(weight.dtype).startswith("float"):
                value: Any = self.rng.normal(size=weight.shape, scale=0.5)
                weight.assign(abs(value) + 0.5 if "variance" in weight.name else value)
        return model

    def cnn(self, keras: Any) -> Any:
        """Convolution, batch norm, dense; of either version of Keras."""
        x = keras.Input((8, 8, 3), name="image")
        y = keras.layers.Conv2D(4, 3, padding="same", name="conv")(x)
        y = keras.layers.BatchNormalization(name="norm")(y)
        y = keras.layers.Flatten()(keras.layers.ReLU()(y))
        y = keras.layers.Dense(5, activation="softmax", name="probabilities")(y)
        return self.randomize(keras.Model(x, y, name="cnn"))

    def function(self, body: Callable[..., Any], *specs: Any) -> Any:
        """A tf.function of TensorSpecs."""
        with quiet():
            function = self.tf.function(body, input_signature=list(specs))
            function.get_concrete_function()
        return function

    def spec(self, shape: list[int | None], dtype: str = "float32", name: str = "x") -> Any:
        return self.tf.TensorSpec(shape, dtype, name=name)

    def frozen(self, function: Any, name: str = "model.pb") -> Path:
        """A frozen graph of a tf.function."""
        module = importlib.import_module("tensorflow.python.framework.convert_to_constants")
        with quiet():
            concrete = module.convert_variables_to_constants_v2(
                function.get_concrete_function(), lower_control_flow=False
            )
            return self.write(concrete.graph.as_graph_def(), name)

    def write(self, graph_def: Any, name: str = "model.pb") -> Path:
        path = self.folder / name
        path.write_bytes(
            str(graph_def).encode() if path.suffix == ".pbtxt" else graph_def.SerializeToString()
        )
        return path

    def graph(self, build: Callable[[Any], Any], name: str = "model.pb") -> Path:
        """A GraphDef of TensorFlow 1's API; `build` receives `tf.compat.v1`."""
        graph = self.tf.Graph()
        with quiet(), graph.as_default():
            build(self.tf.compat.v1)
        return self.write(graph.as_graph_def(), name)

    def text(self, nodes: str) -> Path:
        """A graph in text, after a placeholder `x` of [?, 4] floats."""
        path = self.folder / "model.pbtxt"
        path.write_text(f"versions {{ producer: 1000 }}\n{PLACEHOLDER}{nodes}")
        return path

    def random(self, *shape: int) -> Any:
        return self.rng.normal(size=shape).astype(np.float32)

    def close(self, actual: Any, expected: Any) -> None:
        """Within 1e-5 of the largest magnitude: what is asked of the compiler's numbers."""
        actual, expected = np.asarray(actual), np.asarray(expected)
        assert actual.shape == expected.shape
        assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()

    def equal(self, actual: Any, expected: Any) -> None:
        np.testing.assert_array_equal(actual, expected)


PLACEHOLDER = """
node { name: "x" op: "Placeholder"
  attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "shape" value { shape { dim { size: -1 } dim { size: 4 } } } } }
"""


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path)
