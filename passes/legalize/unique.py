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
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import f32
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import Dim, element_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.constants import is_tensor
from tfrc.passes.legalize.state import handle_of
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes

ROW_BY_ROW = frozenset(
    "Abs Add AddV2 Cast Div DivNoNan Identity Maximum Minimum Mul Neg Pow RealDiv Rsqrt Sqrt "
    "Square Sub".split()
)
"""Ops that compute each row of their result from the same row of their operands."""


@dataclass(frozen=True)
class Operands:
    """Which operands of an update of rows are their indices and what each row gets."""

    indices: int
    rows: int


UPDATES: dict[str, Operands] = dict.fromkeys(
    ("ResourceScatterAdd", "ResourceScatterSub", "ResourceScatterUpdate"), Operands(1, 2)
)
"""Ops that update rows of variables; `optimizers.py` has more."""

GATHERS = frozenset({"ResourceGather", "GatherV2"})

INDEX, COUNT, ROWS, POSITION = "index", "count", "rows", "position"
"""What a value is: the rows that occur, how many, something for each, or where each index is."""


def _result(kind: str, node: NodeOp, operand: int) -> str | None:
    """What `node` makes of such an operand; None for an update, which ends there."""
    op = node.op.data
    match kind:
        case "index" if op == "Shape":
            return COUNT
        case "index" if op in GATHERS and operand == 1:
            return ROWS
        case "count" if op in ("StridedSlice", "Identity", "Squeeze") and operand == 0:
            return COUNT
        case "count" if op == "UnsortedSegmentSum" and operand == 2:
            return ROWS
        case "position" if op == "UnsortedSegmentSum" and operand == 1:
            return ROWS
        case "rows" if op in ROW_BY_ROW:
            return ROWS
        case "index" if op in UPDATES and operand == UPDATES[op].indices:
            return None
        case "rows" if op in UPDATES and operand == UPDATES[op].rows:
            return None
        case _:
            raise Refusal(
                f"{op} ({node.node_name}) needs to know how many there are, which depends on data: "
                "only sparse updates of variables, as by optimizers for embeddings, are compiled"
            )


def _lengths(b: Builder, values: list[tuple[SSAValue, str]]) -> Iterator[Dim]:
    """How many rows there are in what is read or updated at the indices."""
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
            if kind == INDEX and node.op.data == "GatherV2":
                yield _rows_of_table(b, node)
            elif kind == INDEX and node.op.data != "Shape":
                yield shape_of(b.variables.read(handle_of(node)))[0]
            if result is not None:
                values += [(output, result) for output in node.outputs]


def _rows_of_table(b: Builder, node: NodeOp) -> Dim:
    """The length of what `GatherV2` gathers rows of."""
    table, axis = node.inputs[0], b.constants.dims(node.inputs[2])
    if not is_tensor(table) or axis != (Dim(0, 0),):
        raise Refusal(f"{node.node_name} gathers along another axis than the rows")
    return shape_of(table)[0]


@legalizes("Unique")
def unique(node: NodeOp, b: Builder) -> Results:
    """All rows of the variable, of which an update leaves those alone that do not occur."""
    indices = b.tensor(0)
    rows = set(_lengths(b, [(node.outputs[0], INDEX), (node.outputs[1], POSITION)]))
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


def update(b: Builder, variable: SSAValue, new: SSAValue) -> SSAValue:
    """`new`, which has all rows, in those that the node's indices say; `variable` in others.

    Indices that are no rows of `Unique` say all.
    """
    seen = b.variables.seen.get(b.node.inputs[UPDATES[b.node.op.data].indices])
    if seen is None:
        return new
    lengths: list[Dim | int] = [shape_of(variable)[0], *[1] * (len(shape_of(variable)) - 1)]
    return b.insert(nn.SelectOp(b.reshape(seen, lengths), new, variable)).result
