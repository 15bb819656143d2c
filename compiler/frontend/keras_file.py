"""Keras files: `.keras` (Keras 3's archive) and `.h5`, of Keras 2 and 3.

Keras 2 and Keras 3 do not read each other's files in full, so each file is read by the version
that wrote it; `tf_keras` is Keras 2.
"""

from __future__ import annotations

import importlib
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import live
from tfrc.compiler.frontend.keras_layers import NEEDS_LAYERS, layers_of
from tfrc.compiler.frontend.options import ImportOptions
from tfrc.compiler.frontend.source import Source
from tfrc.compiler.frontend.tensorflow import first_sentence, quiet, tensorflow

_UNKNOWN_CLASS = re.compile(r"(?:Could not locate class|Unknown layer:|Unknown object:) '?(\w+)")


def read(path: Path, options: ImportOptions) -> Source:
    """The inference function of the Keras model in `path`, a file or a SavedModel of Keras 2.

    Errors: ModelError if the file holds no model, or one with layers that Keras does not know.
    """
    package = _package(path)
    tensorflow()
    try:
        with quiet():
            keras: Any = importlib.import_module(package)
            model = keras.models.load_model(str(path), compile=False)
    except Exception as error:  # Keras raises nearly every type for a bad file
        raise _explain(path, error) from error
    what = f"Keras model {path.name}"
    layers = layers_of(model) if options.needs_layers else ()
    concrete = {"serving_default": live.trace_keras(model, options)}
    return replace(live.source(concrete, what, options), layers=layers)


def _package(path: Path) -> str:
    """`keras` or `tf_keras`, by who wrote the file; a file that does not say is Keras 2's."""
    if path.is_dir():
        if not (path / "keras_metadata.pb").is_file():
            raise ModelError(f"the SavedModel {path.name} has no layers: {NEEDS_LAYERS}")
        return "tf_keras"
    if zipfile.is_zipfile(path):
        version = _archive_version(path)
    else:
        version = _hdf5_version(path)
    return "keras" if int(version.split(".")[0]) >= 3 else "tf_keras"


def _archive_version(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("metadata.json"))["keras_version"]
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path.name} is not a Keras archive, or is damaged: save it with model.save"
        ) from error


def _hdf5_version(path: Path) -> str:
    h5py: Any = importlib.import_module("h5py")
    try:
        with h5py.File(path, "r") as file:
            attributes = dict(file.attrs)
    except OSError as error:
        raise ModelError(
            f"{path.name} is not a Keras file, or is cut off: save the model again with model.save"
        ) from error
    if "model_config" not in attributes:
        raise ModelError(
            f"{path.name} holds weights without a model: save it with model.save, "
            "not model.save_weights"
        )
    version = attributes.get("keras_version", "2")
    return version.decode() if isinstance(version, bytes) else str(version)


def _explain(path: Path, error: Exception) -> ModelError:
    text = str(error)
    unknown = _UNKNOWN_CLASS.search(text)
    if unknown:
        return ModelError(
            f"{path.name} has the custom layer '{unknown[1]}', which is not part of Keras: load it "
            "in Python with keras.models.load_model(path, custom_objects=…) and pass the model to "
            "tfrc.compile"
        )
    if "lambda" in text.lower() and "safe_mode" in text:
        return ModelError(
            f"{path.name} has a Lambda layer, which runs code from the file: if you trust it, load "
            "it in Python with keras.models.load_model(path, safe_mode=False) and pass the model "
            "to tfrc.compile"
        )
    return ModelError(f"Keras cannot load {path.name}: {first_sentence(error)}")
