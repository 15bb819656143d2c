"""A Keras model as a frozen GraphDef: weights are constants, the input is called `x`."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def freeze(model: keras.Model, path: Path) -> None:
    """Write `path`, with the input `x` and the output `Identity`."""
    function = tf.function(lambda x: model(x)).get_concrete_function(
        tf.TensorSpec(model.input_shape, tf.float32, name="x")
    )
    frozen = convert_variables_to_constants_v2(function)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
