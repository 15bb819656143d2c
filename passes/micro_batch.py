"""Run a large batch a few examples at a time, so that what one call writes the next finds in cache.

    func.func @f(…) attributes {rt.arena = #nn.dims<4816896*N>} {
    =>
    func.func @f(…) attributes {rt.arena = #nn.dims<4816896*N>, rt.micro_batch = 3 : i64} {

Legal if every example's outputs depend on its own inputs alone: each buffer either has no batch, or
holds the examples one after the other, and each call keeps them apart. A call that is not known to
do so (a sum over the batch, a transpose of its axis, a variable) leaves the function as it is.

It is worth it where the buffers of one example are large, as those of images are. The micro-batch
is the largest whose arena stays in the last-level cache, or is a third of the weights if that is
more: weights which no cache holds come from memory for each micro-batch. It is not done where the
weights for which every micro-batch waits again outweigh what its calls write: a dense layer of a
hundred megabytes wants all examples at once, while one of 8 MB behind ResNet50's 45 MB of images
does not. Where an example has many rows, as a sequence of tokens has, the products take longer than
their weights: a transformer of 12 MB, 128 tokens, is 7 % faster with 32 examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tfrc.ir import rt
from tfrc.ir.shape import Dim, DimsAttr, count, shape_of
from tfrc.passes.aliases import root
from tfrc.passes.plan_arena import bytes_of

CACHE = 8 * 2**20
"""Bytes of a micro-batch's arena: a share of the last-level cache, of which weights need another.

Measured with 32 MiB of it: EfficientNetB0 is 5 % faster than with 16 MiB, a classifier of sequences
10 %, MobileNets are 1 to 2 % slower; with 4 MiB all are slower.
"""

OF_WEIGHTS = 3
"""The share of the weights that a micro-batch's arena may take if `CACHE` is less than that.

