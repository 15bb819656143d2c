"""Binary classifiers: which outputs are scores, thresholds, and features that the user gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import tfrc
from tfrc.compiler.cli import app
from tfrc.compiler.errors import ModelError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LEVELS = {"bottom": 0.1, "low": 0.25, "medium": 0.5, "high": 0.9}


def model(classes: int = 1, activation: str = "sigmoid", outputs: int = 1) -> Any:
    import keras

    keras.utils.set_random_seed(0)
    words = keras.Input((3,), dtype="int32", name="words")
    numbers = keras.Input((4,), name="numbers")
    x = keras.layers.Flatten()(keras.layers.Embedding(9, 2)(words))
    x = keras.layers.Concatenate()([x, numbers])
    heads = [keras.layers.Dense(classes, activation=activation)(x) for _ in range(outputs)]
    return keras.Model([words, numbers], heads if outputs > 1 else heads[0])


def thresholds(path: Path, **levels: Any) -> Path:
    path.write_text(json.dumps({"dirty": {**LEVELS, **levels}}))
    return path


def compiled(keras_model: Any, crate: Path, **options: Any) -> Any:
    return tfrc.compile(keras_model, crate, runtime="path", **options)


def refused(keras_model: Any, crate: Path, **options: Any) -> str:
    with pytest.raises(ModelError) as error:
        compiled(keras_model, crate, **options)
    assert not crate.exists()
    return str(error.value)


@pytest.mark.parametrize(
    ("head", "wanted", "score"),
    [
        ({}, None, "1, 0"),
        ({"activation": "linear"}, None, None),
        ({"activation": "linear"}, True, "1, 0"),
        ({"classes": 2, "activation": "softmax"}, None, "2, 1"),
        ({"classes": 2, "activation": "sigmoid"}, True, "2, 1"),
        ({"classes": 2, "activation": "sigmoid"}, None, None),
        ({"classes": 3, "activation": "softmax"}, None, None),
        ({"outputs": 2}, None, None),
        ({}, False, None),
    ],
)
def test_scores(
    head: dict[str, Any], wanted: bool | None, score: str | None, tmp_path: Path
) -> None:
    crate = tmp_path / "crate"
    compiled(model(**head), crate, binary_classification=wanted)
    source = (crate / "src" / "lib.rs").read_text()
    if score is None:
        assert "decision" not in source
        assert not (crate / "build.rs").exists()
        assert not (crate / "model" / "thresholds.json").exists()
        assert "serde_json" not in (crate / "Cargo.toml").read_text()
        return
    assert f", {score})" in source
    written = json.loads((crate / "model" / "thresholds.json").read_text())
    assert written == {"dirty": dict.fromkeys(LEVELS, 0.0)}


def test_decisions_that_no_output_can_give(tmp_path: Path) -> None:
    asked = {"binary_classification": True}
    assert "is no binary classifier" in refused(model(3), tmp_path / "crate", **asked)
    assert "[N, 3]" in refused(model(3), tmp_path / "crate", **asked)
    assert "is no binary classifier" in refused(model(outputs=2), tmp_path / "crate", **asked)
    given = {"thresholds": thresholds(tmp_path / "t.json")}
    assert "--thresholds" in refused(model(3), tmp_path / "crate", **given)
    off = {"binary_classification": False, **given}
    assert "is for --binary-classification" in refused(model(), tmp_path / "crate", **off)


def test_thresholds_are_written(tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    compiled(model(), crate, thresholds=thresholds(tmp_path / "t.json"))
    assert json.loads((crate / "model" / "thresholds.json").read_text()) == {"dirty": LEVELS}


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ({"low": 0.6}, "should rise"),
        ({"high": "0.9"}, "high in 'dirty' is no number"),
        ({"bottom": None, "low": True}, "bottom, low in 'dirty' is no number"),
        ({"high": float("inf")}, "high in 'dirty' is no number"),
    ],
)
def test_bad_thresholds(levels: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = thresholds(tmp_path / "t.json", **levels)
    assert words in refused(model(), tmp_path / "crate", thresholds=path)


@pytest.mark.parametrize("text", ["", "[]", '{"dirty": 3}'])
def test_thresholds_of_another_form(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(text)
    assert "t.json" in refused(model(), tmp_path / "crate", thresholds=tmp_path / "t.json")


def test_names(tmp_path: Path) -> None:
    compiled(model(), tmp_path / "crate", model_name="my-first net")
    assert "pub struct MyFirstNetModel " in (tmp_path / "crate" / "src" / "lib.rs").read_text()
    assert 'name = "my-first-net"' in (tmp_path / "crate" / "Cargo.toml").read_text()


def draws(n: int = 5) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "words": rng.integers(0, 9, (n, 3)),
        "numbers": rng.normal(size=(n, 4)).astype(np.float32),
    }


def features(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("classes", [1, 2])
def test_features_that_are_given(classes: int, tmp_path: Path) -> None:
    """Scores alone are enough, in any integer type; what is missing is TensorFlow's."""
    net = model(classes, "softmax" if classes == 2 else "sigmoid")
    given = draws()
    outputs = np.asarray(net([given["words"].astype("int32"), given["numbers"]]))
    path = features(tmp_path / "f.npz", **given, predictions=outputs[:, -1])
    report = compiled(net, tmp_path / "crate", features=path)
    assert report.warnings == []
    with np.load(tmp_path / "crate" / "testdata" / "features.npz") as recorded:
        name = next(key for key in recorded if key not in given)
        np.testing.assert_array_equal(recorded["words"], given["words"])
        np.testing.assert_allclose(recorded[name], outputs, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(recorded[name][:, -1], outputs[:, -1])


def test_predictions_of_another_model_are_kept_with_a_warning(tmp_path: Path) -> None:
    path = features(tmp_path / "f.npz", **draws(), predictions=np.full((5, 1), 0.25, np.float32))
    report = compiled(model(), tmp_path / "crate", features=path)
    assert "differ from what TensorFlow gives here" in report.warnings[0]
    with np.load(tmp_path / "crate" / "testdata" / "features.npz") as recorded:
        (name,) = set(recorded) - {"words", "numbers"}
        assert (recorded[name] == 0.25).all()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"words": None}, "has no array 'words'"),
        ({"words": np.zeros((5, 4), np.int32)}, "has the shape [5, 4], but the model takes [N, 3]"),
        ({"words": np.full((5, 3), 0.5)}, "is float64, but the model takes int32"),
        ({"words": np.full((5, 3), 1 << 40)}, "is int64, but the model takes int32"),
        ({"words": np.full((5, 3), "a")}, "is <U1, but the model takes int32"),
        ({"words": np.zeros((4, 3), np.int32)}, "the same number of examples"),
        ({"predictions": np.zeros((4, 1))}, "have the shape [4, 1], but the model gives [5, 1]"),
    ],
)
def test_features_that_do_not_fit(arrays: dict[str, Any], words: str, tmp_path: Path) -> None:
    given = {k: v for k, v in {**draws(), **arrays}.items() if v is not None}
    path = features(tmp_path / "f.npz", **given)
    assert words in refused(model(), tmp_path / "crate", features=path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 cut off", b"no archive"])
def test_a_file_of_no_features(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f.npz").write_bytes(content)
    message = refused(model(), tmp_path / "crate", features=tmp_path / "f.npz")
    assert "is no npz of numbers" in message
    assert len(message.splitlines()) == 1


def test_predictions_of_several_outputs(tmp_path: Path) -> None:
    net = model(outputs=2)
    path = features(tmp_path / "f.npz", **draws(), predictions=np.zeros((5, 1)))
    assert "not under predictions" in refused(net, tmp_path / "crate", features=path)


# The folders and the command of tf2rust


def saved(path: Path, **head: Any) -> Path:
    model(**head).save(path)
    return path


def test_the_folders_of_tf2rust(tmp_path: Path) -> None:
    report = tfrc.compile(
        saved(tmp_path / "net.keras"), tmp_path / "out", layout="tf2rust", runtime="path"
    )
    described = tmp_path / "out" / "saved_model_from_tensorflow"
    crate = tmp_path / "out" / "rust_generated_code"
    assert report.crate == crate
    assert "rust_generated_code/src/model.rs" in report.files
    graph = json.loads((described / "computation_graph.json").read_text())
    (joined,) = (name for name in graph if name.startswith("concatenate"))
    (flat,) = (name for name in graph if name.startswith("flatten"))
    assert graph["words"]["inbounds"] == []
    assert graph[joined]["inbounds"] == [flat, "numbers"]
    assert graph["numbers"]["outbounds"] == [joined]
    layers = json.loads((described / "model_architecture.json").read_text())
    assert layers.keys() == graph.keys()
    assert layers[joined]["class_name"] == "Concatenate"
    assert layers[joined]["config"]["axis"] == -1
    assert layers[joined]["input_shape"] == [[None, 6], [None, 4]]
    assert layers[joined]["output_shape"] == [None, 10]
    assert layers[joined]["connections"] == graph[joined]
    assert layers["words"]["input_shape"] == [[None, 3]]
    assert (described / "model_overview.png").read_bytes().startswith(b"\x89PNG")
    for folder in (described, crate / "model"):
        with np.load(folder / "model_weights.npz") as weights:
            shapes = sorted(array.shape for array in weights.values())
            assert shapes == [(1,), (9, 2), (10, 1)]
            assert all("_weight_" in name for name in weights)
    assert (crate / "model" / "thresholds.json").exists()


def test_layers_of_both_versions_of_keras(tmp_path: Path) -> None:
    """Shared layers, models in models and functions have the same edges in Keras 2 and 3."""
    from tfrc.compiler.frontend.keras_layers import layers_of

    def edges(k: Any) -> list[tuple[str, list[str], list[str], Any, Any, int]]:
        x = k.Input((4,), name="x")
        y = k.Input((4,), name="y")
        inner = k.Sequential([k.layers.Dense(3), k.layers.Dense(2)], name="inner")
        shared = k.layers.Dense(4, name="shared")
        z = k.layers.Add(name="sum")([inner(shared(x)), inner(shared(shared(y)))])
        found = layers_of(k.Model([x, y], [z, inner(y)]))
        return sorted(
            (a.name, sorted(a.inbounds), sorted(a.outbounds), a.inputs, a.outputs, len(a.weights))
            for a in found
        )

    import keras
    import tf_keras

    assert edges(keras) == edges(tf_keras)
    assert [name for name, *_ in edges(keras)] == ["inner", "shared", "sum", "x", "y"]


@pytest.mark.parametrize("kind", ["frozen graph", "SavedModel", "_ConcreteFunction"])
def test_layers_that_nobody_knows(kind: str, tmp_path: Path) -> None:
    import tensorflow as tf

    source: Any = tmp_path / "net.pb"
    if kind == "SavedModel":
        source = tmp_path / "exported"
        model().export(str(source), verbose=False)
    else:
        traced: Any = tf.function(lambda x: x + 1.0).get_concrete_function(
            tf.TensorSpec([None, 4], tf.float32, name="x")
        )
        source.write_bytes(traced.graph.as_graph_def().SerializeToString())
        source = traced if kind == "_ConcreteFunction" else source
    message = refused(source, tmp_path / "crate", layout="tf2rust")
    assert message.startswith(("the ", "ConcreteFunction "))
    assert "tf2rust's folders are made of a Keras model: a .keras or .h5 file" in message


def test_the_command_of_tf2rust(tmp_path: Path) -> None:
    path = features(tmp_path / "f.npz", **draws())
    arguments = ["tf2rust", "--path_to_tf_model", str(saved(tmp_path / "net.keras"))]
    arguments += ["--path_to_save", str(tmp_path / "some" / "where"), "--model_name", "MNist"]
    arguments += ["--enable_inplace", "True", "--enable_memdrop", "no", "--path_to_fv", str(path)]

    def run(*more: str) -> Any:
        return CliRunner().invoke(app, [*arguments, *more])

    refused_word = run("--binary_classification", "perhaps")
    assert refused_word.exit_code == 1
    assert "--binary_classification perhaps: write True or False" in refused_word.stderr
    assert not (tmp_path / "some").exists()
    path.write_bytes(b"")
    assert f"--path_to_fv {path} is no npz of numbers" in run().stderr
    features(path, **draws())
    (tmp_path / "full" / "of").mkdir(parents=True)
    elsewhere = run("--path_to_save", str(tmp_path / "full"))
    assert f"--path_to_save {tmp_path / 'full'} is a folder that tfrc did not" in elsewhere.stderr
    for word in ("True", "false"):
        done = run("--binary_classification", word)
        assert done.exit_code == 0, done.output
        crate = tmp_path / "some" / "where" / "rust_generated_code"
        assert f"next: cd {crate} && " in done.stdout
        assert (crate / "model" / "thresholds.json").exists()
        source = (crate / "src" / "lib.rs").read_text()
        assert "pub struct MNistModel " in source
        assert "pub fn predict(&mut self, features: &[f64])" in source
        assert ("decisions" in source) == (word == "True")
        with np.load(crate / "testdata" / "features.npz") as recorded:
            assert recorded["words"].shape == (5, 3)
