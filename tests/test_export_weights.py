"""`tfrc export-weights`: the variables of a crate's file in a SavedModel, in npz and in HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from tfrc.compiler.errors import ModelError
from tfrc.compiler.export import export_weights

VALUES = {
    "layer/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "count": np.array(7, np.int64),
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A SavedModel with three variables, and a state with two of them and a random generator."""
    tf: Any = pytest.importorskip("tensorflow")
    root = tf.Module()
    root.layer = tf.Module()
    root.layer.kernel = tf.Variable(tf.ones([2, 3]))
    root.count = tf.Variable(0, dtype=tf.int64)
    root.scale = tf.Variable([2.0, 3.0])

    def run(x: Any) -> dict[str, Any]:
        root.count.assign_add(1)
        return {"y": x @ root.layer.kernel * root.scale[0]}

    root.run = tf.function(run, input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    tf.saved_model.save(root, tmp_path / "model", signatures={"run": root.run})
    counter = {"run/noise:counter": np.array([512, 0], np.uint64)}
    save_file(VALUES | counter, tmp_path / "state.safetensors")
    return tmp_path / "model", tmp_path / "state.safetensors"


def test_npz_and_h5_have_all_variables(files: tuple[Path, Path], tmp_path: Path) -> None:
    model, state = files
    expected = {**VALUES, "scale": np.array([2, 3], np.float32)}
    assert export_weights(state, model, "npz", tmp_path / "out.npz") == len(VALUES)
    export_weights(state, model, "h5", tmp_path / "out.h5")
    with np.load(tmp_path / "out.npz") as arrays, h5py.File(tmp_path / "out.h5") as file:
        sets: Any = file
        assert sorted(arrays) == sorted(expected)
        for path, array in expected.items():
            np.testing.assert_array_equal(arrays[path], array)
            np.testing.assert_array_equal(sets[path][()], array)


def test_a_saved_model_goes_on_from_there(files: tuple[Path, Path], tmp_path: Path) -> None:
    import tensorflow as tf

    model, state = files
    export_weights(state, model, "saved_model", tmp_path / "out")
    loaded: Any = tf.saved_model.load(str(tmp_path / "out"))
    y = loaded.signatures["run"](x=tf.constant([[1.0, 1.0]]))["y"]
    np.testing.assert_array_equal(y, [[6, 10, 14]])
    assert loaded.count.numpy() == 8


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ({"other": np.zeros(2, np.float32)}, "has no 'other'"),
        ({"count": np.zeros(2, np.int64)}, r"'count' is int64\[2\], that of .* is int64\[\]"),
    ],
)
def test_a_state_of_another_model_is_refused(
    files: tuple[Path, Path], tmp_path: Path, array: Any, message: str
) -> None:
    model, state = files
    save_file(array, state)
    with pytest.raises(ModelError, match=message):
        export_weights(state, model, "npz", tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_files_that_are_none_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    model, state = files
    state.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="is no safetensors file"):
        export_weights(state, model, "npz", tmp_path / "out.npz")
    with pytest.raises(ModelError, match="name the folder of a SavedModel"):
        export_weights(state, tmp_path, "npz", tmp_path / "out.npz")
