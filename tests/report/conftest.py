"""A small network and the page about it."""

import pytest
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.parser import Parser

from tfrc.compiler.html_report import Snapshot, page
from tfrc.compiler.pass_manager import PassManager, parse_passes
from tfrc.ir.nn import NN
from tfrc.ir.tf import TF
from tfrc.ir.weights import CompilerContext

NETWORK = """
func.func @serving_default(%x: tensor<?x8x8x3xf32> {tf.name = "x & <y>"})
    -> (tensor<?x6x6x4xf32> {tf.name = "probs"}) {
  %w = nn.weight @"conv/kernel" : tensor<3x3x3x4xf32>
  %0 = nn.conv2d %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1
    : tensor<?x8x8x3xf32>, tensor<3x3x3x4xf32> -> tensor<?x6x6x4xf32> loc("conv")
  %1 = nn.relu %0 : tensor<?x6x6x4xf32>
  %2 = nn.softmax %1 axis = 3 : tensor<?x6x6x4xf32>
  %3 = nn.add %2, %1 : tensor<?x6x6x4xf32>
  func.return %3 : tensor<?x6x6x4xf32>
}
"""
PASSES = "elementwise-to-map,select-kernels,in-place,free-early,plan-arena"


@pytest.fixture
def network() -> tuple[CompilerContext, ModuleOp]:
    ctx = CompilerContext()
    for dialect in (Builtin, Func, TF, NN):
        ctx.load_dialect(dialect)
    return ctx, Parser(ctx, NETWORK).parse_module()


@pytest.fixture
def report(network: tuple[CompilerContext, ModuleOp]) -> str:
    ctx, module = network
    snapshot = Snapshot("frozen graph <model>.pb", final=1)
    PassManager(parse_passes(PASSES), [snapshot]).run(ctx, module)
    snapshot.finish(module)
    return page(snapshot, ["a weight holds NaN"])
