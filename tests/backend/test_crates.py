"""Generated crates are built, tested, linted and run with cargo, as their user would."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crates import cargo, needs_cargo, succeed
from xdsl.dialects.builtin import StringAttr

from tfrc.backend_rust import CrateOptions, emit_crate
from tfrc.passes.free_early import FreeEarlyPass
from tfrc.passes.in_place import InPlacePass

BATCH = 3

# The bundled kernels are built anew for each crate: one of them is enough.
CRATES = {
    "mlp": CrateOptions(name="mlp"),
    "conv": CrateOptions(name="conv-net", struct="ConvNet", weights="file", runtime="path"),
    "tokens": CrateOptions(name="tokens", runtime="path"),
}
EVERY = ("kernels", "elementwise")
"""Modules that call each kernel and each elementwise operation."""


pytestmark = [
    pytest.mark.slow,
    needs_cargo,
]


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: tmp_path_factory.mktemp("crates") / name for name in CRATES}


@pytest.fixture(params=sorted(CRATES))
def crate(request: Any, planned: Callable[[str], Any], emitted: dict[str, Path]) -> Path:
    """The folder of one crate; it is emitted once."""
    name: str = request.param
    path = emitted[name]
    if not path.exists():
        path.mkdir()
        model = planned(name)
        emit_crate(model.module, model.weights, CRATES[name], path, model.features(BATCH))
    return path


def test_agrees_with_the_reference(crate: Path) -> None:
    out = succeed(crate, "test")
    assert "predict_agrees_with_tensorflow ... ok" in out
    assert "src/lib.rs - (line 3) ... ok" in out


def test_is_clean(crate: Path) -> None:
    succeed(crate, "clippy", "--all-targets", "--", "-D", "warnings")
    succeed(crate, "fmt", "--check")
    succeed(crate, "doc", "--no-deps", RUSTDOCFLAGS="-D warnings")


@pytest.mark.parametrize("name", EVERY)
def test_every_operation(name: str, planned: Callable[[str], Any], tmp_path: Path) -> None:
    model = planned(name)
    options = CrateOptions(name=name, runtime="path")
    emit_crate(model.module, model.weights, options, tmp_path, model.features(BATCH))
    # Optimised code for hundreds of maps would take minutes to build.
    out = succeed(tmp_path, "test", "--test", "predictions", CARGO_PROFILE_DEV_OPT_LEVEL="0")
    assert f"{len(model.functions)} passed" in out
    succeed(tmp_path, "clippy", "--all-targets", "--", "-D", "warnings")


def predict(crate: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return cargo(crate, "run", "--quiet", "--example", "predict", "--", *arguments)


def arrays(crate: Path, signature: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The recorded arrays of one signature: those of its inputs and all."""
    with np.load(crate / "testdata" / "features.npz") as file:
        everything = dict(file.items())
    prefix = f"{signature}:"
    if any(key.startswith(prefix) for key in everything):
        everything = {
            key.removeprefix(prefix): array
            for key, array in everything.items()
            if key.startswith(prefix)
        }
    return {k: a for k, a in everything.items() if not k.startswith("out:")}, everything


