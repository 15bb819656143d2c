"""Multiply rows that meet the same matrix at once: the inputs' products of an unrolled LSTM.

    %0 = nn.slice %x begin = <0, 0> …           %0 = nn.concat %a, %b, … axis = 0
    %1 = nn.matmul %a, %w bias %c …       =>    %1 = nn.matmul %0, %w bias %c …
    %2 = nn.matmul %b, %w bias %c …             %2 = nn.slice %1 begin = <0, 0> …
                                                %3 = nn.slice %1 begin = <N, 0> …

Legal for matrices of as many columns, if no product needs what another one leads to: a recurrent
product stays as it is, and takes the sum with the other one. It pays where each has a few rows, so
that the matrix streams through the cache for one step of arithmetic with each element. Parts of one
tensor that stand in its order are a slice of it, without a copy; other rows are computed in the
concatenation, as `in-place` finds. XLA has the same as its DotMerger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from tfrc.ir import nn
from tfrc.ir.nn.base import get_ints
from tfrc.ir.shape import Dim, as_dim, shape_of
from tfrc.passes.matching import fused_location

MOST_ROWS = 28
"""Rows of a merged product for a batch of one: two register tiles. More rows would not be faster,
and their results would lie in memory for longer."""


@dataclass(frozen=True)
class Part:
    """`input[begin : begin + size]` along the first of several axes, as rows of a matrix."""

    input: SSAValue
    begin: Dim
    size: Dim

    @staticmethod
    def of(value: SSAValue) -> Part | None:
        """The part of another tensor that `value` is."""
        while isinstance(value.owner, nn.ReshapeOp):
            value = value.owner.input
        op = value.owner
        if not isinstance(op, nn.SliceOp) or any(s != 1 for s in get_ints(op.strides)):
            return None
        if shape_of(op.input)[1:] != shape_of(value)[1:]:
            return None
        return Part(op.input, op.begin.dims[0], shape_of(value)[0])


def is_recurrent(matrix: SSAValue) -> bool:
    """Whether rows that are multiplied by `matrix` depend on other rows' product by it."""
    uses = [use for use in matrix.uses if isinstance(use.operation, nn.MatMulOp)]
    return reaches([use.operation for use in uses], only_as_rows=True)


def exchange(op: nn.MatMulOp, other: nn.MatMulOp) -> None:
    """Let `other`, which is the residual of `op`, be the one that adds the other.

    `x w + b + (h u)` is `h u + (x w + b)`: so the sum that an LSTM's step makes belongs to its
    recurrent product, and not to its input's.
    """
    inner = nn.MatMulOp(op.lhs, op.rhs, transpose_rhs=op.transpose_rhs is not None, bias=op.bias)
    outer = nn.MatMulOp(
        other.lhs,
        other.rhs,
        transpose_lhs=other.transpose_lhs is not None,
        transpose_rhs=other.transpose_rhs is not None,
        bias=other.bias,
        residual=inner.result,
        activation=op.activation,
    )
    inner.location, outer.location = op.location, fused_location((other, op))
    inner.result.name_hint, outer.result.name_hint = op.result.name_hint, other.result.name_hint
    Rewriter.replace_op(op, [inner, outer])
    Rewriter.erase_op(other)


def exchange_all(block: Block) -> None:
    """Let each recurrent product that is added to one that is not add that one."""
    recurrent: dict[SSAValue, bool] = {}

    def known(matrix: SSAValue) -> bool:
        if matrix not in recurrent:
            recurrent[matrix] = is_recurrent(matrix)
        return recurrent[matrix]

    for op in list(block.ops):
        if not isinstance(op, nn.MatMulOp) or op.residual is None or op.transpose_lhs is not None:
            continue
        other = op.residual.owner
        if (
            isinstance(other, nn.MatMulOp)
            and other.result.has_one_use()
            and other.residual is None
            and other.activation is None
            and known(other.rhs)
            and not known(op.rhs)
        ):
            exchange(op, other)


