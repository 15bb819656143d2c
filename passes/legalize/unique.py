"""`Unique`, where an optimizer adds up the gradients of rows that occur twice.

How many different rows a batch has is known at run time only. But all that is done with them is
arithmetic row by row, and an update of a variable at these rows: so all rows of the variable take
their place, in their order, and an update leaves those alone that do not occur.

    %u, %i = Unique(%rows)                                  %seen = rows that occur
    %g = UnsortedSegmentSum(%gradients, %i, size of %u)  ⇒  %g = nn.segment_sum %gradients, %rows
    ResourceScatterAdd(%variable, %u, %g)                   %variable + nn.select %seen, %g, 0
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from xdsl.dialects.builtin import f32
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import Dim, element_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.state import HANDLE
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes

ROW_BY_ROW = frozenset(
    "Abs Add AddV2 Cast Div DivNoNan Identity Maximum Minimum Mul Neg Pow RealDiv Rsqrt Sqrt "
    "Square Sub".split()
)
"""Ops that compute each row of their result from the same row of their operands."""

UPDATES = frozenset({"ResourceScatterAdd", "ResourceScatterSub", "ResourceScatterUpdate"})

INDEX, COUNT, ROWS, POSITION = "index", "count", "rows", "position"
"""What a value is: the rows that occur, how many, something for each, or where each index is."""


def _result(kind: str, node: NodeOp, operand: int) -> str | None:
    """What `node` makes of such an operand; None for an update, which ends there."""
    op = node.op.data
    match kind:
        case "index" if op == "Shape":
            return COUNT
        case "index" if op == "ResourceGather" and operand == 1:
            return ROWS
        case "count" if op in ("StridedSlice", "Identity", "Squeeze") and operand == 0:
            return COUNT
        case "count" if op == "UnsortedSegmentSum" and operand == 2:
            return ROWS
        case "position" if op == "UnsortedSegmentSum" and operand == 1:
            return ROWS
        case "rows" if op in ROW_BY_ROW:
            return ROWS
        case "index" | "rows" if op in UPDATES and operand == (1 if kind == INDEX else 2):
            return None
        case _:
            raise Refusal(
                f"{op} ({node.node_name}) needs to know how many there are, which depends on data: "
                "only sparse updates of variables, as by optimizers for embeddings, are compiled"
            )


def _variables(values: list[tuple[SSAValue, str]]) -> Iterator[NodeOp]:
    """The handles of the variables that are read or updated at the rows."""
    seen: set[SSAValue] = set()
    while values:
        value, kind = values.pop()
        if value in seen:
            continue
        seen.add(value)
        for use in value.uses:
            node = use.operation
            if not isinstance(node, NodeOp):
                raise Refusal("it is returned, but its size depends on data")
            result = _result(kind, node, use.index)
            if kind == INDEX and node.op.data != "Shape":
                handle = node.inputs[0].owner
                if not isinstance(handle, NodeOp) or handle.op.data != HANDLE:
                    raise Refusal("its variable is not known at compile time")
                yield handle
            if result is not None:
                values += [(output, result) for output in node.outputs]


@legalizes("Unique")
def unique(node: NodeOp, b: Builder) -> Results:
    """All rows of the variable, of which an update leaves those alone that do not occur."""
    indices = b.tensor(0)
    handles = list(_variables([(node.outputs[0], INDEX), (node.outputs[1], POSITION)]))
    rows = {shape_of(b.variables.read(handle))[0] for handle in handles}
    if len(rows) != 1:
        raise Refusal("it indexes variables of different lengths, or none")
    (length,) = rows
    element = element_of(indices)
    ones = b.broadcast_to(b.scalar(1.0, f32), shape_of(indices))
    counts = b.insert(nn.SegmentSumOp(ones, indices, length)).result
    seen = b.insert(nn.GreaterOp(counts, b.scalar(0.0, f32))).result
    every = b.array(np.arange(int(length)).astype(numpy_dtype(element)), element)
    b.variables.seen[every] = seen
    return every, b.cast(indices, b.result_element(1))


def update(b: Builder, variable: SSAValue, new: SSAValue) -> SSAValue | None:
    """`new` in the rows at operand 1 that occur, `variable` in others; None for other indices."""
    seen = b.variables.seen.get(b.node.inputs[1])
    if seen is None:
        return None
    lengths: list[Dim | int] = [shape_of(variable)[0], *[1] * (len(shape_of(variable)) - 1)]
    return b.insert(nn.SelectOp(b.reshape(seen, lengths), new, variable)).result
