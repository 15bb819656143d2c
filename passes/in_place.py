"""Let a kernel write its result where another buffer lies already.

Over an input that nobody needs any more:

    %0 = memref.alloc …                       %0 = memref.alloc …
    rt.call @conv2d(input = %x, …) -> %0      rt.call @conv2d(input = %x, …) -> %0
    %1 = memref.alloc …                  =>   rt.call @map(inputs = %0) -> %0 {relu}
    rt.call @map(inputs = %0) -> %1 {relu}    … %0 …
    … %1 …

A contiguous slice becomes a view, and the inputs of a contiguous concatenation are computed in it:

    %1 = memref.alloc() : memref<2x8xf32>     %0 = memref.alloc() : memref<4x8xf32>
    rt.call @map(…) -> %1                     %1 = rt.view %0 offset <0> …
    %0 = memref.alloc() : memref<4x8xf32> =>  rt.call @map(…) -> %1
    rt.call @concat(inputs = %1,              %2 = rt.view %0 offset <16> …
        inputs = %x) -> %0 {axis = 0}         rt.call @copy(input = %x) -> %2

The inputs of a concatenation along the last axis are computed in columns of it: see `columns.py`.
The new value of a variable is computed in the variable: see `assignments.py`. What then selects by
one bool becomes a call for each side, or for one, if the other lies there already: `sides.py`.

Legal if the kernel reads an element before it writes the one in its place (`IN_PLACE`; of a product
that is the residual), the input has the result's type and is all of an allocation, and no alias of
that allocation is read later or by another operand of the call. Arguments are never overwritten: an
input belongs to the caller. An output is not read over either, but until it is written, what is
computed on the way to it may lie there. A slice along an axis with more than one element before it
is not contiguous: it is copied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import AllocOp, DeallocOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from tfrc.ir import rt
from tfrc.ir.shape import Dim, DimsAttr, count, shape_of
from tfrc.passes.aliases import covers_root, root
from tfrc.passes.assignments import Assignments
from tfrc.passes.columns import Columns, Input
from tfrc.passes.free_early import free_early
from tfrc.passes.kernels import IN_PLACE
from tfrc.passes.plan_arena import bytes_of, lives_of
from tfrc.passes.sides import split

NOTHING, ONE = Dim(0, 0), Dim(0, 1)


@dataclass
class Reuse:
    """Rewrites one function, call by call in program order.

    `first` and `last` are the positions of the operations that touch a buffer through any alias,
    `deallocs` the end of its life, `sliced` how much of it contiguous slices take, and `written`
    holds what some call writes.
    """

    block: Block
    position: dict[Operation, int] = field(default_factory=dict[Operation, int])
    first: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])
    last: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])
    deallocs: dict[SSAValue, DeallocOp] = field(default_factory=dict[SSAValue, DeallocOp])
    sliced: dict[SSAValue, Dim] = field(default_factory=dict[SSAValue, Dim])
    written: set[SSAValue] = field(default_factory=set[SSAValue])

    @staticmethod
    def of(function: FuncOp) -> Reuse:
        """The state before the first call."""
        state = Reuse(function.body.block)
        for i, op in enumerate(state.block.ops):
            state.position[op] = i
            if isinstance(op, DeallocOp):
                state.deallocs[op.memref] = op
                continue
            for base in map(root, op.operands):
                state.first.setdefault(base, i)
                state.last[base] = i
            if isinstance(op, rt.CallOp):
                state.written.update(map(root, op.outs))
            if isinstance(op, rt.CallOp) and contiguous_offset(op) is not None:
                base, size = root(op.ins[0]), rt.elements(op.outs[0])
                state.sliced[base] = state.sliced.get(base, NOTHING) + size
        return state

    def rewrite(self, op: rt.CallOp) -> None:
        """Save the buffer of `op`'s result, or a copy, if that is legal."""
        out = op.outs[0]  # `row_bands` alone has more, and replaces nothing
        match op.kernel_name:
            case "slice":
                offset = contiguous_offset(op)
                if offset is not None and isinstance(out.owner, AllocOp):
                    self.view(op, out, offset)
            case "concat":
                is_variable = isinstance(root(out).owner, rt.VariableOp)
                if joins_contiguously(op) and self.is_begun_by(op, out) and not is_variable:
                    self.join(op, root(out))
            case _:
                self.overwrite(op, out)

    def is_begun_by(self, op: rt.CallOp, out: SSAValue) -> bool:
        """Whether `out` is all of a buffer that nothing touches before `op`."""
        return covers_root(out) and self.first[root(out)] == self.position[op]

    def overwrite(self, op: rt.CallOp, out: SSAValue) -> None:
        """Let the result replace an input, or compute the input in the output."""
        value = self.overwritable(op, out)
        if value is None:
            return
        if isinstance(out.owner, AllocOp):
            self.merge(root(value), out)
            replace_allocation(out, value)
        elif isinstance(out, BlockArgument) and self.is_begun_by(op, out):
            self.put(root(value), out, NOTHING)

    def overwritable(self, op: rt.CallOp, out: SSAValue) -> SSAValue | None:
        """An input of `op` that its result may replace."""
        allowed = IN_PLACE.get(op.kernel_name)
        if allowed is None:
            return None
        bases = [root(value) for value in op.ins]
        for (name, value), base in zip(op.named_ins, bases, strict=True):
            if (
                name in allowed
                and value.type == out.type
                and isinstance(base.owner, AllocOp)
                and self.last[base] == self.position[op]
                and covers_root(value)
                and bases.count(base) == 1
            ):
                return value
        return None

    def view(self, op: rt.CallOp, out: SSAValue, offset: Dim) -> None:
        """Make a slice a view, unless that keeps a buffer alive for a small part of it.

        A variable that is written does not keep what a view would look at.
        """
        source = op.ins[0]
        base = root(source)
        if isinstance(base.owner, rt.VariableOp) and base in self.written:
            return
        lengthens = isinstance(base.owner, AllocOp) and self.last[base] < self.last[out]
        if lengthens and self.sliced[base].at(1) * 2 < rt.elements(base).at(1):
            return
        part = rt.ViewOp(source, memref(out), offset)
        part.location = op.location
        self.block.insert_op_before(part, op)
        Rewriter.erase_op(op)
        self.merge(base, out)
        replace_allocation(out, part.result)

    def join(self, op: rt.CallOp, target: SSAValue) -> None:
        """Compute the inputs of a concatenation in `target`; copy those that lie elsewhere."""
        inside = {
            base: i
            for i, (value, base) in enumerate((value, root(value)) for value in op.ins)
            if isinstance(base.owner, AllocOp) and covers_root(value)
        }
        if isinstance(target.owner, AllocOp) and inside:
            begin = min((allocation(base) for base in inside), key=self.position.__getitem__)
            target.owner.detach()
            self.block.insert_op_before(target.owner, begin)
            self.position[target.owner] = self.position[begin]
            self.first[target] = min(self.first[base] for base in inside)
        offset = NOTHING
        for i in range(len(op.ins)):
            value = op.ins[i]
            base, length = root(value), rt.elements(value)
            if inside.get(base) == i:
                self.put(base, target, offset)
            else:
                part = rt.ViewOp(target, memref(value), offset)
                copy = rt.CallOp(
                    "copy", [("input", value)], [part.result], {}, when=op.when, loc=op.location
                )
                self.block.insert_ops_before([part, copy], op)
            offset = offset + length
        Rewriter.erase_op(op)

    def put(self, base: SSAValue, target: SSAValue, offset: Dim) -> None:
        """Let the allocation `base` be the part of `target` from element `offset` on."""
        self.merge(target, base)
        part = rt.ViewOp(target, memref(base), offset)
        self.block.insert_op_before(part, allocation(base))
        replace_allocation(base, part.result if base.type != target.type else target)
        if not part.result.uses:
            Rewriter.erase_op(part)

    def merge(self, kept: SSAValue, gone: SSAValue) -> None:
        """Let `kept` live as long as either; `gone` is about to be replaced by it."""
        self.first[kept] = min(self.first[kept], self.first.pop(gone))
        self.last[kept] = max(self.last[kept], self.last.pop(gone))
        self.sliced[kept] = self.sliced.get(kept, NOTHING) + self.sliced.pop(gone, NOTHING)
        ends = [self.deallocs.pop(base) for base in (kept, gone) if base in self.deallocs]
        ends.sort(key=self.position.__getitem__)
        if isinstance(kept.owner, AllocOp) and ends:
            latest = ends.pop()
            latest.operands[0] = kept
            self.deallocs[kept] = latest
        for end in ends:
            Rewriter.erase_op(end)


