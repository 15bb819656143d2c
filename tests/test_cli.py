"""The `tfrc` command: what it prints, what it refuses, and that it leaves nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tfrc.compiler import destination
from tfrc.compiler.cli import app
from tfrc.compiler.errors import ModelError


def tfrc(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    """The message of a command that must fail: one `error:` line, exit code 1, no traceback."""
    result = tfrc(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: "), result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen graph of one dense layer: `x` [N, 4] to `Identity` [N, 3]."""
    import tensorflow as tf

    w = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    function = tf.function(lambda x: tf.nn.relu(tf.matmul(x, tf.constant(w)) + 0.25))
    concrete: Any = function.get_concrete_function(tf.TensorSpec([None, 4], tf.float32, name="x"))
    path = tmp_path_factory.mktemp("model") / "dense.pb"
    path.write_bytes(concrete.graph.as_graph_def().SerializeToString())
    return path


def graph_file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_help_lists_the_commands() -> None:
    for command in ("compile", "opt", "inspect", "passes", "ops"):
        assert f"  {command} " in tfrc("--help").stdout


def test_passes_and_ops_are_listed_with_one_line_each() -> None:
    assert "fold-batch-norm" in tfrc("passes").stdout
    for line in tfrc("passes").stdout.splitlines():
        assert len(line.split(maxsplit=2)) == 3
    ops = tfrc("ops").stdout
    assert "Conv2D" in ops
    assert "nn.conv2d" in ops


@pytest.mark.parametrize("emit", ["tf-ir", "nn-ir", "rt-ir"])
def test_ir_is_written_with_its_weights_and_parses_back(
    model: Path, tmp_path: Path, emit: str
) -> None:
    out = tmp_path / "out.mlir"
    result = tfrc("compile", model, "--emit", emit, "-o", out)
    assert result.exit_code == 0, result.output
    assert f"wrote {out}" in result.stdout
    again = tfrc("opt", out)
    assert again.stdout.strip() == out.read_text().strip()


def test_levels_of_ir(model: Path) -> None:
    assert 'tf.node "MatMul"' in tfrc("compile", model, "--emit", "tf-ir").stdout
    nn = tfrc("compile", model, "--emit", "nn-ir").stdout
    assert "nn.matmul" in nn
    assert "tf.node" not in nn
    assert "rt.call @matmul" in tfrc("compile", model, "--emit", "rt-ir").stdout


