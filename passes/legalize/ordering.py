"""Ops that order elements, by counting for each element how many come before it."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import i1, i32
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import Dim, rank_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes

LARGEST = 1024
"""Each element is compared with each other one: a row of n elements takes n² bytes."""

ONE = Dim(0, 1)


def _ranks(b: Builder, x: SSAValue, size: int) -> SSAValue:
    """How many elements of its row come before each element: larger ones, and equal ones in front.

    Every number from 0 to `size - 1` occurs once in a row without NaN.
    """
    *outer, extent = shape_of(x)
    others = b.reshape(x, [*outer, ONE, extent])
    own = b.reshape(x, [*outer, extent, ONE])
    larger = b.insert(nn.GreaterOp(others, own)).result
    equal = b.insert(nn.EqualOp(others, own)).result
    i, j = np.ogrid[:size, :size]
    in_front = b.array(j < i, i1)
    tie = b.insert(nn.LogicalAndOp(equal, in_front)).result
    before = b.insert(nn.LogicalOrOp(larger, tie)).result
    return b.insert(nn.SumOp(b.cast(before, i32), [rank_of(x)])).result


@legalizes("TopKV2")
def top_k(node: NodeOp, b: Builder) -> Results:
    """The `k` largest elements of each row in descending order, and their positions."""
    x, k = b.tensor(0), b.int(1, "k")
    *outer, extent = shape_of(x)
    if not extent.is_static or int(extent) > LARGEST:
        raise Refusal(f"it orders {extent} elements: at most {LARGEST} are supported")
    size, rank = int(extent), rank_of(x)
    ranks = b.reshape(_ranks(b, x, size), [*outer, ONE, extent])
    wanted = b.array(np.arange(k).reshape(k, 1), i32)
    found = b.cast(b.insert(nn.EqualOp(ranks, wanted)).result, i32)
    positions = b.array(np.arange(size), i32)
    product = b.insert(nn.MulOp(found, positions)).result
    indices = b.insert(nn.SumOp(product, [rank])).result
    values = b.insert(nn.GatherOp(x, indices, rank - 1, rank - 1)).result
    return [values, b.cast(indices, b.result_element(1))]
