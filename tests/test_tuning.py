"""`-O3`: the fastest way to compute a layer, by what was measured; the file that keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crates import needs_cargo
from typer.testing import CliRunner
from xdsl.parser import Parser

from tfrc.compiler.cli import app
from tfrc.compiler.context import context
from tfrc.compiler.errors import ModelError
from tfrc.compiler.module import module_text
from tfrc.compiler.progress import Progress
from tfrc.compiler.tuning import Tuning, streamed
from tfrc.ir.weights import WeightStore
from tfrc.passes.select_kernels import SelectKernelsPass
from tfrc.passes.tuning import Way, fastest

TIMES = {"direct 14x32": 10.0, "direct 6x64": 9.8, "winograd 2": 8.0, "winograd 4": 12.0}

CONV = """
func.func @f(%x: tensor<?x8x8x4xf32>) -> tensor<?x8x8x16xf32> {
  %w = nn.weight @w : tensor<3x3x4x16xf32>
  %0 = nn.conv2d %x, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1
    : tensor<?x8x8x4xf32>, tensor<3x3x4x16xf32> -> tensor<?x8x8x16xf32>
  func.return %0 : tensor<?x8x8x16xf32>
}
"""
LAYER = "conv2d 8 8 4 16 3 3 1 1 1 1 1 1 1 1 1"


@pytest.mark.parametrize(
    ("times", "winograd", "exact", "way"),
    [
        (TIMES, None, False, Way(winograd_tile=2)),
        (TIMES, 4, False, Way(winograd_tile=2)),
        (TIMES, 2, False, None),
        # 2 % are no reason to leave what the rules choose, and 10 % are.
        (TIMES, None, True, None),
        ({**TIMES, "direct 6x64": 9.0}, None, True, Way(register_tile=(6, 64))),
        # A rule that chose Winograd's filtering can be wrong.
        ({**TIMES, "winograd 2": 11.0}, 2, False, Way(register_tile=(6, 64))),
        ({}, None, False, None),
    ],
)
def test_the_fastest_way_is_taken(
    times: Mapping[str, float], winograd: int | None, exact: bool, way: Way | None
) -> None:
    assert fastest(times, winograd, exact) == way


@pytest.mark.parametrize("text", ["direct", "direct 6", "winograd 3", "slow 1x1", ""])
def test_other_words_are_no_ways(text: str) -> None:
    with pytest.raises(ValueError, match="is no way to compute a layer"):
        Way.parse(text)


def selected(times: Mapping[str, float], exact: bool = False) -> tuple[str, list[str]]:
    """The text of `CONV` with its kernel, and the layers that were asked about."""
    asked: list[str] = []

    def measure(layer: str) -> Mapping[str, float]:
        asked.append(layer)
        return times

    weights = WeightStore({"w": np.ones((3, 3, 4, 16), np.float32)})
    ctx = context(weights, measure)
    module = Parser(ctx, CONV).parse_module()
    SelectKernelsPass(exact).apply(ctx, module)
    module.verify()
    return module_text(module), asked


def test_the_choice_is_in_the_ir() -> None:
    text, asked = selected({"direct 14x32": 10.0, "direct 6x16": 9.0})
    assert asked == [LAYER]
    assert "register_tile = array<i64: 6, 16>" in text
    assert "@conv2d(" in text
    text, _ = selected(TIMES)
    assert "@conv2d_winograd(" in text
    assert "register_tile" not in text
    text, _ = selected(TIMES, exact=True)
    assert "@conv2d(" in text
    assert "register_tile" not in text


def test_models_of_about_the_same_size_share_what_was_measured() -> None:
    sizes = {0: 0, 1 << 19: 0, 3 << 20: 4 << 20, 4 << 20: 4 << 20, 1 << 40: 64 << 20}
    assert {size: streamed(size) for size in sizes} == sizes


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution with random weights, frozen: `x` [N, 8, 8, 4] to `Identity`."""
    import tensorflow as tf

    w = np.random.default_rng(0).normal(size=(3, 3, 4, 16)).astype(np.float32)
    function = tf.function(lambda x: tf.nn.conv2d(x, tf.constant(w), 1, "SAME"))
    spec = tf.TensorSpec([None, 8, 8, 4], tf.float32, name="x")
    concrete: Any = function.get_concrete_function(spec)
    path = tmp_path_factory.mktemp("model") / "conv.pb"
    path.write_bytes(concrete.graph.as_graph_def().SerializeToString())
    return path


def tuning_file(path: Path, contents: Any) -> Path:
    path.write_text(contents if isinstance(contents, str) else json.dumps(contents))
    return path


def test_a_file_makes_cargo_needless(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {"direct 14x16": 10.0, "direct 6x16": 5.0}
    contents = {"machine": "another", "microseconds": {f"{LAYER} after 0 MiB": times}}
    file = tuning_file(tmp_path / "tuning.json", contents)
    monkeypatch.setattr("tfrc.compiler.cargo.shutil.which", lambda _: None)
    arguments = ["compile", str(model), "-O3", "--emit", "rt-ir", "--tuning"]
    done = CliRunner().invoke(app, [*arguments, str(file)])
    assert done.exit_code == 0, done.output
    assert "register_tile = array<i64: 6, 16>" in done.stdout
    assert json.loads(file.read_text()) == contents
    missing = CliRunner().invoke(app, [*arguments, str(tmp_path / "other.json")])
    assert missing.exit_code == 1
    assert missing.stderr.startswith("error: cargo is not on PATH")
    assert not (tmp_path / "other.json").exists()


@pytest.mark.parametrize(
    "contents", ["", "[]", '{"microseconds": 3}', {"microseconds": {"a": {"b": 1}}}]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, contents: Any) -> None:
    file = tuning_file(tmp_path / "tuning.json", contents)
    with pytest.raises(ModelError, match="does not hold what tfrc measured"):
        Tuning(file, 0, Progress())


def test_lower_levels_measure_nothing(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "tuning.json"
    done = CliRunner().invoke(
        app, ["compile", str(model), "--emit", "rt-ir", "--tuning", str(file)]
    )
    assert done.exit_code == 1
    assert "kernels are measured with -O3 only" in done.stderr


@needs_cargo
def test_what_is_measured_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "tuning.json"
    with Tuning(file, 0, Progress()) as tuning:
        times = tuning(LAYER)
    assert {"winograd 2", "winograd 4"} < times.keys()
    assert all(time > 0 for time in times.values())
    assert any(way.startswith("direct ") for way in times)
    again = Tuning(file, 0, Progress())
    assert list(again(LAYER).items()) == list(times.items())
    assert again.program is None
    with Tuning(None, 0, Progress()) as tuning, pytest.raises(ModelError, match="no such layer"):
        tuning("conv9d 1")