def test_a_crate_is_written_to_a_relative_path(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = tfrc("compile", model, "-o", "crate", "--runtime", "path")
    assert result.exit_code == 0, result.output
    assert "next: cd crate && cargo test" in result.stdout
    assert (tmp_path / "crate" / "src" / "model.rs").exists()
    again = tfrc("compile", model, "-o", "crate", "--runtime", "path", "--force", "--json")
    assert "src/model.rs" in json.loads(again.stdout)["files"]
    assert [path.name for path in tmp_path.iterdir()] == ["crate"]


def test_json_and_dot(model: Path) -> None:
    graph = json.loads(tfrc("compile", model, "--emit", "json").stdout)
    signature = graph["signatures"]["serving_default"]
    assert signature["inputs"] == [{"name": "x", "dtype": "float32", "shape": ["N", "4"]}]
    assert [op["op"] for op in signature["operations"]].count("matmul") == 1
    dot = tfrc("compile", model, "--emit", "dot").stdout
    assert dot.startswith("digraph")
    assert "matmul" in dot


def test_dumps_are_numbered_and_only_of_passes_that_changed_something(
    model: Path, tmp_path: Path
) -> None:
    dumps = tmp_path / "dumps"
    assert tfrc("compile", model, "--emit", "rt-ir", "--dump-ir", dumps).exit_code == 0
    names = sorted(path.name for path in dumps.glob("*.mlir"))
    assert names[0] == "00-input.mlir"
    assert any(name.endswith("-legalize-tf.mlir") for name in names)
    texts = [(dumps / name).read_text() for name in names]
    assert len(set(texts)) == len(texts)


def test_printing_and_timing_passes(model: Path) -> None:
    result = tfrc(
        "compile", model, "--emit", "rt-ir", "--print-ir-after", "legalize-tf", "--time-passes"
    )
    assert "legalize-tf\nbuiltin.module" in result.stderr
    assert "all passes" in result.stderr


def test_flags_leave_passes_out(model: Path) -> None:
    def allocated(*flags: str) -> int:
        return tfrc("compile", model, "-O0", "--emit", "rt-ir", *flags).stdout.count("memref.alloc")

    assert allocated("--no-enable-inplace") > allocated()


def test_inspect(model: Path) -> None:
    text = tfrc("inspect", model).stdout
    assert "x                         float32   Nx4" in text
    assert "every node can be compiled" in text
    found = json.loads(tfrc("inspect", model, "--json").stdout)
    assert found["ops"]["MatMul"] == 1
    assert found["parameters"] >= 12
    (signature,) = found["signatures"]
    assert signature["plan"]["flops"] == 2 * 4 * 3
    assert signature["plan"]["kernel_calls"] >= 1
    assert f"arena {signature['plan']['arena_bytes']} bytes" in text


# Refusals


def test_the_output_folder_is_missing(model: Path, tmp_path: Path) -> None:
    assert "-o is missing" in refused("compile", model)
    assert "there is no folder" in refused("compile", model, "-o", tmp_path / "a" / "b")


def test_an_output_that_exists_is_kept(model: Path, tmp_path: Path) -> None:
    target = tmp_path / "crate"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    assert "exists: give another name, or --force" in refused("compile", model, "-o", target)
    message = refused("compile", model, "-o", target, "--force")
    assert "a folder that tfrc did not make" in message
    assert (target / "mine.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["crate"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"builtin.module {\n^0x():\n}", "is no IR text: Invalid Block name format `0`"),
        (
            b'builtin.module {\n"nn.foo"() : () -> ()\n}',
            "line 2: Operation nn.foo is not registered",
        ),
        (b"builtin.module {\n%0 = nn.matmul %x,", "line 2: operand expected"),
        (b"\xa6\xff\x00", "is no IR text: 'utf-8' codec can't decode"),
    ],
)
def test_malformed_ir_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / "model.mlir"
    file.write_bytes(text)
    assert message in refused("opt", file)


def test_an_unknown_pass_is_refused(model: Path) -> None:
    assert "no pass 'fold-bugs'" in refused("compile", model, "--emit", "rt-ir", "-p", "fold-bugs")
    assert "no pass 'fold-bugs'" in refused("opt", model, "-p", "fold-bugs")


def test_a_name_that_cargo_refuses(model: Path, tmp_path: Path) -> None:
    message = refused("compile", model, "-o", tmp_path / "x", "--model-name", "7")
    assert "cannot be the name of the model's struct" in message


BAD_FILES = [
    ("empty.pb", b"", "empty"),
    ("text.pb", b"This is not a model.\n" * 20, "GraphDef"),
    ("bad.pbtxt", b"node { name: ", "bad.pbtxt"),
    ("bad.keras", b"PK not a zip", "bad.keras"),
    ("bad.h5", b"not hdf5", "bad.h5"),
]


