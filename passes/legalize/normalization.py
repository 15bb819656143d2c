"""Batch normalisation and its gradient as arithmetic, which folding and fusion shorten."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import i32
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import Dim, count, element_of, rank_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import Builder, Results, legalizes
from tfrc.passes.legalize.windows import Format, input_of_rank


class Channels:
    """The channels of a node's operand 0, and its statistics over all other dimensions."""

    def __init__(self, b: Builder, x: SSAValue):
        self.b = b
        self.rank = rank_of(x)
        first = Format(b, self.rank).channels_first
        self.axis = 1 if first else self.rank - 1
        self.size = shape_of(x)[self.axis]
        self.others = [i for i in range(self.rank) if i != self.axis]
        self.elements = count(tuple(shape_of(x)[i] for i in self.others))
        """How many elements a channel has."""

    def align(self, values: SSAValue) -> SSAValue:
        """A value for each channel in a shape that broadcasts; NCHW needs no transpose."""
        last = self.axis == self.rank - 1
        return self.b.reshape(values, [self.size] + [1] * (0 if last else self.rank - 2))

    def mean(self, x: SSAValue) -> SSAValue:
        """The mean of each channel, aligned."""
        return self.align(self.b.insert(nn.MeanOp(x, self.others)).result)

    def sum(self, x: SSAValue) -> SSAValue:
        """The sum of each channel."""
        return self.b.insert(nn.SumOp(x, self.others)).result

    def flat(self, values: SSAValue) -> SSAValue:
        """The inverse of `align`."""
        return self.b.reshape(values, [self.size])


def _deviation(b: Builder, variance: SSAValue, default: float) -> SSAValue:
    """`1 / √(variance + epsilon)`."""
    epsilon = np.float32(b.get_float("epsilon", default)).item()
    shifted = b.insert(nn.AddOp(variance, b.scalar(epsilon, element_of(variance)))).result
    return b.insert(nn.RsqrtOp(shifted)).result


@legalizes("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def fused_batch_norm(node: NodeOp, b: Builder) -> Results:
    """`(x - mean) / √(variance + epsilon) · scale + offset` for each channel.

    With `is_training`, mean and variance are those of the batch: tf_keras's LayerNormalization
    makes a channel of each row to normalise.
    """
    x = input_of_rank(b, 0, 4, 5)
    channels = Channels(b, x)
    if b.get_flag("is_training", True):
        return _training_batch_norm(node, b, x, channels)
    mean, variance = b.tensor(3), b.tensor(4)
    factor = b.insert(nn.MulOp(_deviation(b, variance, 1e-4), b.tensor(1))).result
    moved = b.insert(nn.MulOp(mean, factor)).result
    shift = b.insert(nn.SubOp(b.tensor(2), moved)).result
    scaled = b.insert(nn.MulOp(x, channels.align(factor))).result
    result = b.insert(nn.AddOp(scaled, channels.align(shift))).result
    return [result, mean, variance, *[None] * (len(node.outputs) - 3)]


def _training_batch_norm(node: NodeOp, b: Builder, x: SSAValue, channels: Channels) -> Results:
    """The result, the running statistics, and the batch's own, which its gradient reads."""
    mean = channels.mean(x)
    centred = b.insert(nn.SubOp(x, mean)).result
    variance = channels.mean(b.insert(nn.MulOp(centred, centred)).result)
    deviation = _deviation(b, variance, 1e-4)
    factor = b.insert(nn.MulOp(deviation, channels.align(b.tensor(1)))).result
    scaled = b.insert(nn.MulOp(centred, factor)).result
    result = b.insert(nn.AddOp(scaled, channels.align(b.tensor(2)))).result
    own = [channels.flat(mean), channels.flat(variance)]
    running = [
        None if output.first_use is None else _running(b, i, own[i], channels.elements)
        for i, output in enumerate(node.outputs[1:3])
    ]
    # What V3 keeps for its gradient besides is nothing on CPU.
    rest = [b.scalar(0, element_of(own[0])) for _ in node.outputs[5:]]
    return [result, *running, *own, *rest]


def _running(b: Builder, i: int, own: SSAValue, elements: Dim) -> SSAValue:
    """`factor · own + (1 - factor) · previous`; a variance is that of `elements - 1` (Bessel)."""
    element = element_of(own)
    if i == 1:
        total = b.cast(b.number(elements, i32), element)
        least = b.insert(
            nn.MaximumOp(b.cast(b.number(elements - 1, i32), element), b.scalar(1, element))
        ).result
        own = b.insert(nn.MulOp(own, b.insert(nn.DivOp(total, least)).result)).result
    factor = np.float32(b.get_float("exponential_avg_factor", 1.0))
    if factor == 1:
        return own
    left = b.insert(nn.MulOp(own, b.scalar(factor.item(), element))).result
    rest = b.scalar((np.float32(1) - factor).item(), element)
    return b.insert(nn.AddOp(left, b.insert(nn.MulOp(b.tensor(3 + i), rest)).result)).result


@legalizes("FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3")
def fused_batch_norm_grad(node: NodeOp, b: Builder) -> Results:
    """The gradients of input, scale and offset of a batch normalisation (Ioffe and Szegedy 2015).

    `dx = scale · deviation · (dy - mean(dy) - x̂ · mean(dy · x̂))` with `x̂` the normalised input; of
    statistics that are not the batch's own, only `scale · deviation · dy` is left.
    """
    dy, x = input_of_rank(b, 0, 4, 5), input_of_rank(b, 1, 4, 5)
    channels = Channels(b, x)
    mean, variance = channels.align(b.tensor(3)), channels.align(b.tensor(4))
    deviation = _deviation(b, variance, 1e-4)
    centred = b.insert(nn.SubOp(x, mean)).result
    normal = b.insert(nn.MulOp(centred, deviation)).result
    weighted = b.insert(nn.MulOp(dy, normal)).result
    factor = b.insert(nn.MulOp(deviation, channels.align(b.tensor(2)))).result
    rest = dy
    if b.get_flag("is_training", True):
        rest = b.insert(nn.SubOp(dy, channels.mean(dy))).result
        along = b.insert(nn.MulOp(normal, channels.mean(weighted))).result
        rest = b.insert(nn.SubOp(rest, along)).result
    dx = b.insert(nn.MulOp(rest, factor)).result
    nothing = [None] * (len(node.outputs) - 3)
    return [dx, channels.sum(weighted), channels.sum(dy), *nothing]


@legalizes("LRN")
def local_response_normalization(node: NodeOp, b: Builder) -> Results:
    """`x / (bias + alpha · Σ x²)^beta`, the sum over channels at most `depth_radius` away.

    The sum is a product with a band matrix (Krizhevsky et al. 2012).
    """
    x = input_of_rank(b, 0, 4)
    channels, element = int(shape_of(x)[-1]), element_of(x)
    i, j = np.ogrid[:channels, :channels]
    band = (abs(i - j) <= b.get_int("depth_radius", 5)) * b.get_float("alpha", 1.0)
    squares = b.insert(nn.MulOp(x, x)).result
    sums = b.insert(nn.MatMulOp(squares, b.array(band.astype(np.float32), element))).result
    base = b.insert(nn.AddOp(sums, b.scalar(b.get_float("bias", 1.0), element))).result
    exponent = b.scalar(-b.get_float("beta", 0.5), element)
    return b.insert(nn.MulOp(x, b.insert(nn.PowOp(base, exponent)).result)).result
