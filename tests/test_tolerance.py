"""How closely a crate's own test holds it to TensorFlow."""

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from tfrc.backend_rust import Features
from tfrc.compiler.context import context
from tfrc.compiler.tolerance import (
    DEEP,
    DEEP_LAYERS,
    LARGEST,
    USUAL,
    allowance,
    nudge,
    sensitivity,
    tolerance,
)
from tfrc.ir.weights import Array


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


class Amplifier:
    """A runner that multiplies what an input is above 1 by `gain`; it has no state."""

    def __init__(self, gain: float):
        self.gain = gain

    def __call__(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        (x,) = inputs.values()
        return {"y": 1 + self.gain * (x.astype(np.float64) - 1), "rank": np.array(x.ndim)}

    def reset(self) -> None:
        pass

    def variables(self) -> dict[str, Array]:
        return {}


def moved(gain: float) -> float:
    """The sensitivity of an amplifier at inputs around 1."""
    inputs: dict[str, Array] = {"x": np.linspace(1, 1.0001, 1000, dtype=np.float32)}
    runner = Amplifier(gain)
    return sensitivity(runner, {"f": Features(inputs, runner("f", inputs))})


def test_the_allowance_follows_what_the_model_does_to_rounding_errors() -> None:
    assert moved(1000) > 100 * moved(1) > 0
    assert allowance(USUAL, moved(1)) == USUAL
    assert allowance(USUAL, moved(1000)) > 10 * USUAL


def test_no_model_is_allowed_everything() -> None:
    assert allowance(USUAL, np.inf) == LARGEST


def test_integers_are_not_nudged() -> None:
    array = np.arange(10)
    assert nudge(array, np.random.default_rng(0)) is array