@pytest.mark.parametrize(("name", "content", "words"), BAD_FILES, ids=lambda x: str(x)[:12])
def test_a_file_that_is_no_model(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "out"
    message = refused("compile", tmp_path / name, "-o", out)
    assert words in message
    assert len(message.strip().splitlines()) == 1
    assert not out.exists()


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    assert "does not exist" in refused("inspect", tmp_path / "none.pb")


def test_half_a_graph(model: Path, tmp_path: Path) -> None:
    content = model.read_bytes()
    (tmp_path / "half.pb").write_bytes(content[: len(content) // 2])
    assert "half.pb" in refused("compile", tmp_path / "half.pb", "-o", tmp_path / "out")


IDENTITY = (
    'node {{ name: "{}" op: "Identity" input: "{}" attr {{ key: "T" value {{ type: {} }} }} }}'
)
PLACEHOLDER = (
    'node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }'
    ' attr { key: "shape" value { shape { dim { size: -1 } dim { size: 4 } } } } }'
)


def test_a_graph_with_a_cycle(tmp_path: Path) -> None:
    text = IDENTITY.format("a", "b", "DT_FLOAT") + IDENTITY.format("b", "a", "DT_FLOAT")
    text += PLACEHOLDER + IDENTITY.format("y", "a", "DT_FLOAT")
    path = graph_file(tmp_path / "cycle.pbtxt", text)
    assert "cycle" in refused("compile", path, "-o", tmp_path / "out")


def test_a_graph_that_is_one_cycle(tmp_path: Path) -> None:
    text = IDENTITY.format("a", "b", "DT_FLOAT") + IDENTITY.format("b", "a", "DT_FLOAT")
    path = graph_file(tmp_path / "cycle.pbtxt", text + PLACEHOLDER)
    assert "cycle" in refused("compile", path, "-o", tmp_path / "out")


def test_a_tensor_of_a_hostile_size(tmp_path: Path) -> None:
    text = PLACEHOLDER.replace("dim { size: 4 }", "dim { size: -1 } " * 3)
    exp = IDENTITY.format("y", "x", "DT_FLOAT").replace("Identity", "Exp")
    neg = IDENTITY.format("z", "y", "DT_FLOAT").replace("Identity", "Neg")
    path = graph_file(tmp_path / "huge.pbtxt", text + exp + neg)
    shape = "x=N,100000,100000,1000"
    said = refused("compile", path, "-o", tmp_path / "out", "--input-shape", shape)
    assert "40.0 TB for one example" in said


def test_a_node_that_is_missing(tmp_path: Path) -> None:
    text = PLACEHOLDER + IDENTITY.format("y", "gone", "DT_FLOAT")
    path = graph_file(tmp_path / "missing.pbtxt", text)
    assert "gone" in refused("compile", path, "-o", tmp_path / "out")


def test_control_flow_of_tensorflow_1_says_how_to_freeze(tmp_path: Path) -> None:
    text = PLACEHOLDER + (
        'node { name: "p" op: "Placeholder" attr { key: "dtype" value { type: DT_BOOL } }'
        ' attr { key: "shape" value { shape { } } } }'
        'node { name: "s" op: "Switch" input: "x" input: "p"'
        ' attr { key: "T" value { type: DT_FLOAT } } }'
        'node { name: "m" op: "Merge" input: "s" input: "s:1"'
        ' attr { key: "T" value { type: DT_FLOAT } } attr { key: "N" value { i: 2 } } }'
        + IDENTITY.format("y", "m", "DT_FLOAT")
    )
    text += "versions { producer: 1000 }"
    path = graph_file(tmp_path / "switch.pbtxt", text)
    message = refused("compile", path, "-o", tmp_path / "out")
    assert "lower_control_flow=False" in message
    assert "(Switch)" in message or "(Merge)" in message


def test_a_dtype_that_is_not_supported(tmp_path: Path) -> None:
    text = PLACEHOLDER.replace("DT_FLOAT", "DT_STRING") + IDENTITY.format("y", "x", "DT_STRING")
    path = graph_file(tmp_path / "string.pbtxt", text)
    assert "string" in refused("compile", path, "-o", tmp_path / "out")


def test_a_shape_that_is_not_known(tmp_path: Path) -> None:
    text = PLACEHOLDER.replace("size: 4", "size: -1") + IDENTITY.format("y", "x", "DT_FLOAT")
    path = graph_file(tmp_path / "open.pbtxt", text)
    assert "--input-shape x=" in refused("compile", path, "-o", tmp_path / "out")
    message = refused("compile", path, "--input-shape", "x", "-o", tmp_path / "out")
    assert "write NAME=" in message


# Nothing half-written


def test_a_folder_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "crate"

    def fail() -> None:
        with destination.folder(target) as work:
            (work / "half").write_text("")
            raise ModelError("in the middle")

    with pytest.raises(ModelError):
        fail()
    assert list(tmp_path.iterdir()) == []
    for content in ("first", "second"):
        with destination.folder(target) as work:
            (work / "whole").write_text(content)
        assert (target / "whole").read_text() == content
        assert [path.name for path in tmp_path.iterdir()] == ["crate"]
