"""Equations of tensors and numbers, written as such."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.ir import Operation, SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.elementwise_kinds import BinaryOp, UnaryOp
from tfrc.ir.shape import element_of
from tfrc.passes.legalize.table import Builder


@dataclass(frozen=True)
class Term:
    """A tensor in an equation. The other side of an operator may be a number."""

    b: Builder
    value: SSAValue

    def of(self, other: Term | float) -> SSAValue:
        """The other side of an operator."""
        if isinstance(other, Term):
            return other.value
        return self.b.scalar(other, element_of(self.value))

    def result(self, op: Operation) -> Term:
        """The result of an operation."""
        return Term(self.b, self.b.insert(op).results[0])

    def with_(self, cls: type[BinaryOp], other: Term | float) -> Term:
        """This operand with another one behind it."""
        return self.result(cls(self.value, self.of(other)))

    def apply(self, cls: type[UnaryOp]) -> Term:
        """A function of this operand."""
        return self.result(cls(self.value))

    def __add__(self, other: Term | float) -> Term:
        return self.with_(nn.AddOp, other)

    def __sub__(self, other: Term | float) -> Term:
        return self.with_(nn.SubOp, other)

    def __rsub__(self, other: float) -> Term:
        return Term(self.b, self.of(other)) - self

    def __mul__(self, other: Term | float) -> Term:
        return self.with_(nn.MulOp, other)

    def __truediv__(self, other: Term | float) -> Term:
        return self.with_(nn.DivOp, other)

    def __neg__(self) -> Term:
        return self.apply(nn.NegOp)

    def __pow__(self, other: Term) -> Term:
        return self.with_(nn.PowOp, other)


def sqrt(x: Term) -> Term:
    """`√x`."""
    return x.apply(nn.SqrtOp)


def rsqrt(x: Term) -> Term:
    """`1 / √x`."""
    return x.apply(nn.RsqrtOp)


def absolute(x: Term) -> Term:
    """`|x|`."""
    return x.apply(nn.AbsOp)


def sign(x: Term) -> Term:
    """-1, 0 or 1."""
    return x.apply(nn.SignOp)


def maximum(x: Term, y: Term) -> Term:
    """The larger of two."""
    return x.with_(nn.MaximumOp, y)
