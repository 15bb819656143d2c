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
from tfrc.passes.row_bands import RowBandsPass
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
PRODUCTS = """
func.func @f(
  %s: tensor<?x50x8xf32>, %x: tensor<?x9x9x8xf32>, %v: tensor<?x4x4x4x8xf32>,
  %w: tensor<3x3x8x16xf32>, %l: tensor<64x8xf32>, %r: tensor<16x8xf32>
) -> (
  tensor<?x50x16xf32>, tensor<?x4x4x16xf32>, tensor<?x4x4x4x16xf32>, tensor<?x7x7x16xf32>,
  tensor<64x16xf32>
) {
  %a = nn.weight @a : tensor<5x8x16xf32>
  %b = nn.weight @b : tensor<1x1x8x16xf32>
  %c = nn.weight @c : tensor<3x3x3x8x16xf32>
  %0 = nn.conv1d %s, %a strides = [1] pads = [4, 0] dilations = [1] groups = 1
    : tensor<?x50x8xf32>, tensor<5x8x16xf32> -> tensor<?x50x16xf32>
  %1 = nn.conv2d %x, %b strides = [2, 2] pads = [-1, -1, 0, 0] dilations = [1, 1] groups = 1
    : tensor<?x9x9x8xf32>, tensor<1x1x8x16xf32> -> tensor<?x4x4x16xf32>
  %2 = nn.conv3d %v, %c strides = [1, 1, 1] pads = [1, 1, 1, 1, 1, 1] dilations = [1, 1, 1]
    groups = 1 : tensor<?x4x4x4x8xf32>, tensor<3x3x3x8x16xf32> -> tensor<?x4x4x4x16xf32>
  %3 = nn.conv2d %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1
    : tensor<?x9x9x8xf32>, tensor<3x3x8x16xf32> -> tensor<?x7x7x16xf32>
  %4 = nn.matmul transpose_rhs %l, %r : tensor<64x8xf32>, tensor<16x8xf32> -> tensor<64x16xf32>
  func.return %0, %1, %2, %3, %4
    : tensor<?x50x16xf32>, tensor<?x4x4x16xf32>, tensor<?x4x4x4x16xf32>, tensor<?x7x7x16xf32>,
      tensor<64x16xf32>
}
"""
BANDS = """
func.func @f(%x: tensor<?x8x8x4xf32>) -> tensor<?x8x8x16xf32> {
  %a = nn.weight @a : tensor<1x1x4x32xf32>
  %b = nn.weight @b : tensor<3x3x32x1xf32>
  %c = nn.weight @c : tensor<1x1x32x16xf32>
  %0 = nn.conv2d %x, %a strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1
    : tensor<?x8x8x4xf32>, tensor<1x1x4x32xf32> -> tensor<?x8x8x32xf32>
  %1 = nn.depthwise_conv2d %0, %b strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1]
    : tensor<?x8x8x32xf32>, tensor<3x3x32x1xf32> -> tensor<?x8x8x32xf32>
  %2 = nn.conv2d %1, %c strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1
    : tensor<?x8x8x32xf32>, tensor<1x1x32x16xf32> -> tensor<?x8x8x16xf32>
  func.return %2 : tensor<?x8x8x16xf32>
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


def selected(
    times: Mapping[str, float], exact: bool = False, source: str = CONV
) -> tuple[str, list[str]]:
    """The text of `source` with its kernels, in bands, and the layers that were asked about."""
    asked: list[str] = []

    def measure(layer: str) -> Mapping[str, float]:
        asked.append(layer)
        return times

    ctx = context(WeightStore({"w": np.ones((3, 3, 4, 16), np.float32)}), measure)
    module = Parser(ctx, source).parse_module()
    SelectKernelsPass(exact).apply(ctx, module)
    RowBandsPass(large=0).apply(ctx, module)
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


def test_every_product_with_register_tiles_is_measured() -> None:
    text, asked = selected({"direct 14x32": 10.0, "direct 6x16": 9.0}, source=PRODUCTS)
    assert asked == [
        "conv1d 50 8 16 5 1 1 4 0 1",
        "conv2d 9 9 8 16 1 1 2 2 1 1 -1 -1 0 0 1",
        "conv3d 4 4 4 8 16 3 3 3 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "conv2d 9 9 8 16 3 3 1 1 1 1 0 0 0 0 1",
        "matmul 64 8 16",
    ]
    for kernel in ("conv1d", "conv2d", "conv3d", "dynamic_conv2d", "matmul"):
        (call,) = [line for line in text.splitlines() if f"@{kernel}(" in line]
        assert "register_tile = array<i64: 6, 16>" in call


def test_a_filter_that_is_known_at_run_time_only_is_not_transformed() -> None:
    weight = "  %w = nn.weight @w : tensor<3x3x4x16xf32>\n"
    source = CONV.replace(weight, "").replace("4xf32>)", "4xf32>, %w: tensor<3x3x4x16xf32>)")
    text, asked = selected({**TIMES, "direct 6x64": 9.0}, source=source)
    assert asked == [LAYER]
    assert "@dynamic_conv2d(" in text
    assert "register_tile = array<i64: 6, 64>" in text


def test_layers_in_bands_keep_the_tiles_that_were_measured() -> None:
    text, asked = selected({"direct 14x32": 10.0, "direct 6x16": 9.0}, source=BANDS)
    assert asked == [
        "conv2d 8 8 4 32 1 1 1 1 1 1 0 0 0 0 1",
        "conv2d 8 8 32 16 1 1 1 1 1 1 0 0 0 0 1",
    ]
    assert "rt.call @row_bands(" in text
    assert text.count("register_tile = array<i64: 6, 16>") == 2


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
    with Tuning(file, 0, Progress()) as tuning:
        assert tuning("conv1d 20 4 16 3 1 1 2 0 1").keys() > {"winograd 2", "winograd 4"}
        cropped = tuning("conv2d 9 9 4 16 3 3 1 1 1 1 -1 0 0 0 1")
        volumes = tuning("conv3d 4 4 4 2 16 3 3 3 1 1 1 1 1 1 1 1 1 1 1 1 1")
    # The kernels transform neither parts of images nor volumes.
    assert all(way.startswith("direct ") for way in [*cropped, *volumes])
    assert cropped
    assert volumes
    again = Tuning(file, 0, Progress())
    assert list(again(LAYER).items()) == list(times.items())
    assert again.program is None
    with Tuning(None, 0, Progress()) as tuning, pytest.raises(ModelError, match="no such layer"):
        tuning("conv9d 1")
