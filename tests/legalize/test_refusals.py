"""What is not supported is named, all of it at once, with what to do."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.parser import Parser

from tfrc.ir.nn import NN
from tfrc.ir.tf import TF
from tfrc.ir.weights import CompilerContext
from tfrc.passes.legalize import LEGALIZATIONS, Unsupported
from tfrc.passes.legalize_tf import LegalizeTfPass


def refusal(body: str, arguments: str = "%x: tensor<?x4x4x2xf32>", result: str = "") -> str:
    """The message for a function with this body, which ends in a value `%r`."""
    ctx = CompilerContext()
    for dialect in (Builtin, Func, NN, TF):
        ctx.load_dialect(dialect)
    text = f"func.func @f({arguments}) -> {result} {{ {body} func.return %r : {result} }}"
    module = Parser(ctx, f"builtin.module {{ {text} }}").parse_module()
    assert isinstance(module, ModuleOp)
    with pytest.raises(Unsupported) as caught:
        LegalizeTfPass().apply(ctx, module)
    return str(caught.value)


def test_everything_is_named_at_once() -> None:
    f = "tensor<4xf32>"
    nodes = "".join(
        f'%{i + 1} = tf.node "{op}"(%{i}) : ({f}) -> {f} loc("layer/{i}") '
        for i, op in enumerate(["While", "Erfinv", "Erfinv", "Relu", "Erfinv", "Erfinv", "Case"])
    )
    message = refusal(f'%0 = tf.node "Neg"(%x) : ({f}) -> {f} {nodes} %r = tf.node "Abs"(%7) : '
                      f"({f}) -> {f}", f"%x: {f}", f)  # fmt: skip
    heading, *lines = message.splitlines()
    assert heading == "6 nodes are not supported:"
    assert lines[0].startswith("  Erfinv x4 (layer/1, layer/2, layer/4, …): there is no")
    assert lines[1].startswith("  Case x1 (layer/6): a branch is compiled")
    assert lines[2].startswith("  While x1 (layer/0): a loop is compiled if its number")
    assert len(lines) == 3


CONV = '%w = nn.weight @w : tensor<3x3x2x4xf32> %r = tf.node "Conv2D"(%x, %w) '
CONV_TYPE = " : (tensor<?x4x4x2xf32>, tensor<3x3x2x4xf32>) -> tensor<?x4x4x4xf32>"
IMAGE = "tensor<?x4x4x4xf32>"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('padding = "VALID", strides = [2, 1, 1, 1]', "strides is [2, 1, 1, 1]"),
        ('padding = "FULL"', "padding is FULL: SAME, VALID and EXPLICIT are supported"),
        ('data_format = "NCHW_VECT_C"', "data_format is NCHW_VECT_C: NHWC and NCHW"),
        ('data_format = "HWNC"', "data_format is HWNC: NHWC and NCHW are supported"),
        (
            'padding = "EXPLICIT", explicit_paddings = [1, 2]',
            "explicit_paddings is [1, 2]: it should have 8 entries",
        ),
    ],
)
def test_attributes_are_named(attributes: str, expected: str) -> None:
    message = refusal(f"{CONV}{{{attributes}}}{CONV_TYPE}", result=IMAGE)
    assert f"Conv2D x1 (unnamed): {expected}" in message


def test_a_result_unlike_tensorflows_is_refused() -> None:
    message = refusal(f'{CONV}{{padding = "VALID"}}{CONV_TYPE}', result=IMAGE)
    assert "tensor<?x4x4x4xf32> in TensorFlow, but legalizes to tensor<?x2x2x4xf32>" in message


def test_types_are_refused() -> None:
    half = "tensor<4xf16>"
    node = f'%r = tf.node "Relu"(%x) : ({half}) -> {half}'
    message = refusal(node, f"%x: {half}", half)
    assert "it computes with f16: float32, float64, integers and bool are supported" in message


def test_operands_that_depend_on_data() -> None:
    body = (
        '%r = tf.node "Reshape"(%x, %s) : (tensor<?x4xf32>, tensor<2xi32>) -> '
        '!tf.partial<"?, ?", f32>'
    )
    arguments = "%x: tensor<?x4xf32>, %s: tensor<2xi32>"
    message = refusal(body, arguments, '!tf.partial<"?, ?", f32>')
    assert "its shape (operand 1) depends on data" in message


def test_slices_that_are_not_linear_in_the_batch() -> None:
    body = (
        "%b = nn.constant dense<0> : tensor<1xi32> %e = nn.constant dense<5> : tensor<1xi32> "
        "%s = nn.constant dense<1> : tensor<1xi32> "
        '%r = tf.node "StridedSlice"(%x, %b, %e, %s) : (tensor<?xf32>, tensor<1xi32>, '
        'tensor<1xi32>, tensor<1xi32>) -> !tf.partial<"?", f32>'
    )
    message = refusal(body, "%x: tensor<?xf32>", '!tf.partial<"?", f32>')
    assert "its slice is not linear in the batch size: give the input a static shape" in message


def test_nothing_is_said_of_what_only_follows() -> None:
    f = "tensor<4xf32>"
    u = "!tf.unranked<f32>"
    body = (
        f'%0 = tf.node "Erfinv"(%x) : ({f}) -> {u} %1 = tf.node "Relu"(%0) : ({u}) -> {u} '
        f'%r = tf.node "Softmax"(%1) : ({u}) -> {u}'
    )
    message = refusal(body, f"%x: {f}", u)
    assert len(message.splitlines()) == 2


def test_every_legalization_says_what_it_does() -> None:
    for op, function in LEGALIZATIONS.items():
        assert (
            function.__doc__
            or function.__name__ == "<lambda>"
            or "<locals>" in (function.__qualname__)
        ), op
