"""Remove transposes that cancel, also across the operations between them.

    %1 = nn.transpose %x [0, 3, 1, 2]
    %2 = nn.add %1, %b : [C, 1, 1]               %2 = nn.add %x, %b : [1, 1, 1, C]
    %3 = nn.relu %2                         =>   %3 = nn.relu %2
    %4 = nn.transpose %3 [0, 2, 3, 1]

A transpose and the layout-agnostic operations around it form a region that can work in the order
of dimensions before the transpose. That is legal always; it is done if it moves fewer elements: the
transposes that vanish, at the region's inputs and outputs, against those that it then needs at
others. Constants and single elements cost nothing to reorder.

Matrix products read a matrix transposed for the asking: a transpose of the last two dimensions
becomes a flag, and one that would scatter single elements becomes a flag and one that moves rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker
from xdsl.rewriter import Rewriter

from tfrc.ir import nn
from tfrc.ir.nn.base import get_ints
from tfrc.ir.shape import Shape, count, rank_of, shape_of
from tfrc.passes.layout import (
    ONE,
    Permutation,
    forgets_order,
    inverse,
    keeps_rank,
    moves_nothing,
    reordered,
)
from tfrc.passes.matching import Replacement, Rules, is_constant_expression, locate

RULES = Rules()

MAX_REGION = 256
"""Operations in a region: enough for a block of a network, and a bound on the time for one."""


def size(value: SSAValue) -> int:
    """Elements that a transpose of `value` moves, for each example of the batch."""
    return max(count(shape_of(value)).at(1), 1)


@dataclass
class Region:
    """Operations that could work before the permutation of a transpose.

    `ops` are those operations, `sources` the transposes that feed them.
    """

    permutation: Permutation
    ops: set[Operation] = field(default_factory=set[Operation])
    sources: set[nn.TransposeOp] = field(default_factory=set[nn.TransposeOp])

    @staticmethod
    def around(start: nn.TransposeOp) -> Region:
        """All layout-agnostic operations that connect to `start` in its block."""
        region = Region(get_ints(start.permutation), sources={start})
        pending = [use.operation for use in start.result.uses]
        while pending and len(region.ops) < MAX_REGION:
            op = pending.pop()
            if op in region.ops or op.parent is not start.parent:
                continue
            if not keeps_rank(op, len(region.permutation)):
                continue
            region.ops.add(op)
            pending.extend(use.operation for use in op.results[0].uses)
            for owner in (operand.owner for operand in op.operands):
                if isinstance(owner, nn.TransposeOp) and region.is_source(owner):
                    region.sources.add(owner)
                    pending.extend(use.operation for use in owner.result.uses)
                elif isinstance(owner, Operation):
                    pending.append(owner)
        return region

    def is_source(self, transpose: nn.TransposeOp) -> bool:
        """Whether `transpose` is by the region's permutation."""
        return get_ints(transpose.permutation) == self.permutation

    def covers(self, value: SSAValue) -> bool:
        """Whether the region knows `value` before its permutation."""
        return value.owner in self.ops or value.owner in self.sources

    def pruned(self, strict: bool) -> Region:
        """Without operations on nothing that the region covers; if `strict`, on anything else."""
        kept = Region(self.permutation, set(self.ops), self.sources)
        changed = True
        while changed:
            drop = {
                op
                for op in kept.ops
                if not any(map(kept.covers, op.operands))
                or (strict and any(kept.input_cost(v) for v in op.operands if not kept.covers(v)))
            }
            kept.ops -= drop
            changed = bool(drop)
        return kept

    def input_cost(self, value: SSAValue) -> int:
        """Elements to move so that an operand from outside fits into the region."""
        shape = shape_of(value)
        full = (ONE,) * (len(self.permutation) - len(shape)) + shape
        if moves_nothing(full, inverse(self.permutation)) or is_constant_expression(value):
            return 0
        return size(value)

    def outside_uses(self, value: SSAValue) -> list[Operation]:
        """The users of a covered value that need it as it is, permuted."""
        users = [use.operation for use in value.uses]
        return [
            user
            for user in users
            if user not in self.ops
            and not isinstance(user, nn.TransposeOp)
            and not forgets_order(user, self.permutation)
        ]

    def gain(self) -> int:
        """Elements that no longer move, less those that then do."""
        outside = {v for op in self.ops for v in op.operands if not self.covers(v)}
        total = -sum(map(self.input_cost, outside))
        for source in self.sources:
            if not self.outside_uses(source.result):
                total += size(source.result)
        for op in self.ops:
            if self.outside_uses(op.results[0]):
                total -= size(op.results[0])
        for transpose in self.sinks():
            composed = self.composed(transpose)
            if moves_nothing(undone(transpose.input, self.permutation), composed):
                total += size(transpose.input)
        return total

    def sinks(self) -> list[nn.TransposeOp]:
        """The transposes that read covered values."""
        covered = [op.results[0] for op in (*self.ops, *self.sources)]
        users = [use.operation for value in covered for use in value.uses]
        return [user for user in users if isinstance(user, nn.TransposeOp)]

    def composed(self, transpose: nn.TransposeOp) -> Permutation:
        """What `transpose` does to a covered value, from before the region's permutation."""
        return tuple(self.permutation[axis] for axis in get_ints(transpose.permutation))

    def rewrite(self, order: dict[Operation, int]) -> None:
        """Let the region work before its permutation."""
        sources = sorted(self.sources, key=order.__getitem__)
        before: dict[SSAValue, SSAValue] = {s.result: s.input for s in sources}
        made: dict[SSAValue, SSAValue] = {}
        for op in sorted(self.ops, key=order.__getitem__):
            for value in op.operands:
                if value not in before and value not in made:
                    made[value] = self.undo(value, op, order)
            operands = [before[v] if v in before else made[v] for v in op.operands]
            copy = reordered(op, operands, self.permutation)
            insert(copy, op, order)
            before[op.results[0]] = copy.results[0]
        for value, source in before.items():
            self.rewrite_uses(value, source, order)
        dead = sorted((*self.ops, *self.sources), key=order.__getitem__, reverse=True)
        for op in dead:
            if op.results[0].first_use is None:
                Rewriter.erase_op(op)

    def undo(self, value: SSAValue, user: Operation, order: dict[Operation, int]) -> SSAValue:
        """A value from outside before the permutation, made in front of its first user."""
        shape = shape_of(value)
        if all(dim == ONE for dim in shape):
            return value
        rank = len(self.permutation)
        if len(shape) < rank:
            expand = nn.ReshapeOp(value, (ONE,) * (rank - len(shape)) + shape)
            insert(expand, user, order)
            value = expand.result
        transpose = nn.TransposeOp(value, inverse(self.permutation))
        insert(transpose, user, order)
        return transpose.result

    def rewrite_uses(self, value: SSAValue, source: SSAValue, order: dict[Operation, int]) -> None:
        """Let the users of a covered `value` outside the region use what it is made of."""
        for user in {use.operation: None for use in value.uses}:
            if user in self.ops:
                continue
            if isinstance(user, nn.TransposeOp):
                substitute(user, nn.TransposeOp(source, self.composed(user)), order)
            elif forgets_order(user, self.permutation):
                substitute(user, reordered(user, [source], self.permutation), order)
        if value.owner not in self.sources and self.outside_uses(value):
            owner = value.owner
            assert isinstance(owner, Operation)
            transpose = nn.TransposeOp(source, self.permutation)
            insert(transpose, owner, order)
            value.replace_uses_with_if(transpose.result, lambda use: use.operation not in self.ops)


