"""Reductions, softmax, and scans along an axis."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.elementwise_kinds import BinaryOp
from tfrc.ir.nn.reduction import ReduceOp
from tfrc.ir.shape import element_of, rank_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import (
    LEGALIZATIONS,
    Builder,
    Legalization,
    Refusal,
    Results,
    legalizes,
)

REDUCTIONS: Mapping[str, type[ReduceOp]] = {
    "All": nn.AllOp,
    "Any": nn.AnyOp,
    "Max": nn.MaxOp,
    "Mean": nn.MeanOp,
    "Min": nn.MinOp,
    "Prod": nn.ProdOp,
    "Sum": nn.SumOp,
}
"""Ops that reduce the axes in operand 1."""


def _reduction(cls: type[ReduceOp]) -> Legalization:
    def legalization(node: NodeOp, b: Builder) -> Results:
        x = b.tensor(0)
        axes = b.axes(1, rank_of(x))
        if not axes:
            return x
        return b.insert(cls(x, axes, b.get_flag("keep_dims"))).result

    return legalization


LEGALIZATIONS.update({op: _reduction(cls) for op, cls in REDUCTIONS.items()})


@legalizes("EuclideanNorm")
def euclidean_norm(node: NodeOp, b: Builder) -> Results:
    """`√Σ x²`."""
    x = b.tensor(0)
    squares = b.insert(nn.MulOp(x, x)).result
    axes = b.axes(1, rank_of(x))
    total = b.insert(nn.SumOp(squares, axes, b.get_flag("keep_dims"))).result
    return b.insert(nn.SqrtOp(total)).result


@legalizes("L2Loss")
def l2_loss(node: NodeOp, b: Builder) -> Results:
    """`½ Σ x²`."""
    x = b.tensor(0)
    squares = b.insert(nn.MulOp(x, x)).result
    total = b.insert(nn.SumOp(squares, range(rank_of(x)))).result
    return b.insert(nn.MulOp(total, b.scalar(0.5, element_of(x)))).result


@legalizes("ArgMax")
def arg_max(node: NodeOp, b: Builder) -> Results:
    """`nn.arg_max`: the first of equal elements."""
    x = b.tensor(0)
    return b.insert(nn.ArgMaxOp(x, b.axis(1, rank_of(x)), b.result_element(0))).result


@legalizes("ArgMin")
def arg_min(node: NodeOp, b: Builder) -> Results:
    """`nn.arg_min`: the first of equal elements."""
    x = b.tensor(0)
    return b.insert(nn.ArgMinOp(x, b.axis(1, rank_of(x)), b.result_element(0))).result


@legalizes("Softmax")
def softmax(node: NodeOp, b: Builder) -> Results:
    """`nn.softmax` along the last axis."""
    x = b.tensor(0)
    return b.insert(nn.SoftmaxOp(x, rank_of(x) - 1)).result


@legalizes("LogSoftmax")
def log_softmax(node: NodeOp, b: Builder) -> Results:
    """`nn.log_softmax` along the last axis."""
    x = b.tensor(0)
    return b.insert(nn.LogSoftmaxOp(x, rank_of(x) - 1)).result


def _scan(b: Builder, combine: type[BinaryOp], neutral: int) -> SSAValue:
    """Combine each element with all before it, in steps of 1, 2, 4 … (Hillis and Steele 1986)."""
    x = b.tensor(0)
    axis = b.axis(1, rank_of(x))
    size = shape_of(x)[axis]
    if not size.is_static:
        raise Refusal(f"it runs along a dimension of extent {size}, which is not static")
    reverse = b.get_flag("reverse")

    def shift(value: SSAValue, by: int) -> SSAValue:
        """The elements `by` places further on, `neutral` where they come from outside."""
        front = [by if i == axis else 0 for i in range(rank_of(value))]
        none = [0] * rank_of(value)
        padded = b.pad(value, *((none, front) if reverse else (front, none)), neutral)
        return b.slice(padded, front if reverse else none, shape_of(value))

    if b.get_flag("exclusive"):
        x = shift(x, 1)
    step = 1
    while step < int(size):
        x = b.insert(combine(x, shift(x, step))).result
        step *= 2
    return x


@legalizes("Cumsum")
def cumsum(node: NodeOp, b: Builder) -> Results:
    """Sums of all elements so far."""
    return _scan(b, nn.AddOp, 0)


@legalizes("Cumprod")
def cumprod(node: NodeOp, b: Builder) -> Results:
    """Products of all elements so far."""
    return _scan(b, nn.MulOp, 1)
