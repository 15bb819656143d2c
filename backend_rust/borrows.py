"""Which parts of the arena and of the weights a kernel call borrows, as `let` statements."""

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


@dataclass
class Borrows:
    """What one call borrows, in the order of its operands."""

    reads: list[Loan] = field(default_factory=list[Loan])
    writes: list[Loan] = field(default_factory=list[Loan])
    weights: list[Loan] = field(default_factory=list[Loan])

    def statements(self) -> list[str]:
        """The `let` statements before the call."""
        lines: list[str] = []
        if self.weights:
            names, parts = group(self.weights)
            method = "part" if len(self.weights) == 1 else "parts"
            lines.append(f"let {names} = weights.{method}({parts});")
        if self.reads or self.writes:
            lines.append(self._arena())
        return lines

    def _arena(self) -> str:
        written, to = group(self.writes)
        if self.reads:
            read, of = group(self.reads)
            return f"let ({read}, {written}) = arena.parts({of}, {to});"
        if len(self.writes) == 1:
            return f"let {written} = arena.part_mut({to});"
        return f"let ([], {written}) = arena.parts(NOTHING, {to});"
