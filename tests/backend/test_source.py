"""The generated source: golden files of small modules, the tables, and what is refused."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import f32, i64

from tfrc.backend_rust import CrateOptions, EmitError, Features, emit_crate, rust
from tfrc.backend_rust.borrows import Block, Loan
from tfrc.backend_rust.feature_vector import FeatureVector
from tfrc.backend_rust.kernels import FUNCTIONS, PRINTERS
from tfrc.backend_rust.names import Scope, camel, layer_names, scope_of, snake, wrapped
from tfrc.backend_rust.scalar_rules import BOOL, FLOAT, INTEGER
from tfrc.backend_rust.tensor import Tensor
from tfrc.backend_rust.vector_rules import VECTOR
from tfrc.backend_rust.weight_file import HEADER, WeightFile, panels
from tfrc.ir import nn
from tfrc.ir.rt import DYNAMIC
from tfrc.ir.rt_reference import METHODS
from tfrc.ir.shape import Dim
from tfrc.passes.kernels import KERNELS

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in Path(__file__).parent.glob("*.mlir"))
IN_FILE = {"conv"}
"""The modules whose crates read their weights from a file."""

needs_rustfmt = pytest.mark.skipif(shutil.which("rustfmt") is None, reason="needs rustfmt")
Planner = Callable[[str], Any]


def options(name: str) -> CrateOptions:
    return CrateOptions(
        name=name, runtime="registry", weights="file" if name in IN_FILE else "embed"
    )


def files(directory: Path) -> dict[str, bytes]:
    paths = sorted(p for p in directory.rglob("*") if p.is_file())
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in paths}


@needs_rustfmt
@pytest.mark.parametrize("name", MODULES)
def test_golden(name: str, planned: Planner, golden: Any, tmp_path: Path) -> None:
    model = planned(name)
    emit_crate(model.module, model.weights, options(name), tmp_path)
    for file in ("model", "lib", "arrays", "weights"):
        golden.check(f"{name}.{file}.rs", (tmp_path / "src" / f"{file}.rs").read_text())


def test_same_input_gives_same_bytes(planned: Planner, tmp_path: Path) -> None:
    made: list[dict[str, bytes]] = []
    for run in ("a", "b"):
        model = planned("tokens")
        (tmp_path / run).mkdir()
        crate = CrateOptions(name="tokens")
        emit_crate(model.module, model.weights, crate, tmp_path / run, model.features(3))
        made.append(files(tmp_path / run))
    assert made[0] == made[1]
    assert {"tf-layers/src/lib.rs", "testdata/features.npz", "model/weights.bin"} <= set(made[0])
    assert not [name for name in made[0] if "target/" in name or name.startswith("tf-layers/tests")]


def test_features_of_several_signatures(planned: Planner, tmp_path: Path) -> None:
    model = planned("tokens")
    emit_crate(model.module, model.weights, CrateOptions(), tmp_path, model.features(3))
    with np.load(tmp_path / "testdata" / "features.npz") as arrays:
        shapes = {name: array.shape for name, array in arrays.items()}
    assert shapes == {
        "serving_default:tokens": (3, 5),
        "serving_default:type": (3, 5),
        "serving_default:embedded-tokens": (3, 20),
        "serving_default:do": (3, 5),
        "match:x": (3, 2),
        "match:y": (2,),
        "match:scaled": (2, 3),
    }


def test_an_output_called_as_an_input(planned: Planner, tmp_path: Path) -> None:
    model = planned("conv")
    features = model.features(2)
    outputs = {"pool": np.zeros((2, 8), np.float32), "input": np.zeros((2, 4, 4, 8), np.float32)}
    recorded = Features({"input": features["serving_default"].inputs["input"]}, outputs)
    emit_crate(model.module, model.weights, CrateOptions(), tmp_path, {"serving_default": recorded})
    with np.load(tmp_path / "testdata" / "features.npz") as arrays:
        assert {name: array.shape for name, array in arrays.items()} == {
            "input": (2, 8, 8, 3),
            "pool": (2, 8),
            "out:input": (2, 4, 4, 8),
        }


def test_every_kernel_is_printed() -> None:
    selected = {op.name.removeprefix("nn.") for op in KERNELS}
    dynamic = {f"{DYNAMIC}conv{rank}d" for rank in (1, 2, 3)}
    assert selected | dynamic | {*METHODS, "row_bands", "map", "copy", "pack"} == set(PRINTERS)


def test_every_elementwise_operation_is_printed() -> None:
    names = {op.name.removeprefix("nn.") for op in nn.ELEMENTWISE}
    elsewhere = {"cast", "bitwise_and", "bitwise_or", "bitwise_xor"}
    assert names - set(VECTOR) == elsewhere
    scalar = {*FLOAT, *INTEGER, *BOOL, "select", "cast"}
    assert names - scalar == {"selu", "erf", "erfc", "gelu", "gelu_tanh"}


def test_no_variable_hides_a_function() -> None:
    source = (ROOT / "runtime" / "tf-layers" / "src" / "lib.rs").read_text()
    exported = re.findall(r"^pub (?:use|mod) ([^;]*);", source, re.MULTILINE)
    names = {name for text in exported for name in re.findall(r"\b[a-z][a-z0-9_]*\b(?!::)", text)}
    assert names <= FUNCTIONS


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("block1/Conv-2", "block1_conv_2"),
        ("BiasAdd", "bias_add"),
        ("FusedBatchNormV3", "fused_batch_norm_v3"),
        ("serving_default_x:0", "serving_default_x_0"),
        ("3d", "n3d"),
        ("type", "type_"),
        ("Größe", "gr_e"),
        ("…", "tensor"),
    ],
)
def test_snake(text: str, name: str) -> None:
    assert snake(text) == name


def test_an_argument_called_as_a_position(planned: Planner, tmp_path: Path) -> None:
    """What the third operand is called in a call must not hide an argument that is used there."""
    t = "tensor<4xf32>"
    model = planned(f"""
      func.func @f(%input_2: {t}) -> ({t}, {t}, {t}) {{
        %0 = nn.softmax %input_2 axis = 0 : {t}
        %1 = nn.softmax %0 axis = 0 : {t}
        %2 = nn.map(%input_2, %0, %1) : ({t}, {t}, {t}) -> {t} {{
          ^bb0(%a: f32, %b: f32, %c: f32):
            %d = nn.sub %a, %b : f32
            %e = nn.mul %d, %c : f32
            nn.yield %e : f32
        }}
        func.return %0, %1, %2 : {t}, {t}, {t}
      }}""")
    emit_crate(model.module, model.weights, CrateOptions(), tmp_path)
    source = (tmp_path / "src" / "model.rs").read_text()
    assert "[same(input_2), same(input_1), same(input_2_2)]" in source


def test_names() -> None:
    scope = Scope(["conv"])
    assert [scope.unique("conv"), scope.unique("conv"), scope.unique("x")] == [
        "conv_2",
        "conv_3",
        "x",
    ]
    assert [scope.unique("type_"), scope.unique("type_")] == ["type_", "type_2"]
    assert camel("hard_swish_mul") == "HardSwishMul"
    assert scope_of(["net/a/Conv2D", "net/b/c/Add", "net/a/Relu"]) == "net"
    assert scope_of(["a/Conv2D", "b/Add"]) == ""
    assert layer_names("net/a/Conv2D", "net", ()) == ["a", "a_conv2d"]
    assert layer_names("net/conv2d/Conv2D", "net", {"conv2d"}) == ["conv2d_0", "conv2d_conv2d"]
    assert wrapped(["net/a", "net/b", "net/c"], "net", width=6) == ["a, b,", "c"]


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (0.0, "0.0"),
        (1 / 3, "0.33333334"),
        (-2.5, "-2.5"),
        (1e-7, "1e-7"),
        (3e38, "3e38"),
        (1e10, "1e10"),
        (float("inf"), "f32::INFINITY"),
        (float("-inf"), "f32::NEG_INFINITY"),
        (float("nan"), "f32::NAN"),
    ],
)
def test_floating(value: float, literal: str) -> None:
    assert rust.floating(value) == literal


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (Dim(0, 7), "7"),
        (Dim(1, 0), "n"),
        (Dim(100_352, 0), "100_352 * n"),
        (Dim(2, 1), "2 * n + 1"),
        (Dim(128, -64), "128 * n - 64"),
    ],
)
def test_dim(dim: Dim, text: str) -> None:
    assert rust.dim(dim) == text


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("n", [2, 16, 18, 32, 34])
def test_panels(n: int, groups: int) -> None:
    k = 3
    array = np.arange(k * n, dtype=np.float32).reshape(k, n) + 1
    packed = panels(array, groups)
    columns = n // groups
    assert packed.shape == (groups, -(-columns // 16), k, 16)
    for g in range(groups):
        for j in range(packed.shape[1] * 16):
            column = packed[g, j // 16, :, j % 16]
            expected = array[:, g * columns + j] if j < columns else np.zeros(k)
            np.testing.assert_array_equal(column, expected)


def test_a_constant_is_stored_once() -> None:
    store = {"kernel": np.ones((2, 3), np.float32), "index": np.array([1, 2], np.int64)}
    file = WeightFile(store, Scope())
    names = [
        file.constant("kernel", "panels", 1, "A", (0, 6)),
        file.constant("kernel", "panels", 1, "B", (0, 6)),
        file.constant("kernel", "plain", 1, "C", (0, 6)),
        file.constant("kernel", "plain", 1, "D", (3, 3)),
        file.constant("index", "plain", 1, "E", (0, 2)),
    ]
    assert names == ["A", "A", "C", "D", "E"]
    assert [(c.offset, c.length, c.type) for c in file.constants] == [
        ("64", "32", "f32"),
        ("192", "6", "f32"),
        ("204", "3", "f32"),
        ("256", "2", "i64"),
    ]
    contents = file.contents()
    assert len(contents) == file.size == 320
    assert contents[16:32] == file.digest()
    assert contents[:HEADER].endswith(bytes(32))
    np.testing.assert_array_equal(np.frombuffer(contents, np.int64, 2, 256), [1, 2])


FUNCTION = "func.func @f(%x: {type}, %out: {type}) {{ {body} func.return }}"
COPY = "rt.call @copy(input = %x) -> %out : ({type}) -> {type}"


@pytest.mark.parametrize(
    ("type_", "body", "message"),
    [
        ("memref<4xf16>", COPY, "the tensor x has the dtype float16, for which there is no Rust"),
        ("memref<4xf32>", "", "the signature f has no outputs"),
        (
            "memref<4xf32>",
            COPY.replace("@copy", "@conv9d"),
            "rt.call @conv9d: there is no such kernel in tf-layers",
        ),
        (
            "memref<4xf32>",
            "%0 = memref.alloc() : {type}\n" + COPY,
            "a memref.alloc has no rt.offset: run plan-arena first",
        ),
    ],
)
def test_refused(type_: str, body: str, message: str, planned: Planner, tmp_path: Path) -> None:
    model = planned(FUNCTION.format(type=type_, body=body.format(type=type_)))
    with pytest.raises(EmitError, match=re.escape(message)):
        emit_crate(model.module, model.weights, CrateOptions(), tmp_path)
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    "crate",
    [
        CrateOptions(name="9lives"),
        CrateOptions(name="a b"),
        CrateOptions(name="fn"),
        CrateOptions(name="tf-layers"),
        CrateOptions(struct="model"),
        CrateOptions(struct="Session"),
    ],
)
def test_refused_names(crate: CrateOptions, planned: Planner, tmp_path: Path) -> None:
    model = planned("mlp")
    with pytest.raises(EmitError, match="cannot be the name of"):
        emit_crate(model.module, model.weights, crate, tmp_path)


def test_refused_features(planned: Planner, tmp_path: Path) -> None:
    model = planned("mlp")
    x, y = np.zeros((2, 4), np.float32), np.zeros((2, 3), np.float32)
    for features, message in (
        ({}, "there are no features for the signature serving_default"),
        ({"serving_default": Features({}, {})}, "lack the input x; they have nothing"),
        ({"serving_default": Features({"x": x}, {"y": y})}, "lack the output Identity"),
        (
            {"serving_default": Features({"x": x.astype(np.int32)}, {"Identity": y})},
            "the feature x is int32, but the model has float32",
        ),
    ):
        target = tmp_path / str(len(list(tmp_path.iterdir())))
        target.mkdir()
        with pytest.raises(EmitError, match=re.escape(message)):
            emit_crate(model.module, model.weights, CrateOptions(), target, features)


def test_element_types() -> None:
    assert (rust.element(f32, "x"), rust.element(i64, "x")) == ("f32", "i64")


def test_the_helpers_of_a_vector_do_not_depend_on_names() -> None:
    outlet = Tensor("outlet", "outlet", "outlet", f32, "f32", "[n, 3]", 2, Dim(3, 0))
    count = Tensor("count", "count", "count", i64, "i64", "[n]", 1, Dim(1, 0))
    vector = FeatureVector("predict_features", [outlet, count])
    assert vector.helpers == {"fill_floats", "fill_integers"}


def test_operands_of_a_concatenation_are_borrowed_together() -> None:
    """Also where nothing else of the arena is: the result is a variable."""
    block = Block("arena", [Loan("inputs", "[a, b]", "f32")])
    assert block.statements() == ["let inputs = arena.shared([a, b]);"]
    assert Block("arena", [Loan("x", "a", "f32")]).statements() == ["let x = arena.part(a);"]