Measured on Redwood Cove with ResNet50 (102 MB of filters, 5 MB for an example), 32 examples: with
2, 4 and 9 at once 0.94, 0.91 and 0.90 of the time of one at a time, on two threads 0.90, 0.84 and
0.79.
"""

MANY_ROWS = 64
"""Rows from which on a product takes several times as long as its weights take to arrive."""

USUAL_BATCH = 32
"""Batches up to this size are run at once if they fit: a loop for more is not worth its code."""

ROWS = frozenset(
    "conv1d conv1d_winograd conv2d conv2d_winograd conv3d depthwise_conv2d row_bands max_pool "
    "avg_pool copy pad mirror_pad sum mean max min prod all any arg_max arg_min slice".split()
)
"""Kernels that compute each row of their results from that of `input` and `residual`."""


def has_examples(value: SSAValue) -> bool:
    """Whether a buffer depends on the batch size."""
    return any(not dim.is_static for dim in shape_of(value))


def holds_examples_in_order(value: SSAValue) -> bool:
    """Whether a buffer is one example after the other: only its first extent has a batch."""
    first, *rest = shape_of(value) or (Dim(0, 1),)  # a scalar has no batch
    return bool(first.scale) and not first.offset and all(dim.is_static for dim in rest)


def rows(value: SSAValue) -> Dim:
    """The first extent."""
    return shape_of(value)[0]


def same_rows(call: rt.CallOp) -> bool:
    """Whether what has examples has as many rows as the results."""
    values = (*call.ins, *call.outs)
    return all(rows(value) == rows(call.outs[0]) for value in values if has_examples(value))


def only(call: rt.CallOp, *names: str) -> bool:
    """Whether no operands but `names` have examples, and these as many rows as the result."""
    return same_rows(call) and all(n in names for n, v in call.named_ins if has_examples(v))


def keeps_first_axis(call: rt.CallOp) -> bool:
    """Whether a transpose leaves the examples where they are."""
    return call.ints("permutation")[0] == 0


def gathers_by_row(call: rt.CallOp) -> bool:
    """Whether examples select from a constant table, or their own parts."""
    operands = dict(call.named_ins)
    if not has_examples(operands["input"]):
        return call.number("batch_dims", 0) <= 0 and rows(operands["indices"]) == rows(call.outs[0])
    return call.number("axis") > 0 and only(call, "input")


def after_first_axis(call: rt.CallOp) -> bool:
    """Whether an operation along one axis does not run across examples."""
    return call.number("axis") > 0 and same_rows(call)


def products_of_rows(call: rt.CallOp) -> bool:
    """Whether a product is of the rows of `lhs`, or one product for each example."""
    return only(call, "lhs") or (len(shape_of(call.outs[0])) > 2 and same_rows(call))


RULES: dict[str, Callable[[rt.CallOp], bool]] = {
    **dict.fromkeys(ROWS, lambda call: only(call, "input", "residual")),
    **dict.fromkeys(("softmax", "log_softmax", "cumsum", "concat"), after_first_axis),
    "map": same_rows,
    "layer_norm": lambda call: len(shape_of(call.outs[0])) > 1 and only(call, "input"),
    "matmul": lambda call: only(call, "lhs", "residual"),
    "batch_matmul": products_of_rows,
    "transpose": lambda call: keeps_first_axis(call) and same_rows(call),
    "gather": gathers_by_row,
}
"""Kernel → whether a call with a batch in its results keeps the examples apart."""


def keeps_apart(op: Operation) -> bool:
    """Whether an operation keeps the examples apart."""
    match op:
        case rt.VariableOp():
            return False
        case rt.ViewOp():
            whole = op.offset.dims == (Dim(0, 0),)
            same = whole and rt.elements(op.source) == rt.elements(op.result)
            return same or not has_examples(op.source)
        case rt.CallOp():
            values = [v for v in (*op.ins, *op.outs) if has_examples(v)]
            if not values:
                return True
            return (
                all(map(has_examples, op.outs))
                and all(map(holds_examples_in_order, values))
                and op.kernel_name in RULES
                and RULES[op.kernel_name](op)
            )
        case _:
            return True


def examples_are_independent(function: FuncOp) -> bool:
    """Whether a function of buffers may run for any part of a batch by itself.

    An input without a batch is the same for every part; an output has to have one.
    """
    operations = list(function.body.block.ops)
    written = {root(out) for op in rt.calls(function) for out in op.outs}
    return all(map(keeps_apart, operations)) and all(
        holds_examples_in_order(argument)
        for argument in function.args
        if has_examples(argument) or argument in written
    )


def weight_bytes(function: FuncOp) -> int:
    """Bytes of the weights that a function reads, as they are before packing."""
    weights = [op for op in function.body.block.ops if isinstance(op, rt.WeightOp)]
    return sum(int(bytes_of(op.result)) for op in weights)


def streamed_bytes(function: FuncOp, batch: int) -> int:
    """Bytes of the weights for whose arrival the products of a micro-batch wait."""
    streamed = {
        dict(op.named_ins)["rhs"]
        for op in rt.calls(function)
        if op.kernel_name == "matmul" and count(shape_of(op.outs[0])[:-1]).at(batch) < MANY_ROWS
    }
    return sum(bytes_of(value).at(batch) for value in streamed)


def written_bytes(function: FuncOp, batch: int) -> int:
    """Bytes that the calls of a micro-batch leave for later calls."""
    return sum(bytes_of(value).at(batch) for op in rt.calls(function) for value in op.outs)


def micro_batch(function: FuncOp) -> int | None:
    """How many examples to run at once; None for all of them."""
    arena = function.attributes.get(rt.ARENA)
    if not isinstance(arena, DimsAttr):
        return None
    (one,) = (dim.scale for dim in arena.dims)
    if one * USUAL_BATCH <= CACHE:
        return None
    size = max(CACHE // one, weight_bytes(function) // OF_WEIGHTS // one, 1)
    if streamed_bytes(function, size) > written_bytes(function, size):
        return None
    return size if examples_are_independent(function) else None


@dataclass(frozen=True)
class MicroBatchPass(ModulePass):
    """Run a large batch a few examples at a time."""

    name = "micro-batch"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp) and (size := micro_batch(function)) is not None:
                function.attributes[rt.MICRO_BATCH] = IntegerAttr(size, i64)
