"""Losses that TensorFlow computes together with their gradient."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import broadcast, element_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes
from tfrc.passes.legalize.windows import input_of_rank


@legalizes("SoftmaxCrossEntropyWithLogits")
def softmax_cross_entropy_with_logits(node: NodeOp, b: Builder) -> Results:
    """`-Σ labels · log_softmax(logits)` over the classes, and `softmax(logits) - labels`."""
    logits, labels = input_of_rank(b, 0, 2), input_of_rank(b, 1, 2)
    shape = broadcast(shape_of(logits), shape_of(labels))
    if shape is None:
        raise Refusal("its logits and its labels do not broadcast")
    logits, labels = b.broadcast_to(logits, shape), b.broadcast_to(labels, shape)
    logs = b.insert(nn.LogSoftmaxOp(logits, 1)).result
    terms = b.insert(nn.MulOp(labels, logs)).result
    loss = b.insert(nn.NegOp(b.insert(nn.SumOp(terms, [1])).result)).result
    probabilities = b.insert(nn.SoftmaxOp(logits, 1)).result
    return loss, b.insert(nn.SubOp(probabilities, labels)).result


@legalizes("SparseSoftmaxCrossEntropyWithLogits")
def sparse_softmax_cross_entropy_with_logits(node: NodeOp, b: Builder) -> Results:
    """`-log_softmax(logits)` at the label, and `softmax(logits)` less 1 there.

    As in TensorFlow on CPU, a label that is no class is an error.
    """
    logits, labels = input_of_rank(b, 0, 2), input_of_rank(b, 1, 1)
    logs = b.insert(nn.LogSoftmaxOp(logits, 1)).result
    column = b.reshape(labels, [*shape_of(labels), 1])
    picked = b.insert(nn.GatherOp(logs, column, 1, 1)).result
    loss = b.insert(nn.NegOp(b.reshape(picked, shape_of(labels)))).result
    probabilities = b.insert(nn.SoftmaxOp(logits, 1)).result
    return loss, _less_one_at(b, probabilities, column)


def _less_one_at(b: Builder, x: SSAValue, column: SSAValue) -> SSAValue:
    """`x` less 1 in the element of each row that `column` names."""
    classes, element = shape_of(x)[1], element_of(column)
    positions = b.array(np.arange(int(classes)).astype(numpy_dtype(element)), element)
    hit = b.insert(nn.EqualOp(column, positions)).result
    return b.insert(nn.SubOp(x, b.cast(hit, element_of(x)))).result