def memref(value: SSAValue) -> MemRefType[Attribute]:
    """The type of a buffer."""
    return cast(MemRefType[Attribute], value.type)


def allocation(base: SSAValue) -> AllocOp:
    """Where a buffer begins."""
    assert isinstance(base.owner, AllocOp)
    return base.owner


def replace_allocation(old: SSAValue, new: SSAValue) -> None:
    """Use `new` instead of the allocation `old`."""
    begin = allocation(old)
    new.name_hint = new.name_hint or old.name_hint
    old.replace_all_uses_with(new)
    Rewriter.erase_op(begin)


def contiguous_offset(op: rt.CallOp) -> Dim | None:
    """The first element of a `slice` whose elements are adjacent; None for anything else."""
    if op.kernel_name != "slice":
        return None
    source, result = shape_of(op.ins[0]), shape_of(op.outs[0])
    begin = cast(DimsAttr, op.static.data["begin"])
    if any(stride != 1 for stride in op.ints("strides")):
        return None
    cut = [axis for axis, (a, b) in enumerate(zip(source, result, strict=True)) if a != b]
    if not cut:
        return NOTHING
    axis = cut[0]
    if len(cut) > 1 or any(dim != ONE for dim in source[:axis]):
        return None
    first, inner = begin.dims[axis], count(source[axis + 1 :])
    return first * inner if first.is_static or inner.is_static else None


