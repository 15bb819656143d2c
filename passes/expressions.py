"""Patterns of `nn` arithmetic, written as text.

`(mul ?x (sigmoid ?x))` matches a value that `nn.mul` makes of some x and the sigmoid of the same x.

| text | matches |
|---|---|
| `?x` | any value; everywhere the same one |
| `#a` | a constant with one number in all elements; everywhere the same number |
| `0.5` | a constant that is this number, to float32's accuracy |
| `(name …)` | the result of `nn.name`; a commutative operation in either order |
| `(mean …)` | of the reductions, those over the last axis that keep it with extent 1 |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from xdsl.ir import Operation, SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.base import get_ints
from tfrc.ir.nn.reduction import ReduceOp
from tfrc.ir.shape import Dim, shape_of
from tfrc.passes.matching import Number, is_splat, splat
from tfrc.passes.rules.arithmetic import COMMUTATIVE

TOLERANCE = 1e-6
"""Relative: numbers that agree in float32 to the last digits are the same number."""

_TOKEN = re.compile(r"[()]|[^\s()]+")
_CLASSES = {op.name.removeprefix("nn."): op for op in (*nn.ELEMENTWISE, *nn.TENSOR_OPS)}


@dataclass(frozen=True)
class Node:
    """An operation on patterns."""

    cls: type[Operation]
    arguments: tuple[Pattern, ...]


Pattern = Node | str | float
"""A node, a variable with its `?` or `#`, or a number."""


@dataclass(frozen=True)
class Match:
    """What the variables of a pattern stand for, and the operations that it covers."""

    values: dict[str, SSAValue]
    numbers: dict[str, Number]
    covered: frozenset[Operation] = frozenset()

    def __getitem__(self, name: str) -> SSAValue:
        return self.values[name]


def parse(text: str) -> Pattern:
    """The pattern that `text` writes. ValueError if it is none."""
    tokens = _TOKEN.findall(text)
    pattern, rest = _parse(tokens)
    if rest:
        raise ValueError(f"'{' '.join(rest)}' follows a whole pattern")
    return pattern


def _parse(tokens: Sequence[str]) -> tuple[Pattern, Sequence[str]]:
    head, rest = tokens[0], tokens[1:]
    if head != "(":
        return (head if head[0] in "?#" else float(head)), rest
    cls, rest = _CLASSES[rest[0]], rest[1:]
    arguments: list[Pattern] = []
    while rest[0] != ")":
        argument, rest = _parse(rest)
        arguments.append(argument)
    return Node(cls, tuple(arguments)), rest[1:]


def match(pattern: Pattern, op: Operation) -> Match | None:
    """How `pattern` matches the result of `op`, or None.

    Nothing outside the match may use a result inside it: what replaces `op` then replaces it all.
    """
    for found in _match(pattern, op.results[0], Match({}, {})):
        inner = found.covered - {op}
        uses = (use for each in inner for use in each.results[0].uses)
        if all(use.operation in found.covered for use in uses):
            return found
    return None


def _match(pattern: Pattern, value: SSAValue, so_far: Match) -> Iterator[Match]:
    """Every way to go on with a match."""
    match pattern:
        case float() | int():
            if is_splat(value, pattern, TOLERANCE):
                yield so_far
        case str() if pattern[0] == "#":
            number = splat(value)
            if number is not None and so_far.numbers.get(pattern[1:], number) == number:
                yield replace(so_far, numbers={**so_far.numbers, pattern[1:]: number})
        case str():
            if so_far.values.get(pattern[1:], value) is value:
                yield replace(so_far, values={**so_far.values, pattern[1:]: value})
        case Node():
            op = value.owner
            if isinstance(op, pattern.cls) and is_plain(op):
                covered = replace(so_far, covered=so_far.covered | {op})
                operands = tuple(op.operands)
                yield from _match_all(pattern.arguments, operands, covered)
                if pattern.cls in COMMUTATIVE:
                    yield from _match_all(pattern.arguments, operands[::-1], covered)


def _match_all(
    patterns: Sequence[Pattern], values: Sequence[SSAValue], so_far: Match
) -> Iterator[Match]:
    if not patterns:
        yield so_far
        return
    for found in _match(patterns[0], values[0], so_far):
        yield from _match_all(patterns[1:], values[1:], found)


def is_plain(op: Operation) -> bool:
    """Whether a reduction is over the last axis and keeps it; true of any other operation.

    Axes of extent 1 do not count.
    """
    if not isinstance(op, ReduceOp):
        return True
    shape = shape_of(op.input)
    last = max((axis for axis, dim in enumerate(shape) if dim != Dim(0, 1)), default=None)
    reduced = [axis for axis in get_ints(op.axes) if shape[axis] != Dim(0, 1)]
    return reduced == [last] and bool(op.keep_dims.value.data)
