"""Under which conditions somebody wants what an operation computes.

    %0 = nn.conv2d %x …                       // wanted if %c
    %1 = nn.map(%c, %0, %y) {                 // wanted always
      ^bb0(%a: i1, %b: f32, %d: f32): %e = nn.select %a, %b, %d : i1, f32, f32 … }

An operation whose result is only ever selected where `%c` holds need not run where it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.ir import Block, Operation, SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import shape_of

Literal = tuple[SSAValue, bool]
"""A bool of rank 0, and the value that it must have."""

Conditions = frozenset[Literal]
"""All of these hold."""

ALWAYS: Conditions = frozenset()


class Demand:
    """What is wanted of the operations of a block, and when: found from the last to the first."""

    def __init__(self, block: Block):
        self._wanted: dict[SSAValue, Conditions] = {}
        self._order: dict[SSAValue, int] = {a: i for i, a in enumerate(block.args)}
        for op in block.ops:
            for result in op.results:
                self._order[result] = len(self._order)
        for op in reversed(list(block.ops)):
            self._operands(op, self.set_of(op))

    def set_of(self, op: Operation) -> Conditions:
        """The conditions under which `op` is needed; none for what has no result."""
        wanted = [self._wanted[value] for value in op.results if value in self._wanted]
        if not wanted:
            return ALWAYS
        first, *others = wanted
        return first.intersection(*others)

    def of(self, op: Operation) -> Sequence[Literal]:
        """The same, in program order of the conditions."""
        return sorted(self.set_of(op), key=lambda literal: (self._order[literal[0]], literal[1]))

    def argument(self, value: SSAValue) -> Conditions:
        """The conditions under which an argument of the block is needed."""
        return self._wanted.get(value, ALWAYS)

    def _operands(self, op: Operation, wanted: Conditions) -> None:
        for value, arm in zip(op.operands, arms(op), strict=True):
            both = wanted | arm
            self._wanted[value] = self._wanted.get(value, both) & both


def arms(op: Operation) -> Iterable[Conditions]:
    """For each operand of `op`, the conditions under which its result depends on it."""
    match op:
        case nn.SelectOp():
            condition = op.condition
            return ALWAYS, frozenset({(condition, True)}), frozenset({(condition, False)})
        case nn.MapOp():
            inner = Demand(op.body.block)
            scalars: dict[SSAValue, SSAValue] = {
                argument: value
                for argument, value in zip(op.body.block.args, op.inputs, strict=True)
                if not shape_of(value)
            }
            return [
                frozenset((scalars[c], is_true) for c, is_true in arm if c in scalars)
                for arm in map(inner.argument, op.body.block.args)
            ]
        case _:
            return [ALWAYS] * len(op.operands)
