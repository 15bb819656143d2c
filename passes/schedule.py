"""Put the operations of a function into an order in which fewer bytes are alive together.

    %0 = nn.conv2d %x …     // large        %0 = nn.conv2d %x …
    %1 = nn.conv2d %x …     // large        %2 = nn.max_pool %0 …
    %2 = nn.max_pool %0 …   // small   =>   %1 = nn.conv2d %x …
    %3 = nn.max_pool %1 …   // small        %3 = nn.max_pool %1 …
    %4 = nn.add %2, %3                      %4 = nn.add %2, %3

Legal in any order that has operands before their users, because operations of `nn` are pure. A
function whose peak does not become lower stays as it is. Bytes are counted for a batch of one, with
in-place kernels, early frees and scratch, and without what is returned, which lies in the caller's
outputs. `ordering.py` has the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tfrc.ir import nn
from tfrc.ir.dtype import size_of
from tfrc.ir.shape import count, element_of, shape_of
from tfrc.passes.in_place import IN_PLACE
from tfrc.passes.kernels import KERNELS, named_operands
from tfrc.passes.ordering import Task, Tasks

FOLLOWERS = nn.ConstantOp | nn.WeightOp | nn.ReshapeOp
"""Operations that take no memory: they go where they are first needed."""


def bytes_for_one(value: SSAValue) -> int:
    """Bytes of a value for a batch of one."""
    return count(shape_of(value)).at(1) * size_of(element_of(value))


def source(value: SSAValue) -> SSAValue:
    """The value whose buffer `value` is a view of."""
    while isinstance(value.owner, nn.ReshapeOp):
        value = value.owner.input
    return value


def task(op: Operation, numbers: dict[SSAValue, int], returned: set[SSAValue]) -> Task:
    """What `op` reads and needs; `numbers` are the tasks that compute values."""
    (result,) = op.results
    size = 0 if result in returned else bytes_for_one(result)
    reads = [numbers[base] for base in map(source, op.operands) if base in numbers]
    kernel = "map" if isinstance(op, nn.MapOp) else op.name.removeprefix("nn.")
    scratch = 0
    if type(op) in KERNELS:
        selected = KERNELS[type(op)](op)
        kernel = selected.name
        element = size_of(element_of(result))
        scratch = sum(elements.at(1) * element for elements in selected.scratch)
    allowed = IN_PLACE.get(kernel, frozenset())
    overwrites = {
        numbers[source(value)]
        for name, value in named_operands(op)
        if name in allowed and source(value) in numbers and value.type == result.type
    }
    once = {number for number in overwrites if reads.count(number) == 1}
    return Task(tuple(dict.fromkeys(reads)), size, scratch, frozenset(once))


def tasks_of(operations: Sequence[Operation], returned: set[SSAValue]) -> Tasks:
    """The operations as tasks, in their order."""
    numbers: dict[SSAValue, int] = {}
    tasks: list[Task] = []
    for i, op in enumerate(operations):
        tasks.append(task(op, numbers, returned))
        numbers[op.results[0]] = i
    return Tasks(tasks)


def schedule(function: FuncOp) -> None:
    """Reorder the body of `function`."""
    block = function.body.block
    last = block.last_op
    assert isinstance(last, ReturnOp)
    operations = [op for op in block.ops if not isinstance(op, FOLLOWERS | ReturnOp)]
    returned = set(map(source, last.arguments))
    order = tasks_of(operations, returned).order()
    if order == list(range(len(order))):
        return
    placed: set[Operation] = set()

    def move(op: Operation) -> None:
        pending = [op]
        while pending:
            each = pending.pop()
            if each in placed:
                continue
            before = [
                value.owner
                for value in each.operands
                if isinstance(value.owner, FOLLOWERS) and value.owner not in placed
            ]
            if before:
                pending += [each, *reversed(before)]
                continue
            placed.add(each)
            each.detach()
            block.insert_op_before(each, last)

    followers = [op for op in block.ops if isinstance(op, FOLLOWERS)]
    for i in order:
        move(operations[i])
    for op in followers:
        move(op)


@dataclass(frozen=True)
class SchedulePass(ModulePass):
    """Put the operations into an order in which fewer bytes are alive together."""

    name = "schedule"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp):
                schedule(function)
