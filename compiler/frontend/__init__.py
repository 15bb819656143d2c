"""The front ends: every format that TensorFlow and Keras write, as a module of the `tf` dialect.

| module | reads |
|---|---|
| `frozen` | frozen graphs, `.pb` and `.pbtxt` |
| `saved_model` | SavedModel folders, of TensorFlow 1 and 2 |
| `keras_file` | `.keras` and `.h5`, of Keras 2 and 3 |
| `live` | Keras models, tf.functions and concrete functions of a running program |

All of them end in a `Source` (`source`): a GraphDef, the values of its variables and its
signatures. From there one road leads to the module: `graph` inlines calls and drops what the
outputs do not need, `variables` turns variables that nothing writes into weights, `shapes` infers
types with TensorFlow's own shape functions, and `emit` writes the IR.

TensorFlow is imported in this package and nowhere else, and not before `load` is called.
"""

from __future__ import annotations

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.load import evaluator, load
from tfrc.compiler.frontend.options import (
    Imported,
    ImportOptions,
    InputShape,
    Runner,
    SignatureInfo,
    TensorInfo,
    parse_input_shape,
    spell_shape,
)

__all__ = [
    "ImportOptions",
    "Imported",
    "InputShape",
    "ModelError",
    "Runner",
    "SignatureInfo",
    "TensorInfo",
    "evaluator",
    "load",
    "parse_input_shape",
    "spell_shape",
]