def mergeable(block: Block) -> Iterator[list[nn.MatMulOp]]:
    """The products of few rows by one matrix, with the same bias and activation."""
    groups: dict[tuple[object, ...], list[nn.MatMulOp]] = defaultdict(list)
    for op in block.ops:
        if not isinstance(op, nn.MatMulOp) or op.transpose_lhs is not None:
            continue
        shape = shape_of(op.lhs)
        if len(shape) == 2 and op.residual is None and shape[0].at(1) * 2 <= MOST_ROWS:
            key: tuple[object, ...] = (op.rhs, op.bias, op.activation, op.transpose_rhs, shape)
            groups[key].append(op)
    for ops in groups.values():
        most = MOST_ROWS // shape_of(ops[0].lhs)[0].at(1)
        chunks = -(-len(ops) // most)
        bounds = [i * len(ops) // chunks for i in range(chunks + 1)]
        ordered = in_order_of_parts(ops)
        for start, end in pairwise(bounds):
            if end - start > 1:
                yield ordered[start:end]


def in_order_of_parts(ops: list[nn.MatMulOp]) -> list[nn.MatMulOp]:
    """`ops`; if all read parts of one tensor, in the order of these: an LSTM can go backwards."""
    parts = {op: Part.of(op.lhs) for op in ops}
    begins = {op: part.begin for op, part in parts.items() if part is not None}
    if len(begins) < len(ops) or len({part.input for part in parts.values() if part}) > 1:
        return ops
    return sorted(ops, key=begins.__getitem__)


def reaches(ops: Sequence[Operation], only_as_rows: bool = False) -> bool:
    """Whether one of `ops` needs the result of another, directly or not; or needs it as rows."""
    members = set(ops)
    seen: set[Operation] = set()
    stack = list(ops)
    while stack:
        for result in stack.pop().results:
            for use in result.uses:
                if use.operation in members and (use.index == 0 or not only_as_rows):
                    return True
                if use.operation not in seen:
                    seen.add(use.operation)
                    stack.append(use.operation)
    return False


def joined(values: Sequence[SSAValue]) -> list[Operation]:
    """What puts matrices with the same columns one below the other; the last one's result."""
    parts = [part for part in map(Part.of, values) if part is not None]
    first = parts[0] if parts else None
    adjacent = len(parts) == len(values) and all(
        b.input == a.input and b.begin == a.begin + a.size for a, b in pairwise(parts)
    )
    if first is None or not adjacent:
        return [nn.ConcatOp(values, 0)]
    shape = shape_of(first.input)
    size = parts[-1].begin + parts[-1].size - first.begin
    columns = shape_of(values[0])[-1]
    rows = sum((shape_of(value)[0] for value in values), as_dim(0))
    if size == shape[0]:
        return [nn.ReshapeOp(first.input, (rows, columns))]
    part = nn.SliceOp(first.input, (first.begin, *(0 for _ in shape[1:])), (size, *shape[1:]))
    return [part, nn.ReshapeOp(part.result, (rows, columns))]


def merge(ops: Sequence[nn.MatMulOp]) -> None:
    """Replace `ops` by one product, which is put before the first of them."""
    first = ops[0]
    *_, rows = before = joined([op.lhs for op in ops])
    product = nn.MatMulOp(
        rows.results[0],
        first.rhs,
        transpose_rhs=first.transpose_rhs is not None,
        bias=first.bias,
        activation=first.activation,
    )
    product.result.name_hint = first.result.name_hint
    for op in (*before, product):
        op.location = first.location
    block = first.parent_block()
    assert block is not None
    block.insert_ops_before([*before, product], first)
    begin = as_dim(0)
    for op in ops:
        shape = shape_of(op.result)
        part = nn.SliceOp(product.result, (begin, 0), shape)
        part.result.name_hint = op.result.name_hint
        part.location = op.location
        begin = begin + shape[0]
        Rewriter.replace_op(op, part)


def sort(block: Block) -> None:
    """Put each operation behind those whose results it reads, and else leave the order."""
    done: set[Operation] = set()
    for op in list(block.ops):
        stack = [op]
        while stack:
            top = stack[-1]
            missing = [
                value.owner
                for value in top.operands
                if isinstance(value.owner, Operation) and value.owner not in done
            ]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            if top not in done:
                done.add(top)
                top.detach()
                block.add_op(top)


@dataclass(frozen=True)
class MergeMatMulsPass(ModulePass):
    """Multiply rows that meet the same matrix at once."""

    name = "merge-matmuls"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp):
                block = function.body.block
                exchange_all(block)
                groups = list(mergeable(block))
                for group in groups:
                    # Asked of each when its turn comes: what is merged already adds dependences.
                    if not reaches(group):
                        merge(group)
                if groups:
                    sort(block)
