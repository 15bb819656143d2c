"""Damaged and hostile graphs: one sentence that names the fault, never a traceback."""

# Lambdas on tensors of TensorFlow, which has no type stubs:
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import ImportOptions, load

FLOAT = 'attr { key: "T" value { type: DT_FLOAT } }'


def node(name: str, op: str, *inputs: str) -> str:
    text = " ".join(f'input: "{i}"' for i in inputs)
    return f'node {{ name: "{name}" op: "{op}" {text} {FLOAT} }}\n'


def constant(tensor: str) -> str:
    return (
        'node { name: "c" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } '
        f'attr {{ key: "value" value {{ tensor {{ dtype: DT_FLOAT {tensor} }} }} }} }}\n'
    )


def dims(*sizes: int) -> str:
    return "tensor_shape { " + " ".join(f"dim {{ size: {s} }}" for s in sizes) + " }"


GRAPHS = {
    # text after the placeholder `x` of [?, 4]: what the message says
    "two nodes on each other": (
        node("a", "Add", "x", "b") + node("b", "Relu", "a") + node("y", "Relu", "b"),
        "depend on themselves",
    ),
    "a node on itself": (node("a", "Add", "x", "a") + node("y", "Relu", "a"), "on themselves"),
    "a missing node": (node("y", "Relu", "gone"), "'y' reads 'gone', which is not there"),
    "two of one name": (node("y", "Relu", "x") + node("y", "Relu6", "x"), "two nodes 'y'"),
    "too few operands": (node("y", "Add", "x"), r"refuses node 'y' \(Add\)"),
    "too many operands": (node("y", "Relu", "x", "x"), r"refuses node 'y' \(Relu\)"),
    "no type": ('node { name: "y" op: "Relu" input: "x" }', "missing attr 'T'"),
    "no output": ("", "has no output"),
    "shapes that do not fit": (
        constant(f"{dims(3)} float_val: 1") + node("y", "Add", "x", "c"),
        r"refuses node 'y' \(Add\): Dimensions must be equal, but are 4 and 3$",
    ),
    "a constant of 2^60": (
        constant(f"{dims(1 << 60, 4)} float_val: 1") + node("y", "Add", "x", "c"),
        "'c'",
    ),
    "a constant of 2^40": (
        constant(f"{dims(1 << 40, 4)} float_val: 1") + node("y", "MatMul", "c", "x")
        + node("z", "Mul", "c", "c"),
        r"'c' claims .* more than a file can hold",
    ),
    "a negative size": (constant(f"{dims(-5)} float_val: 1") + node("y", "Neg", "c"), "'c'"),
    "too few bytes": (
        constant(f'{dims(4)} tensor_content: "abc"') + node("y", "Add", "x", "c"),
        "'c' has 3 bytes for 4 elements of 4 bytes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_bad_graphs(models: Any, name: str) -> None:
    text, message = GRAPHS[name]
    with pytest.raises(ModelError, match=message) as caught:
        load(models.text(text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ImportOptions(inputs=("nope",)), "no node 'nope'.*the graph has 2 nodes: x, y"),
        (ImportOptions(outputs=("nope",)), "no node 'nope'.*the graph has 2 nodes: x, y"),
        (ImportOptions(outputs=("y:4",)), "no tensor 'y:4'"),
        (ImportOptions(signatures=("train",)), "has no signature 'train': it has serving_default"),
    ],
)
def test_names_that_are_not_there(models: Any, options: ImportOptions, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(models.text(node("y", "Relu", "x")), options)


@pytest.mark.parametrize("dtype", ["DT_STRING", "DT_QINT8", "DT_VARIANT"])
def test_types_that_no_input_can_have(models: Any, dtype: str) -> None:
    path = models.text('node { name: "y" op: "Identity" input: "x" '
                       f'attr {{ key: "T" value {{ type: {dtype} }} }} }}')  # fmt: skip
    path.write_text(path.read_text().replace("DT_FLOAT", dtype))
    with pytest.raises(ModelError, match=r"input 'x' .* has the type .*--inputs"):
        load(path)


@pytest.mark.parametrize("suffix", [".pb", ".pbtxt"])
@pytest.mark.parametrize("content", [b"", b"hello, this is text\n", b"\x00\x01\x02\xff" * 50])
def test_files_that_are_no_graph(models: Any, suffix: str, content: bytes) -> None:
    path = models.folder / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"file{suffix}"):
        load(path)
    with pytest.raises(ModelError, match="does not exist"):
        load(models.folder / "missing.pb")
    with pytest.raises(ModelError, match=r"holds no saved_model\.pb"):
        load(models.folder)


def test_every_cut_and_many_flips_of_a_file(models: Any) -> None:
    """A file that is cut off anywhere, or has wrong bytes, imports or raises ModelError."""
    kernel = models.random(4, 20)
    path = models.frozen(
        models.function(lambda x: models.tf.nn.relu(x @ kernel), models.spec([None, 4]))
    )
    data = path.read_bytes()
    for end in range(1, len(data), 37):
        path.write_bytes(data[:end])
        with pytest.raises(ModelError):
            load(path)
    rng = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            damaged[at] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(ModelError):
            load(path).module.verify()
