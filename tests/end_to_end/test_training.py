"""A crate with state learns what TensorFlow learns: losses and all variables, step by step."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crates import cargo, needs_cargo
from safetensors.numpy import load_file, save_file

import tfrc

pytestmark = needs_cargo

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "adder" / "adder.py"

STEPS = 100

TOLERANCE = 1e-5
"""Relative to the largest magnitude; the toy is so small that 100 steps of Adam stay below it."""


def example(crate: Path, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run an example of the crate."""
    return cargo(crate, "run", "--quiet", "--release", "--example", name, "--", *arguments)


@pytest.fixture(scope="module")
def adder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the SavedModel `model` of the example, and its crate."""
    import keras

    spec = importlib.util.spec_from_file_location("adder", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("adder")
    keras.utils.set_random_seed(1)
    module.save(str(folder / "model"), keras.optimizers.Adam(0.01))
    tfrc.compile(folder / "model", folder / "crate", runtime="path")
    return folder


AGAIN = """\
//! What a model does by itself, step by step, is what its sessions do.

use crate_name::Struct;

#[test]
fn steps_of_the_model_itself() {
    let (x, y) = ([1.0, 2.0, -3.0, 4.0], [3.0, 1.0]);
    let mut model = Struct::new();
    let untouched = model.clone();
    let mut session = model.session(2);
    for _ in 0..5 {
        assert_eq!(model.train(&x, &y).unwrap().loss, session.train(&x, &y).unwrap().loss);
    }
    // A wrong batch: nothing has changed.
    let error = model.train(&x, &y[..1]).unwrap_err();
    assert!(error.to_string().contains("training_target"), "{error}");
    assert!(model.train(&x, &[]).is_err());
    let next = session.train(&x, &y).unwrap().loss[0];
    assert_eq!(model.train(&x, &y).unwrap().loss[0], next);
    // A larger one, the initial values again, and a clone from before.
    assert!(model.train(&x.repeat(4), &y.repeat(4)).is_ok());
    model.reset();
    let first = untouched.clone().train(&x, &y).unwrap().loss[0];
    assert_eq!(model.train(&x, &y).unwrap().loss[0], first);
    assert!(next < first);
}
"""


def test_its_own_test_passes(adder: Path) -> None:
    named = re.search(r"(\w+)::(\w+)::new", (adder / "crate" / "src" / "lib.rs").read_text())
    assert named is not None
    text = AGAIN.replace("crate_name", named[1]).replace("Struct", named[2])
    (adder / "crate" / "tests" / "again.rs").write_text(text)
    done = cargo(adder / "crate", "test", "--quiet", "--release", "--test", "again")
    assert done.returncode == 0, done.stdout + done.stderr
    done = cargo(adder / "crate", "test", "--quiet", "--release", "--test", "predictions")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_steps_and_files(adder: Path) -> None:
    """The losses of `step`, the variables that it saves, and a prediction with these."""
    tf: Any = pytest.importorskip("tensorflow")
    crate = adder / "crate"
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS, 8, 2)).astype(np.float32)
    y = x.sum(-1, keepdims=True)
    np.savez(adder / "in.npz", training_input=x, training_target=y)
    state, again = adder / "state.safetensors", adder / "again.safetensors"
    done = example(crate, "step", adder / "in.npz", adder / "out.npz", "--save", state)
    assert done.returncode == 0, done.stderr

    model = tf.saved_model.load(str(adder / "model"))
    train = model.signatures["train"]
    losses = [
        train(training_input=a, training_target=b)["loss"].numpy()
        for a, b in zip(x, y, strict=True)
    ]
    close(np.load(adder / "out.npz")["loss"], np.array(losses))
    saved = load_file(state)
    for i, variable in enumerate(model.optimizer._trainable_variables):
        close(saved[f"optimizer/_trainable_variables/{i}"], variable.numpy())
    assert saved["optimizer/_iterations"] == STEPS

    np.savez(adder / "x.npz", input=x[0])
    predict = ("predict", adder / "x.npz", adder / "sum.npz", "--signature", "pred")
    done = example(crate, *predict, "--load", state)
    assert done.returncode == 0, done.stderr
    expected = model.signatures["pred"](input=x[0])["sum"].numpy()
    close(np.load(adder / "sum.npz")["sum"], expected)

    # A part of the variables: what is missing is said, and keeps its value.
    part = {name: array for name, array in saved.items() if "_iterations" not in name}
    save_file(part, adder / "part.safetensors")
    done = example(crate, *predict, "--load", adder / "part.safetensors")
    assert "lacks `optimizer/_iterations`" in done.stderr
    assert done.returncode == 0

    # Of another model.
    save_file({**saved, "extra": np.zeros(1)}, adder / "extra.safetensors")
    done = example(crate, *predict, "--load", adder / "extra.safetensors")
    assert done.returncode == 1
    assert "another model: the model has no `extra`" in done.stderr

    # A wrong batch is refused, and no file is written.
    np.savez(adder / "wrong.npz", training_input=x, training_target=y[:, :7])
    done = example(crate, "step", adder / "wrong.npz", adder / "no.npz", "--save", again)
    assert done.returncode == 1
    assert "step 0: `training_target` has 7 elements" in done.stderr
    assert not again.exists()


def close(actual: Any, expected: Any) -> None:
    """Equal within the tolerance."""
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale)
