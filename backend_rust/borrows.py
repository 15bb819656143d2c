"""Which parts of the arena, weights and variables a call borrows, as `let` statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tfrc.backend_rust.rust import listing, tuple_or_one

MAX_TUPLE = 8
"""The longest tuple of parts that tf-layers can borrow; arrays may have any length."""


@dataclass(frozen=True)
class Loan:
    """One name for the slices of one or several parts of the same type.

    `parts` is what is borrowed; an array if `name` stands for all of them.
    """

    name: str
    parts: str
    type: str


def group(loans: Sequence[Loan]) -> tuple[str, str]:
    """The pattern that binds several loans, and the parts in the same arrangement."""
    names, parts = [loan.name for loan in loans], [loan.parts for loan in loans]
    if len(loans) > 1 and len({loan.type for loan in loans}) == 1:
        return listing(names), listing(parts)
    if len(loans) <= MAX_TUPLE:
        return tuple_or_one(names), tuple_or_one(parts)
    by_type = {type_: [x for x in loans if x.type == type_] for type_ in [x.type for x in loans]}
    groups = [
        (listing([x.name for x in g]), listing([x.parts for x in g])) for g in by_type.values()
    ]
    return tuple_or_one([g[0] for g in groups]), tuple_or_one([g[1] for g in groups])


def is_one_part(loans: Sequence[Loan]) -> bool:
    """Whether there is one loan, of one part: the operands of a concatenation are an array."""
    return len(loans) == 1 and not loans[0].parts.startswith("[")


@dataclass
class Block:
    """What one call borrows of a block that it may write: the arena, or the variables."""

    name: str
    reads: list[Loan] = field(default_factory=list[Loan])
    writes: list[Loan] = field(default_factory=list[Loan])

    def statements(self) -> list[str]:
        """The `let` statement before the call, if one is needed."""
        read, of = group(self.reads)
        written, to = group(self.writes)
        match bool(self.reads), len(self.writes):
            case False, 0:
                return []
            case True, 0:
                method = "part" if is_one_part(self.reads) else "shared"
                return [f"let {read} = {self.name}.{method}({of});"]
            case False, 1:
                return [f"let {written} = {self.name}.part_mut({to});"]
            case False, _:
                return [f"let ([], {written}) = {self.name}.parts(NOTHING, {to});"]
            case _:
                return [f"let ({read}, {written}) = {self.name}.parts({of}, {to});"]


@dataclass
class Borrows:
    """What one call borrows, in the order of its operands."""

    arena: Block = field(default_factory=lambda: Block("arena"))
    variables: Block = field(default_factory=lambda: Block("variables"))
    weights: list[Loan] = field(default_factory=list[Loan])

    def statements(self) -> list[str]:
        """The `let` statements before the call."""
        lines: list[str] = []
        if self.weights:
            names, parts = group(self.weights)
            method = "part" if is_one_part(self.weights) else "parts"
            lines.append(f"let {names} = weights.{method}({parts});")
        return [*lines, *self.variables.statements(), *self.arena.statements()]
