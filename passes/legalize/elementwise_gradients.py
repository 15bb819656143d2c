"""Gradients of elementwise ops, as the arithmetic of TensorFlow's CPU kernels.

Each takes the gradient `dy` of the op's result, and its operand `x` or its result `y`: whichever
TensorFlow keeps. All end in one map.
"""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import element_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.elementwise import zero_where
from tfrc.passes.legalize.table import Builder, Results, legalizes

SELU_SCALE = 1.0507009873554804934193349852946
SELU_SCALE_ALPHA = 1.7580993408473768599402175208123
"""The scale of Klambauer et al. 2017, and the product of it and their alpha."""


class Arithmetic:
    """Elementwise operations on values of one type, where a number stands for a constant."""

    def __init__(self, b: Builder, like: SSAValue):
        self.b = b
        self.element = element_of(like)

    def value(self, x: SSAValue | float) -> SSAValue:
        """`x` as a value."""
        return x if isinstance(x, SSAValue) else self.b.scalar(x, self.element)

    def add(self, x: SSAValue, y: SSAValue | float) -> SSAValue:
        """`x + y`."""
        return self.b.insert(nn.AddOp(x, self.value(y))).result

    def sub(self, x: SSAValue | float, y: SSAValue) -> SSAValue:
        """`x - y`."""
        return self.b.insert(nn.SubOp(self.value(x), y)).result

    def mul(self, x: SSAValue, y: SSAValue | float) -> SSAValue:
        """`x · y`."""
        return self.b.insert(nn.MulOp(x, self.value(y))).result

    def div(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """`x / y`."""
        return self.b.insert(nn.DivOp(x, y)).result

    def greater(self, x: SSAValue, limit: float) -> SSAValue:
        """`x > limit`."""
        return self.b.insert(nn.GreaterOp(x, self.value(limit))).result

    def less(self, x: SSAValue, limit: float) -> SSAValue:
        """`x < limit`."""
        return self.b.insert(nn.LessOp(x, self.value(limit))).result

    def select(self, condition: SSAValue, x: SSAValue, y: SSAValue | float) -> SSAValue:
        """`condition ? x : y`."""
        return self.b.insert(nn.SelectOp(condition, x, self.value(y))).result

    def where(self, condition: SSAValue, x: SSAValue) -> SSAValue:
        """`x · condition`: NaN stays NaN where the condition does not hold, as in TensorFlow."""
        return self.mul(x, self.b.cast(condition, self.element))


def _operands(b: Builder) -> tuple[SSAValue, SSAValue, Arithmetic]:
    first, second = b.tensor(0), b.tensor(1)
    return first, second, Arithmetic(b, first)


@legalizes("ReluGrad")
def relu_grad(node: NodeOp, b: Builder) -> Results:
    """`dy · (x > 0)`."""
    dy, x, a = _operands(b)
    return a.where(a.greater(x, 0), dy)


@legalizes("Relu6Grad")
def relu6_grad(node: NodeOp, b: Builder) -> Results:
    """`dy · (0 < x < 6)`."""
    dy, x, a = _operands(b)
    inside = b.insert(nn.LogicalAndOp(a.greater(x, 0), a.less(x, 6))).result
    return a.where(inside, dy)


@legalizes("LeakyReluGrad")
def leaky_relu_grad(node: NodeOp, b: Builder) -> Results:
    """`x > 0 ? dy : alpha · dy`."""
    dy, x, a = _operands(b)
    alpha = np.float32(b.get_float("alpha", 0.2)).item()
    return a.select(a.greater(x, 0), dy, a.mul(dy, alpha))


@legalizes("EluGrad")
def elu_grad(node: NodeOp, b: Builder) -> Results:
    """`y < 0 ? (y + 1) · dy : dy`."""
    dy, y, a = _operands(b)
    return a.select(a.less(y, 0), a.mul(a.add(y, 1), dy), dy)


@legalizes("SeluGrad")
def selu_grad(node: NodeOp, b: Builder) -> Results:
    """`y < 0 ? dy · (y + scale · alpha) : dy · scale`."""
    dy, y, a = _operands(b)
    below = a.mul(dy, a.add(y, SELU_SCALE_ALPHA))
    return a.select(a.less(y, 0), below, a.mul(dy, SELU_SCALE))


@legalizes("SigmoidGrad")
def sigmoid_grad(node: NodeOp, b: Builder) -> Results:
    """`dy · y · (1 - y)`."""
    y, dy, a = _operands(b)
    return a.mul(a.mul(y, a.sub(1, y)), dy)


@legalizes("TanhGrad")
def tanh_grad(node: NodeOp, b: Builder) -> Results:
    """`dy · (1 - y²)`."""
    y, dy, a = _operands(b)
    return a.mul(dy, a.sub(1, a.mul(y, y)))


@legalizes("SoftplusGrad")
def softplus_grad(node: NodeOp, b: Builder) -> Results:
    """`dy / (e^-x + 1)`."""
    dy, x, a = _operands(b)
    decay = b.insert(nn.ExpOp(b.insert(nn.NegOp(x)).result)).result
    return a.div(dy, a.add(decay, 1))


@legalizes("SoftsignGrad")
def softsign_grad(node: NodeOp, b: Builder) -> Results:
    """`dy / (1 + |x|)²`."""
    dy, x, a = _operands(b)
    base = a.add(b.insert(nn.AbsOp(x)).result, 1)
    return a.div(dy, a.mul(base, base))


@legalizes("RsqrtGrad")
def rsqrt_grad(node: NodeOp, b: Builder) -> Results:
    """`-½ · dy · y³`, 0 where dy is 0."""
    y, dy, a = _operands(b)
    return zero_where(b, dy, a.mul(a.mul(a.mul(dy, y), -0.5), a.mul(y, y)))


@legalizes("SqrtGrad")
def sqrt_grad(node: NodeOp, b: Builder) -> Results:
    """`½ · dy / y`, 0 where dy is 0."""
    y, dy, a = _operands(b)
    return zero_where(b, dy, a.div(a.mul(dy, 0.5), y))


@legalizes("ReciprocalGrad", "InvGrad")
def reciprocal_grad(node: NodeOp, b: Builder) -> Results:
    """`-dy · y²`, 0 where dy is 0."""
    y, dy, a = _operands(b)
    return zero_where(b, dy, a.mul(b.insert(nn.NegOp(a.mul(y, y))).result, dy))
