"""The dialects: what prints parses back to the same, and a broken operation says what is wrong."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import Builtin, ModuleOp, f32
from xdsl.dialects.func import Func
from xdsl.dialects.memref import MemRef
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

from tfrc.ir import nn, reference, reference_elementwise
from tfrc.ir.rt import RT
from tfrc.ir.shape import Dim, as_shape, broadcast, count, shape_of, tensor
from tfrc.ir.tf import TF
from tfrc.ir.weights import CompilerContext

FILES = sorted((Path(__file__).parent / "ir").glob("*.mlir"))


def parse(text: str) -> ModuleOp:
    ctx = CompilerContext()
    for dialect in (Builtin, Func, MemRef, TF, nn.NN, RT):
        ctx.load_dialect(dialect)
    return Parser(ctx, text).parse_module()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_prints_and_parses_back(path: Path) -> None:
    module = parse(path.read_text())
    module.verify()
    printed = str(module)
    assert str(parse(printed)) == printed
    body = [line.strip() for line in printed.splitlines()[1:-1]]
    assert body == [line.strip() for line in path.read_text().splitlines()]


@pytest.mark.parametrize("dialect", [TF, nn.NN, RT], ids=lambda d: d.name)
def test_every_operation_is_in_the_text(dialect: object) -> None:
    text = "\n".join(path.read_text() for path in FILES)
    names = [op.name for op in dialect.operations]  # type: ignore[attr-defined]
    assert [name for name in names if not re.search(rf"{name}[ (\n]", text)] == []


def test_every_operation_has_a_meaning() -> None:
    tensor_ops = {op.name.removeprefix("nn.") for op in nn.TENSOR_OPS}
    assert tensor_ops == set(reference.REFERENCE)
    elementwise = {op.name.removeprefix("nn.") for op in nn.ELEMENTWISE}
    assert elementwise == reference_elementwise.NAMES


INVALID = [
    (
        "%w: tensor<3x3x5x8xf32>, %x: tensor<?x8x8x4xf32>",
        "%0 = nn.conv2d %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1"
        " : tensor<?x8x8x4xf32>, tensor<3x3x5x8xf32> -> tensor<?x6x6x8xf32>",
        "nn.conv2d: filter maps 5 to 8 channels in 1 groups, but input has 4",
    ),
    (
        "%w: tensor<3x3x4x8xf32>, %x: tensor<?x8x8x4xf32>",
        "%0 = nn.conv2d %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1"
        " : tensor<?x8x8x4xf32>, tensor<3x3x4x8xf32> -> tensor<?x8x8x8xf32>",
        "nn.conv2d: result is Nx8x8x8, but should be Nx6x6x8",
    ),
    (
        "%w: tensor<9x9x4x8xf32>, %x: tensor<?x8x8x4xf32>",
        "%0 = nn.conv2d %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1"
        " : tensor<?x8x8x4xf32>, tensor<9x9x4x8xf32> -> tensor<?x1x1x8xf32>",
        "nn.conv2d: filter 9x9 does not fit into 8x8",
    ),
    (
        "%x: tensor<?x4xf32>, %w: tensor<5x2xf32>",
        "%0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<5x2xf32> -> tensor<?x2xf32>",
        "nn.matmul: lhs sums over 4, but rhs over 5",
    ),
    (
        "%x: tensor<?x4xf32>, %w: tensor<4x2xf32>, %b: tensor<3xf32>",
        "%0 = nn.matmul %x, %w bias %b : tensor<3xf32> : tensor<?x4xf32>, tensor<4x2xf32>"
        " -> tensor<?x2xf32>",
        "nn.matmul: bias is 3, but should be 2",
    ),
    (
        "%x: tensor<?x4xf32>",
        "%0 = nn.reshape %x : (tensor<?x4xf32>) -> tensor<?x5xf32>",
        "nn.reshape: Nx4 has 4*N elements, but Nx5 has 5*N",
    ),
    (
        "%x: tensor<?x4xf32>",
        "%0 = nn.transpose %x permutation = [0, 0] : (tensor<?x4xf32>) -> tensor<?x?xf32>",
        "nn.transpose: [0, 0] does not permute the 2 dimensions",
    ),
    (
        "%x: tensor<?x4xf32>",
        "%0 = nn.slice %x begin = <0, 3> strides = [1, 1] : (tensor<?x4xf32>) -> tensor<?x2xf32>",
        "nn.slice: dimension 1 reads 3 to 4, but has 4 elements",
    ),
    (
        "%x: tensor<?x4xf32>",
        "%0 = nn.softmax %x axis = 2 : tensor<?x4xf32>",
        "nn.softmax: axis 2 is not below the rank 2",
    ),
    (
        "%x: tensor<?x4xf32>",
        "%0 = nn.sum %x axes = [1, 0] keep_dims = false : (tensor<?x4xf32>) -> tensor<f32>",
        "nn.sum: axes [1, 0] should be ascending and below the rank 2",
    ),
    (
        "%x: tensor<?x4xf32>, %y: tensor<?x4xi32>",
        "%0 = nn.add %x, %y : tensor<?x4xf32>, tensor<?x4xi32>",
        "nn.add: lhs holds f32, but rhs holds i32",
    ),
    (
        "%x: tensor<?x4xf32>",
        "%0 = tf.dims <N, 4> : tensor<3xi32>",
        "tf.dims holds 2 elements, but its type has 3",
    ),
    (
        "%x: tensor<?x4xf32>",
        "%0 = nn.map(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32> {\n"
        "^bb0(%a: i32):\nnn.yield %a : i32 }",
        "nn.map: the body takes (i32), but the inputs hold (f32)",
    ),
    (
        "%x: memref<?x4xf32>",
        "%0 = rt.view %x offset <1> : memref<?x4xf32> to memref<?x4xf32>",
        "rt.view: Nx4 from element 1 does not fit into Nx4",
    ),
    (
        "%x: tensor<?x4xf32>, %y: tensor<?x5xf32>",
        "%0 = nn.add %x, %y : tensor<?x4xf32>, tensor<?x5xf32>",
        "shapes Nx4 and Nx5 do not broadcast",
    ),
]


@pytest.mark.parametrize(("arguments", "operation", "message"), INVALID, ids=lambda x: x[:40])
def test_verifier_names_both_values(arguments: str, operation: str, message: str) -> None:
    text = f"func.func @f({arguments}) {{\n{operation}\nfunc.return\n}}"
    with pytest.raises((VerifyException, ParseError)) as raised:
        parse(text).verify()
    assert message in str(raised.value)


def test_a_constant_of_64_bits_keeps_them() -> None:
    array = np.array([2**64 - 1, 0, 2**53 + 1], np.uint64)
    np.testing.assert_array_equal(nn.ConstantOp.of(array).array, array)


dims = st.builds(Dim, st.integers(0, 50), st.integers(-3, 50))


@given(dims)
def test_a_dimension_prints_and_parses_back(dim: Dim) -> None:
    if dim.scale or dim.offset >= 0:
        assert Dim.parse(str(dim)) == dim


@given(dims)
def test_a_linear_form_is_fitted_exactly(dim: Dim) -> None:
    assert Dim.fit([(n, dim.at(n)) for n in (7, 11, 13)]) == dim


def test_a_form_that_is_not_linear_is_not_fitted() -> None:
    assert Dim.fit([(n, n * n) for n in (7, 11, 13)]) is None
    assert Dim.fit([(n, n // 2) for n in (7, 11, 13)]) is None


@pytest.mark.parametrize("text", ["", "N*4", "4*", "x", "4*N*N", "4+"])
def test_other_text_is_not_a_dimension(text: str) -> None:
    with pytest.raises(ValueError, match="is not a dimension"):
        Dim.parse(text)


def test_a_type_keeps_its_symbolic_shape() -> None:
    shape = as_shape([Dim(49, 0), 10])
    assert shape_of(tensor(f32, shape)) == shape
    assert str(tensor(f32, shape)) == "tensor<?x10xf32, #nn.dims<49*N, 10>>"
    assert str(tensor(f32, [Dim(1, 0), 10])) == "tensor<?x10xf32>"
    assert count(shape) == Dim(490, 0)


def test_broadcasting_is_numpys() -> None:
    n = Dim(1, 0)
    assert broadcast(as_shape([n, 7, 1]), as_shape([7, 4])) == as_shape([n, 7, 4])
    assert broadcast(as_shape([n, 2]), as_shape([3, 2])) is None
