"""`--verify-each` names the pass that changed the numbers, and where that begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from tfrc.compiler.context import context
from tfrc.compiler.draws import draw_inputs, index_limit
from tfrc.compiler.errors import ModelError
from tfrc.compiler.module import functions
from tfrc.compiler.pass_manager import PassManager, parse_passes
from tfrc.compiler.verify_each import TOLERANCE, VerifyEach, distance
from tfrc.ir import nn
from tfrc.ir.weights import WeightStore

MODEL = """
func.func @serving_default(%x: tensor<?x4xf32> {tf.name = "x"})
    -> (tensor<?x3xf32> {tf.name = "y"}) {
  %w = nn.weight @w : tensor<4x3xf32>
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x3xf32> -> tensor<?x3xf32> loc("dense/MatMul")
  %1 = nn.relu %0 : tensor<?x3xf32> loc("dense/Relu")
  %2 = nn.exp %1 : tensor<?x3xf32> loc("exp")
  %3 = nn.neg %2 : tensor<?x3xf32> loc("neg")
  func.return %3 : tensor<?x3xf32>
}
"""


@dataclass(frozen=True)
class ReluToAbsPass(ModulePass):
    """Replaces relu by abs: verifies, and is wrong for every negative number."""

    name = "relu-to-abs"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for relu in [each for each in op.walk() if isinstance(each, nn.ReluOp)]:
            wrong = nn.AbsOp(relu.operands[0])
            wrong.location = relu.location
            Rewriter.replace_op(relu, wrong)


def check(*passes: ModulePass) -> None:
    weights = {"w": np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)}
    ctx = context(WeightStore(weights))
    module = Parser(ctx, MODEL).parse_module()
    PassManager(passes, [VerifyEach(draw_inputs(module))]).run(ctx, module)


def test_sound_passes_pass_through_every_level() -> None:
    check(
        *parse_passes(
            "canonicalize,cse,fuse-activation,elementwise-to-map,fuse-maps,dce,"
            "select-kernels,in-place,free-early,plan-arena"
        )
    )


def test_the_broken_pass_and_the_first_wrong_operation_are_named() -> None:
    with pytest.raises(ModelError) as raised:
        check(*parse_passes("canonicalize"), ReluToAbsPass(), *parse_passes("elementwise-to-map"))
    message = str(raised.value)
    assert message.startswith("pass 2 'relu-to-abs' changed the numbers: output 'y'")
    assert message.endswith('it begins at nn.abs "dense/Relu"')


@pytest.mark.parametrize(
    ("actual", "expected", "is_close"),
    [
        ([1.0, 2.0], [1.0, 2.0 + 1e-6], True),
        ([1.0, 2.0], [1.0, 2.1], False),
        ([1e-9, 2.0], [2e-9, 2.0], True),
        ([np.nan], [np.nan], True),
        ([np.nan], [1.0], False),
        ([1.0], [np.nan], False),
        ([np.inf], [np.inf], True),
        ([-np.inf], [np.inf], False),
        ([0.0], [0.0], True),
        ([1.0, 2.0], [1.0], False),
    ],
)
def test_distance(actual: list[float], expected: list[float], is_close: bool) -> None:
    arrays = (np.array(actual, np.float32), np.array(expected, np.float32))
    assert (distance(*arrays) <= TOLERANCE) == is_close


def test_integers_are_compared_exactly() -> None:
    assert distance(np.array([1, 2]), np.array([1, 2])) == 0
    assert distance(np.array([10**9]), np.array([10**9 + 1])) == np.inf


def test_drawn_indices_stay_in_the_table() -> None:
    text = """
    func.func @f(%i: tensor<?x5xi64> {tf.name = "i"}) -> tensor<?x5x2xf32> {
      %t = nn.weight @t : tensor<7x2xf32>
      %0 = nn.cast %i : tensor<?x5xi64> to tensor<?x5xi32>
      %1 = nn.gather %t, %0 axis = 0 batch_dims = 0
        : (tensor<7x2xf32>, tensor<?x5xi32>) -> tensor<?x5x2xf32>
      func.return %1 : tensor<?x5x2xf32>
    }
    """
    module = Parser(context(), text).parse_module()
    assert index_limit(functions(module)["f"].args[0]) == 7
    drawn = draw_inputs(module)["f"]["i"]
    assert drawn.shape == (2, 5)
    assert drawn.max() < 7


def test_labels_are_drawn_among_the_classes() -> None:
    text = """
    func.func @f(%x: tensor<?x3xf32>, %i: tensor<?xi32>) -> (tensor<?xf32>, tensor<?x3xf32>) {
      %0, %1 = tf.node "SparseSoftmaxCrossEntropyWithLogits"(%x, %i)
        : (tensor<?x3xf32>, tensor<?xi32>) -> (tensor<?xf32>, tensor<?x3xf32>)
      func.return %0, %1 : tensor<?xf32>, tensor<?x3xf32>
    }
    """
    module = Parser(context(), text).parse_module()
    assert index_limit(functions(module)["f"].args[1]) == 3


@pytest.mark.parametrize(("factor", "limit"), [("0.00392156886", 255.0), ("0.5", None)])
def test_a_rescaled_input_is_drawn_in_its_range(factor: str, limit: float | None) -> None:
    text = f"""
    func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {{
      %s = nn.constant dense<{factor}> : tensor<f32>
      %0 = nn.mul %x, %s : tensor<?x64xf32>, tensor<f32>
      func.return %0 : tensor<?x64xf32>
    }}
    """
    module = Parser(context(), text).parse_module()
    (drawn,) = draw_inputs(module)["f"].values()
    if limit is None:
        assert drawn.min() < 0
    else:
        assert drawn.min() >= 0
        assert limit / 2 < drawn.max() <= limit * 1.001
