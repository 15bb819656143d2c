"""Batch normalisation as arithmetic, which constant folding then shortens."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import element_of, rank_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes
from tfrc.passes.legalize.windows import Format, input_of_rank


@legalizes("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def fused_batch_norm(node: NodeOp, b: Builder) -> Results:
    """`(x - mean) / √(variance + epsilon) · scale + offset` for each channel.

    With `is_training`, mean and variance are those of the batch: tf_keras's LayerNormalization
    makes a channel of each row to normalise. NCHW needs no transpose, since all is elementwise.
    """
    x = input_of_rank(b, 0, 4, 5)
    rank = rank_of(x)
    channels_first = Format(b, rank).channels_first
    axis = 1 if channels_first else rank - 1
    others = [i for i in range(rank) if i != axis]
    channels = shape_of(x)[axis]
    aligned = [channels, *[1] * (rank - 2)] if channels_first else [channels]

    def per_channel(value: SSAValue) -> SSAValue:
        return b.reshape(value, aligned)

    if b.get_flag("is_training", True):
        if b.get_float("exponential_avg_factor", 1.0) != 1.0:
            used = [o for o in node.outputs[1:3] if o.first_use is not None]
            if used:
                raise Refusal("it updates moving averages: only inference is supported")
        mean = b.insert(nn.MeanOp(x, others, keep_dims=True)).result
        centred = b.insert(nn.SubOp(x, mean)).result
        squares = b.insert(nn.MulOp(centred, centred)).result
        variance = b.insert(nn.MeanOp(squares, others, keep_dims=True)).result
        reported = None
    else:
        mean, variance = b.tensor(3), b.tensor(4)
        reported = (mean, variance)
        centred = None
    element = element_of(x)
    epsilon = b.scalar(np.float32(b.get_float("epsilon", 1e-4)).item(), element)
    shifted = b.insert(nn.AddOp(variance, epsilon)).result
    deviation = b.insert(nn.RsqrtOp(shifted)).result
    if centred is not None:
        factor = b.insert(nn.MulOp(deviation, per_channel(b.tensor(1)))).result
        scaled = b.insert(nn.MulOp(centred, factor)).result
        result = b.insert(nn.AddOp(scaled, per_channel(b.tensor(2)))).result
    else:
        factor = b.insert(nn.MulOp(deviation, b.tensor(1))).result
        moved = b.insert(nn.MulOp(mean, factor)).result
        shift = b.insert(nn.SubOp(b.tensor(2), moved)).result
        scaled = b.insert(nn.MulOp(x, per_channel(factor))).result
        result = b.insert(nn.AddOp(scaled, per_channel(shift))).result
    rest = [None] * (len(node.outputs) - 3)
    return [result, *(reported or (None, None)), *rest]


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
