"""`tfrc bench`: it builds the crate, and times every kernel call of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from crates import needs_cargo
from typer.testing import CliRunner

from tfrc.compiler.benchmark import CallTime, Timing
from tfrc.compiler.cli import app

pytestmark = needs_cargo


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras
    from freeze import freeze
    from random_weights import randomize

    inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    net: Any = keras.Model(inputs, keras.layers.Dense(5)(x))
    randomize(net)
    path = tmp_path_factory.mktemp("bench") / "model.pb"
    freeze(net, path)
    return path


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_every_kernel_call_is_timed(model: Path) -> None:
    arguments = ["bench", str(model), "--batch", "3", "--seconds", "0.1", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    timing = json.loads(done.stdout)
    assert [call["kernel"] for call in timing["calls"]] == ["conv2d", "mean", "matmul"]
    products = [2 * 3 * 6 * 6 * 4 * 27, 0, 2 * 3 * 4 * 5]
    assert [call["flops"] for call in timing["calls"]] == products
    assert all(call["milliseconds"] > 0 for call in timing["calls"])
    assert timing["peak_gflops"] > 0
    assert [call["weight_bytes"] for call in timing["calls"]] == [
        4 * (4 * 27 + 4),
        0,
        4 * (4 * 5 + 5),
    ]
    assert timing["read_gbps"] > 0


def test_the_table_has_a_row_for_each_call_and_each_kernel() -> None:
    calls = [
        CallTime("conv2d", ["net/a/Conv2D", "net/a/Relu"], 0.5, 2 * 10**7, 4000, 2000),
        CallTime("mean", ["net/b/Mean"], 0.1, 0, 1000, 0),
        CallTime("conv2d", ["net/c/Conv2D"], 0.4, 10**7, 2000, 1000),
        CallTime("matmul", ["net/d/MatMul"], 0.4, 10**6, 2 * 10**6, 2 * 10**6),
    ]
    timing = Timing("f", 1, 1, 10, 1.0, 80.0, 10.0, calls)
    rows = timing.table().splitlines()
    # 40 of 80 GFLOP/s.
    assert rows[1].split() == "0.5000 50.0% 40.0 0.0 50% conv2d: a/Conv2D and 1 more".split()
    assert rows[2].split() == "0.1000 10.0% 0.0 mean: b/Mean".split()
    # 5 of 10 GB/s.
    assert rows[4].split() == "0.4000 40.0% 2.5 5.0 50% matmul: d/MatMul".split()
    assert rows[-3].split() == "0.9000 90.0% 2 conv2d".split()
    assert "31.0 GFLOP/s, 39% of 80, weights at 2.0 GB/s, 20% of 10" in timing.summary()


def test_without_cargo(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = CliRunner().invoke(app, ["bench", str(model)])
    assert done.exit_code == 1
    assert "cargo is not on PATH" in done.stderr
