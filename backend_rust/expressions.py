"""Expressions of Rust with the precedence that decides about parentheses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Binding(IntEnum):
    """How tightly an expression holds together, loosest first."""

    CONTROL = 0
    OR = 1
    AND = 2
    COMPARE = 3
    BIT_OR = 4
    BIT_XOR = 5
    BIT_AND = 6
    SUM = 7
    PRODUCT = 8
    CAST = 9
    PREFIX = 10
    ATOM = 11


@dataclass(frozen=True)
class Expr:
    """Source text, and how tightly it binds. A literal has the `suffix` that gives it a type."""

    text: str
    binding: Binding = Binding.ATOM
    suffix: str = ""

    def at(self, binding: Binding) -> str:
        """The text where something that binds at least as tightly as `binding` is needed."""
        return self.text if self.binding >= binding else f"({self.text})"

    @property
    def receiver(self) -> str:
        """The text in front of a method call, where a literal needs its type."""
        return self.at(Binding.ATOM) + self.suffix


Build = Callable[[Sequence[Expr]], Expr]
"""From operands to an expression."""


@dataclass(frozen=True)
class Rule:
    """How an operation is spelled. `repeats`: operands occur more than once, so they get a name."""

    build: Build
    repeats: bool = False


def infix(operator: str, binding: Binding) -> Rule:
    """`a + b`; operands of the same strength stand bare on the left only."""

    def build(x: Sequence[Expr]) -> Expr:
        right = Binding(binding + 1)
        left = right if binding is Binding.COMPARE else binding
        return Expr(f"{x[0].at(left)} {operator} {x[1].at(right)}", binding)

    return Rule(build)


def prefix(operator: str) -> Rule:
    """`-a`."""
    return Rule(lambda x: Expr(f"{operator}{x[0].at(Binding.PREFIX)}", Binding.PREFIX))


def call(function: str, *first: str) -> Rule:
    """`function(first…, a, b)`."""

    def build(x: Sequence[Expr]) -> Expr:
        return Expr(f"{function}({', '.join([*first, *(e.text for e in x)])})")

    return Rule(build)


def method(name: str, *first: str) -> Rule:
    """`a.name(first…, b)`."""

    def build(x: Sequence[Expr]) -> Expr:
        rest = ", ".join([*first, *(e.text for e in x[1:])])
        return Expr(f"{x[0].receiver}.{name}({rest})")

    return Rule(build)


def pattern(text: str, binding: Binding = Binding.ATOM) -> Rule:
    """A text with `{0}`, `{1}` … for operands, which are names or literals."""
    return Rule(lambda x: Expr(text.format(*(e.receiver for e in x)), binding), repeats=True)


SUM = {"add": infix("+", Binding.SUM), "sub": infix("-", Binding.SUM)}
PRODUCT = {"mul": infix("*", Binding.PRODUCT), "div": infix("/", Binding.PRODUCT)}
COMPARE = {
    "equal": infix("==", Binding.COMPARE),
    "not_equal": infix("!=", Binding.COMPARE),
    "less": infix("<", Binding.COMPARE),
    "less_equal": infix("<=", Binding.COMPARE),
    "greater": infix(">", Binding.COMPARE),
    "greater_equal": infix(">=", Binding.COMPARE),
}