@pytest.mark.parametrize("signature", ["serving_default", "match"])
def test_example(crate: Path, signature: str, tmp_path: Path) -> None:
    if signature == "match" and crate.name != "tokens":
        pytest.skip("has one signature")
    given, expected = arrays(crate, signature)
    np.savez(tmp_path / "in.npz", **given)
    files = [str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
    done = predict(crate, *files, "--signature", signature, "--threads", "2", "--repeat", "3")
    assert done.returncode == 0, done.stderr
    assert "median of 3 runs" in done.stdout
    with np.load(tmp_path / "out.npz") as out:
        assert len(out.files) > 0
        for name, array in out.items():
            wanted = expected.get(f"out:{name}", expected[name])
            assert array.dtype == wanted.dtype
            np.testing.assert_allclose(array, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


def test_example_refuses_bad_files(crate: Path, tmp_path: Path) -> None:
    given, _ = arrays(crate, "serving_default")
    name, array = next(iter(given.items()))
    np.savez(tmp_path / "missing.npz", nothing=array)
    np.savez(tmp_path / "shape.npz", **{**given, name: array[..., :-1]})
    np.savez(tmp_path / "dtype.npz", **{**given, name: array.astype(np.float64)})
    np.savez(tmp_path / "good.npz", **given)
    (tmp_path / "text.npz").write_text("not a zip file")
    out = str(tmp_path / "out.npz")
    cases = {
        ("nowhere.npz", out): "nowhere.npz: ",
        ("text.npz", out): "is no npz file",
        ("missing.npz", out): f'has no array `{name}`; it has ["nothing"]',
        ("shape.npz", out): f"`{name}` in ",
        ("dtype.npz", out): "cannot be read as ",
        ("good.npz",): "usage: predict IN.npz OUT.npz",
        ("good.npz", out, "--speed", "9"): "there is no option --speed",
        ("good.npz", out, "--repeat", "x"): "--repeat takes a number, not `x`",
        ("good.npz", out, "--signature", "s"): "there is no signature `s`",
    }
    for (file, *rest), message in cases.items():
        done = predict(crate, str(tmp_path / file), *rest)
        assert done.returncode == 1, (file, rest)
        assert message in done.stderr
        assert done.stderr.startswith("error: ")
        assert "panicked" not in done.stderr
    assert not Path(out).exists()


def test_flags_do_not_change_the_bits(planned: Callable[..., Any], tmp_path: Path) -> None:
    """Residuals, fans, concatenations, slices and pads, in place or not, freed early or not."""
    model = planned("memory")
    for i, (inplace, memdrop) in enumerate(product([[], [InPlacePass]], [[], [FreeEarlyPass]])):
        for function in planned("memory", without=[*inplace, *memdrop]).functions:
            function.detach()
            function.sym_name = StringAttr(f"{function.sym_name.data}_{i}")
            model.module.body.block.add_op(function)
    features = model.features(BATCH)
    emit_crate(
        model.module, model.weights, CrateOptions("memory", runtime="path"), tmp_path, features
    )
    bits: dict[str, set[tuple[bytes, ...]]] = {}
    for signature in features:
        base = signature.rstrip("_0123456789")
        np.savez(tmp_path / "in.npz", **features[base].inputs)
        files = [str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
        done = predict(tmp_path, *files, "--signature", signature)
        assert done.returncode == 0, done.stderr
        with np.load(tmp_path / "out.npz") as out:
            outputs = tuple(array.tobytes() for array in out.values())
        bits.setdefault(base, set()).add(outputs)
    assert len(bits) == len(features) / 5
    assert all(len(different) == 1 for different in bits.values())
    succeed(tmp_path, "test", "--test", "predictions", CARGO_PROFILE_DEV_OPT_LEVEL="0")


BAD_INPUTS = """
use mlp::{Error, Model};

fn is_shared<T: Send + Sync>(_: &T) {}

#[test]
fn bad_lengths_are_errors() {
    let model = Model::new();
    is_shared(&model);
    let mut session = model.session(2);
    let wrong = Error::WrongLength { name: "x", expected: 4, got: 0 };
    assert_eq!(session.predict(&[]).unwrap_err(), wrong);
    assert_eq!(model.predict(&[]).unwrap_err(), wrong);
    let broken = Error::NotWholeExamples { name: "x", example: 4, got: 5 };
    assert_eq!(session.predict(&[0.0; 5]).unwrap_err(), broken);
    let large = Error::BatchTooLarge { got: 3, capacity: 2 };
    assert_eq!(session.predict(&[0.0; 12]).unwrap_err(), large);
    let none = Error::BatchTooLarge { got: 1, capacity: 0 };
    assert_eq!(model.session(0).predict(&[0.0; 4]).unwrap_err(), none);
    assert_eq!(session.predict(&[0.0; 8]).unwrap().identity_shape, [2, 3]);
}

#[test]
fn threads_share_a_model_and_agree() {
    let model = Model::new();
    let expected = model.predict(&[0.5; 8]).unwrap();
    let alone = [1, 2, 0].map(|threads| {
        let mut session = model.session(9).with_threads(threads);
        session.predict(&[0.5; 8]).unwrap().into_owned()
    });
    assert!(alone.iter().all(|outputs| *outputs == expected));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(model.predict(&[0.5; 8]).unwrap(), expected));
        }
    });
}
"""

ARRAYS = """
use mlp::ndarray::{Array2, s};
use mlp::{Error, Model};

#[test]
fn arrays_of_any_layout_give_what_slices_give() {
    let model = Model::new();
    let mut session = model.session(2);
    let x = Array2::from_shape_fn((2, 4), |(i, j)| (i * 4 + j) as f32 / 8.0);
    let expected = model.predict(x.as_slice().unwrap()).unwrap();
    let outputs = session.predict_from_arrays(x.view()).unwrap();
    assert_eq!(outputs.identity, expected.identity);
    assert_eq!(outputs.identity_array().dim(), (2, 3));
    let by_columns = x.t().as_standard_layout().into_owned();
    assert_eq!(session.predict_from_arrays(by_columns.t()).unwrap().identity, expected.identity);
    let wrong = session.predict_from_arrays(x.slice(s![.., ..3])).unwrap_err();
    assert_eq!(wrong, Error::WrongShape { name: "x", expected: "[n, 4]", got: vec![2, 3] });
}
"""

BAD_TOKENS = """
use tokens::{Error, Model};

#[test]
fn bad_tokens_are_errors() {
    let model = Model::new();
    let batch = Error::WrongLength { name: "type_", expected: 10, got: 5 };
    assert_eq!(model.predict(&[0; 10], &[1; 5]).unwrap_err(), batch);
    let index = Error::IndexOutOfRange { position: 4, index: 10, length: 10 };
    assert_eq!(model.predict(&[9, 0, -10, 1, 10], &[1; 5]).unwrap_err(), index);
    assert_eq!(model.predict(&[9, 0, -10, 1, 10], &[0; 5]).unwrap().do_, [0; 5]);
    let fixed = Error::WrongLength { name: "y", expected: 2, got: 3 };
    assert_eq!(model.match_(&[0.0; 6], &[0.0; 3]).unwrap_err(), fixed);
}
"""

BAD_WEIGHTS = """
use conv_net::{ConvNet, Error};

#[test]
fn bad_files_are_errors() {
    let good = std::fs::read("model/weights.bin").unwrap();
    let path = std::env::temp_dir().join(format!("weights_{}.bin", std::process::id()));
    assert!(matches!(ConvNet::from_file(&path).unwrap_err(), Error::File { .. }));
    std::fs::write(&path, &good[1..]).unwrap();
    let short = ConvNet::from_file(&path).unwrap_err();
    let mut other = good;
    other[20] ^= 1;
    std::fs::write(&path, other).unwrap();
    let other = ConvNet::from_file(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(short, Error::WrongWeightsLength { .. }), "{short}");
    assert!(other.to_string().contains("not the weights of this model"), "{other}");
}
"""


def test_bad_input_is_an_error(crate: Path) -> None:
    source = {"mlp": BAD_INPUTS, "tokens": BAD_TOKENS, "conv": BAD_WEIGHTS}[crate.name]
    path = crate / "tests" / "bad_input.rs"
    path.write_text(source)
    try:
        succeed(crate, "test", "--test", "bad_input")
    finally:
        path.unlink()


def test_arrays(crate: Path) -> None:
    if crate.name != "mlp":
        pytest.skip("one crate shows it")
    path = crate / "tests" / "arrays.rs"
    path.write_text(ARRAYS)
    try:
        succeed(crate, "test", "--test", "arrays")
        succeed(crate, "check", "--lib", "--no-default-features")
    finally:
        path.unlink()


def test_works_inside_a_workspace(crate: Path, tmp_path: Path) -> None:
    shutil.copytree(crate, tmp_path / "net")
    (tmp_path / "app" / "src").mkdir(parents=True)
    (tmp_path / "app" / "src" / "main.rs").write_text("fn main() {}\n")
    package = CRATES[crate.name].name
    (tmp_path / "Cargo.toml").write_text('[workspace]\nmembers = ["app"]\nresolver = "3"\n')
    (tmp_path / "app" / "Cargo.toml").write_text(
        '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2024"\n'
        f'[dependencies]\n{package} = {{ path = "../net" }}\n'
    )
    succeed(tmp_path, "metadata", "--format-version", "1")
