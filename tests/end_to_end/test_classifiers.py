"""The crate of a binary classifier in the folders of tf2rust: decisions, thresholds, one vector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crates import cargo, needs_cargo

import tfrc

pytestmark = [
    pytest.mark.slow,
    needs_cargo,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # in Keras
]

DECISIONS = """
use net::{Confidence, Decision, Error, NetModel};

#[test]
fn thresholds_decide() {
    let scores = [f32::NAN, -1.0, 0.1, 0.24, 0.25, 0.5, 0.9, f32::INFINITY];
    use Confidence::{Bottom, High, Low, Medium, None};
    let expected = [None, None, Bottom, Bottom, Low, Medium, High, High];
    assert_eq!(scores.map(|score| Decision::new(score).confidence), expected);
    assert!(None < Bottom && Medium < High);
}

#[test]
fn one_vector_holds_all_inputs() {
    let model = NetModel::new();
    let mut session = model.session(2);
    let (words, numbers) = ([8], [0.5, -1.0, 2.0, 0.0]);
    let features = [8.0, 0.5, -1.0, 2.0, 0.0];
    let expected = session.predict_from_slices(&words, &numbers).unwrap().into_owned();
    let outputs = session.predict(&features).unwrap();
    let decision = outputs.decisions().next().unwrap();
    assert_eq!(decision, Decision::new(expected.score[0]));
    assert_eq!(outputs.into_owned(), expected);
    assert_eq!(model.predict(&features).unwrap(), expected);
}

#[test]
fn two_examples_have_two_decisions() {
    let outputs = NetModel::new().predict_from_slices(&[1; 2], &[0.5; 8]).unwrap();
    let decisions: Vec<Decision> = outputs.decisions().collect();
    assert_eq!(decisions, [Decision::new(outputs.score[0]); 2]);
}

#[test]
fn bad_features_are_errors() {
    let model = NetModel::new();
    let mut features = [0.0; 5];
    let length = Error::WrongLength { name: "features", expected: 5, got: 4 };
    assert_eq!(model.predict(&features[..4]).unwrap_err(), length);
    features[0] = 9.0;
    let index = Error::IndexOutOfRange { position: 0, index: 9, length: 9 };
    assert_eq!(model.predict(&features).unwrap_err(), index);
    for no_integer in [0.5, f64::NAN, f64::INFINITY, 1e10, -1e300] {
        features[0] = no_integer;
        let error = Error::NotAnInteger { name: "words", position: 0 };
        assert_eq!(model.predict(&features).unwrap_err(), error);
    }
    features[0] = 0.0;
    features[3] = f64::NAN;
    let outputs = model.predict(&features).unwrap();
    assert!(outputs.score[0].is_nan());
    assert_eq!(outputs.decisions().next().unwrap().confidence, Confidence::None);
}
"""


def net() -> Any:
    import keras

    keras.utils.set_random_seed(0)
    words = keras.Input((1,), dtype="int32", name="words")
    numbers = keras.Input((4,), name="numbers")
    x = keras.layers.Flatten()(keras.layers.Embedding(9, 2)(words))
    x = keras.layers.Concatenate()([x, numbers])
    score = keras.layers.Dense(1, activation="sigmoid", name="score")(x)
    model = keras.Model([words, numbers], score)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.normal(size=variable.shape))
    return model


def test_decisions(tmp_path: Path) -> None:
    thresholds = tmp_path / "thresholds.json"
    levels = {"bottom": 0.1, "low": 0.25, "medium": 0.5, "high": 0.9}
    thresholds.write_text(json.dumps({"dirty": levels}))
    tfrc.compile(
        net(),
        tmp_path / "net",
        layout="tf2rust",
        model_name="Net",
        thresholds=thresholds,
        runtime="path",
    )
    crate = tmp_path / "net" / "rust_generated_code"
    (crate / "tests" / "decisions.rs").write_text(DECISIONS)
    done = cargo(crate, "test", "--tests")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "4 passed" in done.stdout
    done = cargo(crate, "clippy", "--all-targets", "--", "-D", "warnings")
    assert done.returncode == 0, done.stderr

    # The file in the crate is what counts.
    written = crate / "model" / "thresholds.json"
    written.write_text(json.dumps({"dirty": {**levels, "low": 0.2}}))
    done = cargo(crate, "test", "--test", "decisions")
    assert "FAILED" in done.stdout
    assert "[None, None, Bottom, Low, Low, Medium, High, High]" in done.stderr + done.stdout
    written.write_text(json.dumps({"dirty": {**levels, "low": 0.6}}))
    done = cargo(crate, "check")
    assert done.returncode != 0
    assert "model/thresholds.json: " in done.stderr
    assert "should rise" in done.stderr