def undone(value: SSAValue, permutation: Permutation) -> Shape:
    """The shape of `value` before `permutation`."""
    shape = shape_of(value)
    return tuple(shape[axis] for axis in inverse(permutation))


def insert(op: Operation, before: Operation, order: dict[Operation, int]) -> None:
    """Insert `op` in front of another one, at whose place in the order it then stands."""
    locate([op], before.location)
    block = before.parent
    assert block is not None, "the operation stands in a block"
    block.insert_op_before(op, before)
    order[op] = order[before]


def substitute(old: Operation, new: Operation, order: dict[Operation, int]) -> None:
    """Replace `old` by `new`."""
    insert(new, old, order)
    new.results[0].name_hint = old.results[0].name_hint
    old.results[0].replace_all_uses_with(new.results[0])
    Rewriter.erase_op(old)


def remove_transposes(block: Block) -> None:
    """Rewrite regions of `block` as long as one then moves fewer elements."""
    order = {op: i for i, op in enumerate(block.ops)}
    changed = True
    while changed:
        changed = False
        for start in [op for op in block.ops if isinstance(op, nn.TransposeOp)]:
            if start.parent is None:
                continue
            if moves_nothing(shape_of(start.input), get_ints(start.permutation)):
                continue
            whole = Region.around(start)
            best = max(whole.pruned(strict=False), whole.pruned(strict=True), key=Region.gain)
            if best.gain() > 0:
                best.rewrite(order)
                changed = True


