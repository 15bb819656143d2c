"""What constant folding may do, and how much work it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from calls import count_calls
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, i32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region, SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import Dim, N, tensor
from tfrc.ir.tf import DimsOp, NodeOp
from tfrc.ir.weights import CompilerContext, WeightStore
from tfrc.passes.constants import PROBES, fit
from tfrc.passes.fold_constants import FoldConstantsPass

Array = NDArray[Any]
SCALAR = tensor(i32, ())


def folded(block: Block, result: SSAValue, ctx: CompilerContext | None = None) -> SSAValue:
    """What `result` is after folding the function that returns it."""
    block.add_op(ReturnOp(result))
    types = (list(block.arg_types), [result.type])
    module = ModuleOp([FuncOp("f", types, Region(block))])
    FoldConstantsPass().apply(ctx or CompilerContext(), module)
    module.verify()
    last = block.last_op
    assert last is not None
    return last.operands[0]


def node(block: Block, op: str, *inputs: SSAValue) -> SSAValue:
    made = NodeOp(op, inputs, {}, [SCALAR])
    block.add_op(made)
    return made.outputs[0]


def integer(block: Block, value: int) -> SSAValue:
    made = nn.ConstantOp.of(np.array(value, np.int32))
    block.add_op(made)
    return made.result


LEAVES = st.one_of(st.just("N"), st.integers(-20, 20))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.tuples(
        st.sampled_from(["AddV2", "Sub", "Mul", "FloorDiv", "FloorMod", "Maximum", "Minimum"]),
        inner,
        inner,
    ),
    max_leaves=6,
)

FUNCTIONS: Mapping[str, Any] = {
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "FloorDiv": np.floor_divide,
    "FloorMod": np.mod,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
}


def value(tree: Any, n: int) -> int:
    """The number that an expression is for a batch size."""
    if isinstance(tree, tuple):
        op, left, right = tree  # pyright: ignore[reportUnknownVariableType]
        return int(FUNCTIONS[op](value(left, n), value(right, n)))
    return n if tree == "N" else tree


def build(block: Block, tree: Any, batch: SSAValue) -> SSAValue:
    if isinstance(tree, tuple):
        op, left, right = tree  # pyright: ignore[reportUnknownVariableType]
        return node(block, str(op), build(block, left, batch), build(block, right, batch))  # pyright: ignore
    return batch if tree == "N" else integer(block, tree)


@settings(deadline=None)
@given(TREES)
def test_arithmetic_on_the_batch_is_right_for_every_batch(tree: Any) -> None:
    """Where an expression is folded, its value is right for batch sizes that were not tried."""
    block = Block(arg_types=[tensor(i32, (N,))])
    result = folded(block, build(block, tree, node(block, "Size", block.args[0]))).owner
    with np.errstate(all="ignore"):
        match result:
            case DimsOp():
                (dim,) = result.value.dims
                assert all(dim.at(n) == value(tree, n) for n in (1, 2, 3, 4, 5, 16, 31, 64, 99))
            case nn.ConstantOp():
                constant = int(result.array.item())
                assert all(constant == value(tree, n) for n in (1, 3, 4, 5, 16, 31, 64, 99))
            case _:
                assert isinstance(result, NodeOp)


def test_fit() -> None:
    assert fit([np.array([n, 3, 2 * n + 1]) for n in PROBES]) == (N, Dim(0, 3), Dim(2, 1))
    assert fit([np.array([n * n]) for n in PROBES]) is None
    assert fit([np.array([5 - n]) for n in PROBES]) is None
    assert fit([np.array([min(n, 100)]) for n in PROBES]) is None
    assert fit([np.array([n % 16]) for n in PROBES]) is None
    assert fit([np.zeros(n % 3) for n in PROBES]) is None


def test_an_evaluator_is_asked_once_for_each_node() -> None:
    asked: list[str] = []

    def evaluate(
        op: str, attrs: Mapping[str, Attribute], inputs: Sequence[Array]
    ) -> list[Array] | None:
        asked.append(op)
        return [inputs[0] * 2]

    weights = WeightStore({"w": np.ones(100, np.float32)})
    block = Block()
    type_ = tensor(nn.ConstantOp.of(np.zeros(1, np.float32)).result.type.element_type, (100,))  # pyright: ignore
    weight = nn.WeightOp("w", type_)
    block.add_op(weight)
    last: SSAValue = weight.result
    for _ in range(5):
        made = NodeOp("Twice", [last], {}, [type_])
        block.add_op(made)
        last = made.outputs[0]
    result = folded(block, last, CompilerContext(weights, evaluate)).owner
    assert asked == ["Twice"] * 5
    assert isinstance(result, nn.WeightOp)
    np.testing.assert_array_equal(weights[result.key], np.full(100, 32, np.float32))


def calls(nodes: int) -> int:
    """How many functions are called to fold a chain of nodes: its time without the noise."""
    block = Block(arg_types=[tensor(i32, (N,))])
    last = node(block, "Size", block.args[0])
    for i in range(nodes):
        last = node(block, "AddV2", last, integer(block, i % 7))
    results: list[SSAValue] = []
    count = count_calls(lambda: results.append(folded(block, last)))
    assert isinstance(results[0].owner, DimsOp)
    return count


def test_the_work_is_linear_in_the_nodes() -> None:
    calls(10)
    assert calls(2_000) < 4.4 * calls(500)
