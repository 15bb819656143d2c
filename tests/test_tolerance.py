"""How closely a crate's own test holds it to TensorFlow."""

from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from tfrc.compiler.context import context
from tfrc.compiler.tolerance import DEEP, DEEP_LAYERS, USUAL, tolerance


def module(op: str, count: int) -> ModuleOp:
    """A chain of `count` nodes."""
    lines = [
        f'%{i + 1} = tf.node "{op}"(%{i}) : (tensor<2xf32>) -> tensor<2xf32>' for i in range(count)
    ]
    body = "\n".join([*lines, f"func.return %{count} : tensor<2xf32>"])
    text = f"func.func @main(%0 : tensor<2xf32>) -> tensor<2xf32> {{\n{body}\n}}"
    return Parser(context(), text).parse_module()


def test_a_deep_network_may_differ_more() -> None:
    assert tolerance(module("Rsqrt", DEEP_LAYERS)) == USUAL
    assert tolerance(module("Rsqrt", DEEP_LAYERS + 1)) == DEEP


def test_operations_without_variables_are_no_layers() -> None:
    assert tolerance(module("Relu", 2 * DEEP_LAYERS)) == USUAL