def joins_contiguously(op: rt.CallOp) -> bool:
    """Whether the inputs of a `concat` lie one after the other in its result."""
    axis = op.number("axis")
    return all(dim == ONE for dim in shape_of(op.outs[0])[:axis])


def rewrite(function: FuncOp, kept: frozenset[Input]) -> Columns:
    """Rewrite every call that can save a buffer or a copy; `kept` are copied into columns."""
    Assignments(function).rewrite()
    columns = Columns(function)
    columns.rewrite(kept)
    state = Reuse.of(function)
    for op in list(function.body.block.ops):
        if isinstance(op, rt.CallOp):
            state.rewrite(op)
    for op in list(function.body.block.ops):
        if isinstance(op, rt.CallOp):
            sides = split(op)
            if sides != [op]:
                Rewriter.replace_op(op, sides, [])
    return columns


def cut(function: FuncOp, kept: frozenset[Input]) -> tuple[int, frozenset[Input]]:
    """The peak of a batch of one, and the inputs beside `kept` that it would be lower without."""
    trial = function.clone()
    columns = rewrite(trial, kept)
    free_early(trial)
    live = [0] * (len(trial.body.block.ops) + 1)
    for op, (begin, end) in lives_of(trial).items():
        live[begin] += bytes_of(op.memref).at(1)
        live[end + 1] -= bytes_of(op.memref).at(1)
    sums = list(accumulate(live))
    peak = max(sums)
    # The last place: where a buffer begins, what is computed in it follows.
    at = max(i for i, size in enumerate(sums) if size == peak)
    return peak, early_parts(trial, columns, at) - kept


def early_parts(function: FuncOp, columns: Columns, at: int) -> frozenset[Input]:
    """What lies at the position `at` in concatenations that other inputs are computed in later."""
    position: dict[Operation | Block, int] = {op: i for i, op in enumerate(function.body.block.ops)}
    leaves = {key: columns.leaves(key) for key in columns.parts}
    begins = {
        key: min(position[leaf.owner] for leaf in parts)
        for key, parts in leaves.items()
        if isinstance(root(parts[0]).owner, AllocOp)
    }
    unfinished = {number for (number, _), begin in begins.items() if begin > at}
    return frozenset(key for key, begin in begins.items() if begin <= at and key[0] in unfinished)


def reuse(function: FuncOp) -> None:
    """Rewrite every call of `function` that can save a buffer or a copy.

    Where the result of a concatenation would begin so early that the peak rises, it begins later:
    the first inputs are kept, and copied in the end.
    """
    every = Columns(function).inputs
    kept: frozenset[Input] = frozenset()
    if every:
        limit, _ = cut(function, every)
        peak, early = cut(function, kept)
        while peak > limit:
            kept = kept | early if early else every
            peak, early = cut(function, kept)
    rewrite(function, kept)


@dataclass(frozen=True)
class InPlacePass(ModulePass):
    """Let a kernel write its result over an input that nobody needs any more."""

    name = "in-place"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp):
                reuse(function)