def swaps_last(permutation: Permutation) -> bool:
    """Whether a permutation exchanges the last two dimensions and no others."""
    rank = len(permutation)
    return rank >= 2 and permutation == (*range(rank - 2), rank - 1, rank - 2)


def swapped(permutation: Permutation) -> Permutation:
    """`permutation`, and then the last two dimensions exchanged."""
    return (*permutation[:-2], permutation[-1], permutation[-2])


def absorbed(value: SSAValue) -> SSAValue | None:
    """The matrix that `value` is the transpose of, if reading it transposed is the cheaper way."""
    transpose = value.owner
    if not isinstance(transpose, nn.TransposeOp):
        return None
    permutation = get_ints(transpose.permutation)
    return transpose.input if swaps_last(permutation) else None


@RULES.on(nn.MatMulOp)
def transposed_matrix(op: nn.MatMulOp) -> Replacement | None:
    """`x · T(w)` is a product that reads w transposed."""
    lhs = absorbed(op.lhs) if rank_of(op.lhs) == 2 else None
    rhs = absorbed(op.rhs)
    if lhs is None and rhs is None:
        return None
    return nn.MatMulOp(
        lhs or op.lhs,
        rhs or op.rhs,
        transpose_lhs=(op.transpose_lhs is not None) != (lhs is not None),
        transpose_rhs=(op.transpose_rhs is not None) != (rhs is not None),
        bias=op.bias,
        residual=op.residual,
        activation=op.activation,
    )


def batch_matmul(
    op: nn.BatchMatMulOp, lhs: SSAValue, rhs: SSAValue, flip_lhs: bool, flip_rhs: bool
) -> nn.BatchMatMulOp:
    """`op` on other operands, with its flags flipped."""
    return nn.BatchMatMulOp(
        lhs,
        rhs,
        transpose_lhs=(op.transpose_lhs is not None) != flip_lhs,
        transpose_rhs=(op.transpose_rhs is not None) != flip_rhs,
    )


@RULES.on(nn.BatchMatMulOp)
def transposed_matrices(op: nn.BatchMatMulOp) -> Replacement | None:
    """`x · T(y)` is a product that reads y transposed."""
    lhs, rhs = absorbed(op.lhs), absorbed(op.rhs)
    if any(op.heads) or (lhs is None and rhs is None):
        return None
    return batch_matmul(op, lhs or op.lhs, rhs or op.rhs, lhs is not None, rhs is not None)


@RULES.on(nn.BatchMatMulOp)
def transposed_rows(op: nn.BatchMatMulOp) -> Replacement | None:
    """A transpose that moves the last dimension moves whole rows once a flag swaps the last two."""
    if any(op.heads):
        return None
    for side in (0, 1):
        transpose = op.operands[side].owner
        if not isinstance(transpose, nn.TransposeOp) or not op.operands[side].has_one_use():
            continue
        last = rank_of(transpose.input) - 1
        permutation = get_ints(transpose.permutation)
        if permutation[-1] == last or permutation[-2] != last:
            continue
        rows = nn.TransposeOp(transpose.input, swapped(permutation))
        rows.location = transpose.location
        operands = [rows.result if i == side else op.operands[i] for i in (0, 1)]
        return [rows, batch_matmul(op, operands[0], operands[1], side == 0, side == 1)]
    return None


@RULES.on(nn.TransposeOp)
def transposed_product(op: nn.TransposeOp) -> Replacement | None:
    """`T(x · y) = T(y) · T(x)`."""
    product = op.input.owner
    if not isinstance(product, nn.BatchMatMulOp) or not op.input.has_one_use():
        return None
    if not swaps_last(get_ints(op.permutation)) or any(product.heads):
        return None
    result = nn.BatchMatMulOp(
        product.rhs,
        product.lhs,
        transpose_lhs=product.transpose_rhs is None,
        transpose_rhs=product.transpose_lhs is None,
    )
    result.location = product.location
    return result


@dataclass(frozen=True)
class RemoveTransposesPass(ModulePass):
    """Remove transposes that cancel, also across the operations between them."""

    name = "remove-transposes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([RULES])).rewrite_module(op)
        for block in blocks(op):
            remove_transposes(block)


def blocks(module: ModuleOp) -> Iterable[Block]:
    """The bodies of the functions."""
    return [f.body.block for f in module.ops if isinstance(f, FuncOp) and not f.is_declaration]
