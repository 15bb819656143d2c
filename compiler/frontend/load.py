"""The one road from any model to a module of the `tf` dialect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.keras_layers import NEEDS_LAYERS
from tfrc.compiler.frontend.options import Imported, ImportOptions
from tfrc.ir.weights import Evaluator


def evaluator() -> Evaluator:
    """TensorFlow's kernels for constant folding; TensorFlow is imported by this call."""
    from tfrc.compiler.frontend.evaluate import evaluate

    return evaluate


def load(model: Any, options: ImportOptions | None = None) -> Imported:
    """Import `model`: a path (str or Path), a Keras model, a tf.function or a concrete function.

    Errors: ModelError if the model or an option cannot be used.
    """
    from tfrc.compiler.frontend.road import import_source

    options = options or ImportOptions()
    return import_source(_source(model, options), options)


def _source(model: Any, options: ImportOptions) -> Any:
    if not isinstance(model, str | Path):
        from tfrc.compiler.frontend import live

        return live.read(model, options)
    path = Path(model)
    if not path.exists():
        raise ModelError(
            f"{path} does not exist: give a .pb, .pbtxt, .keras or .h5 file, or a SavedModel folder"
        )
    if path.name in ("saved_model.pb", "saved_model.pbtxt"):
        path = path.parent
    if path.is_dir() and not options.needs_layers:
        from tfrc.compiler.frontend import saved_model

        return saved_model.read(path, options)
    if path.suffix in (".keras", ".h5", ".hdf5") or path.is_dir():
        from tfrc.compiler.frontend import keras_file

        return keras_file.read(path, options)
    if options.needs_layers:
        raise ModelError(f"the frozen graph {path.name} has no layers: {NEEDS_LAYERS}")
    from tfrc.compiler.frontend import frozen

    return frozen.read(path, options)
