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
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tfrc.ir import nn
from tfrc.ir.dtype import size_of
from tfrc.ir.shape import count, element_of, shape_of
from tfrc.passes.demand import Demand
from tfrc.passes.kernels import FALLIBLE, IN_PLACE, KERNELS, named_operands, select
from tfrc.passes.ordering import Task, Tasks

FOLLOWERS = nn.ConstantOp | nn.WeightOp | nn.ReadOp | nn.ReshapeOp
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
        selected = select(op)
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


def tasks_of(
    operations: Sequence[Operation], after: Sequence[set[int]], returned: set[SSAValue]
) -> Tasks:
    """The operations as tasks, in their order."""
    numbers: dict[SSAValue, int] = {}
    tasks: list[Task] = []
    for i, op in enumerate(operations):
        one = task(op, numbers, returned)
        tasks.append(replace(one, after=tuple(sorted(after[i].difference(one.reads)))))
        numbers[op.results[0]] = i
    return Tasks(tasks)


class Order:
    """Which operations must run before which, by their numbers.

    A condition is known before what it decides on. What computes the new value of a variable runs
    after all that reads the old one, and after all that can fail, so that it may write over the
    variable. Where that is impossible, because one of these needs the new value, the value is
    copied in the end.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        assignments: Sequence[nn.AssignOp],
        demand: Demand,
    ):
        self.numbers: dict[SSAValue, int] = {op.results[0]: i for i, op in enumerate(operations)}
        self.successors: list[set[int]] = [set() for _ in operations]
        self.after: list[set[int]] = [set() for _ in operations]
        readers: dict[str, set[int]] = {}
        fallible: set[int] = set()
        for i, op in enumerate(operations):
            for base in map(source, op.operands):
                if base in self.numbers:
                    self.successors[self.numbers[base]].add(i)
                elif isinstance(base.owner, nn.ReadOp):
                    readers.setdefault(base.owner.key, set()).add(i)
            if op.name.removeprefix("nn.") in FALLIBLE:
                fallible.add(i)
        for i, op in enumerate(operations):
            for condition, _ in demand.of(op):
                if source(condition) in self.numbers:
                    self.hold(i, {self.numbers[source(condition)]})
        for each in assignments:
            writer = self.numbers.get(source(each.value))
            if writer is not None:
                self.hold(writer, (readers.get(each.key, set()) | fallible) - {writer})

    def hold(self, writer: int, before: set[int]) -> None:
        """Let `writer` run after all of `before`, unless one of them needs it."""
        reached, pending = {writer}, [writer]
        while pending:
            new = self.successors[pending.pop()] - reached
            reached |= new
            pending += new
        if reached.isdisjoint(before):
            self.after[writer] |= before
            for i in before:
                self.successors[i].add(writer)

    def given(self) -> list[int]:
        """The order of the numbers as far as it is possible."""
        waiting = [0] * len(self.after)
        for successors in self.successors:
            for i in successors:
                waiting[i] += 1
        ready = [i for i, count in enumerate(waiting) if not count]
        order: list[int] = []
        while ready:
            order.append(heappop(ready))
            for i in self.successors[order[-1]]:
                waiting[i] -= 1
                if not waiting[i]:
                    heappush(ready, i)
        return order


def schedule(function: FuncOp) -> None:
    """Reorder the body of `function`."""
    block = function.body.block
    last = block.last_op
    assert isinstance(last, ReturnOp)
    assignments = [op for op in block.ops if isinstance(op, nn.AssignOp)]
    kept = FOLLOWERS | nn.AssignOp | ReturnOp
    operations = [op for op in block.ops if not isinstance(op, kept)]
    order = Order(operations, assignments, Demand(block))
    given = order.given()
    number = {old: new for new, old in enumerate(given)}
    after = [{number[j] for j in order.after[i]} for i in given]
    # What is assigned is computed in its variable, as what is returned in its output.
    returned = {source(v) for v in (*last.arguments, *(op.value for op in assignments))}
    sorted_operations = [operations[i] for i in given]
    best = tasks_of(sorted_operations, after, returned).order()
    operations_in_order = [sorted_operations[i] for i in best]
    if operations_in_order == operations:
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
    for op in (*operations_in_order, *followers, *assignments):
        move(op)


@dataclass(frozen=True)
class SchedulePass(ModulePass):
    """Put the operations into an order in which fewer bytes are alive together."""

    name = "schedule"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp):
                schedule(function)
