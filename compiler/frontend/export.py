"""Variables that a crate has learnt, back in a form that Python reads."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]

from tfrc.compiler.choices import WeightFormat
from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.checkpoint import Checkpoint, object_path
from tfrc.compiler.frontend.generators import COUNTER
from tfrc.compiler.frontend.tensorflow import quiet, tensorflow
from tfrc.ir.weights import Array

CHECKPOINT = Path("variables") / "variables"


class TrainedModel:
    """A SavedModel, and the values that `state`, a safetensors file of its crate, has for it."""

    def __init__(self, model: Path, state: Path):
        """Errors: ModelError if one cannot be read, or they are not of the same model."""
        self.model = model
        prefix = model / CHECKPOINT
        if not prefix.with_suffix(".index").is_file():
            raise ModelError(
                f"--model {model}: there is no {prefix}.index: name the folder of a SavedModel"
            )
        self.checkpoint = Checkpoint(prefix)
        self.entries: dict[str, str] = {
            object_path(entry): entry
            for entry in self.checkpoint.reader.get_variable_to_shape_map()
        }
        self.state = self.read(state)

    def read(self, state: Path) -> dict[str, Array]:
        """The arrays of the file, each of a variable of the model."""
        try:
            arrays: dict[str, Array] = load_file(state)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{state} is no safetensors file: {error}") from error
        # What generators of random numbers have come to is nothing that TensorFlow saves.
        arrays = {path: a for path, a in arrays.items() if not path.endswith(COUNTER)}
        for path, array in arrays.items():
            if path not in self.entries:
                raise ModelError(f"{state} is of another model: {self.model} has no '{path}'")
            value = np.asarray(self.checkpoint[self.entries[path]])
            if (value.shape, value.dtype) != (array.shape, array.dtype):
                raise ModelError(
                    f"{state} is of another model: its '{path}' is "
                    f"{array.dtype}{list(array.shape)}, that of {self.model} is "
                    f"{value.dtype}{list(value.shape)}"
                )
        return arrays

    def value(self, path: str) -> Any:
        """The trained value of an entry, or that of the SavedModel."""
        return self.state.get(path, self.checkpoint[self.entries[path]])

    def arrays(self) -> dict[str, Array]:
        """The values of all variables by path."""
        values = {path: np.asarray(self.value(path)) for path in sorted(self.entries)}
        return {path: value for path, value in values.items() if value.dtype.kind in "biufc"}


def write_npz(trained: TrainedModel, target: Path) -> None:
    """An array for each variable, under its object path."""
    with target.open("wb") as file:
        np.savez(file, **trained.arrays())  # pyright: ignore[reportArgumentType]


def write_h5(trained: TrainedModel, target: Path) -> None:
    """A data set for each variable, under its object path."""
    h5py: Any = importlib.import_module("h5py")
    with h5py.File(target, "w") as file:
        for path, array in trained.arrays().items():
            file[path] = array


def write_saved_model(trained: TrainedModel, target: Path) -> None:
    """The SavedModel with a new checkpoint of the same entries."""
    tf = tensorflow()
    shutil.copytree(
        trained.model, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("variables.*")
    )
    dtypes = trained.checkpoint.reader.get_variable_to_dtype_map()
    paths = sorted(trained.entries)
    entries = [trained.entries[path] for path in paths]
    with quiet():
        tf.raw_ops.SaveV2(
            prefix=str(target / CHECKPOINT),
            tensor_names=entries,
            shape_and_slices=[""] * len(entries),
            tensors=[
                tf.constant(trained.value(path), dtypes[entry])
                for path, entry in zip(paths, entries, strict=True)
            ],
        )


WRITERS: Mapping[WeightFormat, Callable[[TrainedModel, Path], None]] = {
    "npz": write_npz,
    "h5": write_h5,
    "saved_model": write_saved_model,
}
