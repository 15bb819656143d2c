"""Compute the inputs of a concatenation along the last axis in its result.

    %0 = memref.alloc() : memref<4x8xf32>         %1 = memref.alloc() : memref<4x24xf32>
    rt.call @matmul(…) -> %0                      %0 = rt.columns %1 first <0> …
    %1 = memref.alloc() : memref<4x24xf32>    =>  rt.call @matmul(…) -> %0
    rt.call @concat(inputs = %0, inputs = %x)     %2 = rt.columns %1 first <8> …
        -> %1 {axis = 1}                          rt.call @copy(input = %x) -> %2

Legal for a buffer of its own whose writer can leave a distance between rows (products, pools, maps
of f32, and a concatenation that is rewritten in the same way), if all that read it but the
concatenation are maps and pools, which can read such rows, and none of these kernels but maps has
another part of the same result on its other side. Anything else is copied into its columns. A
concatenation of which every input would have to be copied stays as it is: one kernel that copies
all of them.

Concatenations are visited from the last to the first, so that a chain of them, as in a DenseNet,
ends in one buffer that grows to the right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import LocationAttr, f32
from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import AllocOp, DeallocOp
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import Rewriter

from tfrc.ir import rt
from tfrc.ir.nn.map import runs_on_vectors
from tfrc.ir.rt import POOLS, PRODUCTS
from tfrc.ir.shape import Dim, buffer, element_of, shape_of
from tfrc.passes.aliases import covers_root, root


def joins_columns(op: rt.CallOp) -> bool:
    """Whether `op` puts tensors of f32 side by side along the last of several axes."""
    if op.kernel_name != "concat" or element_of(op.outs[0]) != f32:
        return False
    shape = shape_of(op.outs[0])
    axis = op.number("axis")
    is_one_row = all(dim == Dim(0, 1) for dim in shape[:-1])
    return axis == len(shape) - 1 and shape[-1].is_static and not is_one_row


def width(value: SSAValue) -> int:
    """How many columns a buffer has."""
    return int(shape_of(value)[-1])


def aliases(base: SSAValue) -> Iterator[SSAValue]:
    """`base` and the views of it."""
    yield base
    for use in base.uses:
        if isinstance(use.operation, rt.ViewOp):
            yield from aliases(use.operation.result)


def calls_of(base: SSAValue) -> Iterator[tuple[rt.CallOp, SSAValue]]:
    """The calls that `base` is an operand of, through which alias; once for each operand."""
    for alias in aliases(base):
        for use in alias.uses:
            if isinstance(use.operation, rt.CallOp):
                yield use.operation, alias


def can_write(op: rt.CallOp) -> bool:
    """Whether a kernel can leave a distance between the rows that it writes."""
    if op.kernel_name == "map":
        return op.body is not None and runs_on_vectors(op.body.block)
    if op.kernel_name == "row_bands":
        return op.stages[-1].kernel_name in PRODUCTS and len(op.outs) == 1
    return op.kernel_name in PRODUCTS or op.kernel_name in POOLS or joins_columns(op)


def can_read(op: rt.CallOp, value: SSAValue) -> bool:
    """Whether a kernel can read rows with a distance between them."""
    if op.kernel_name == "map":
        is_vector = op.body is not None and runs_on_vectors(op.body.block)
        return is_vector and shape_of(value) == shape_of(op.outs[0])
    return op.kernel_name in POOLS


def can_be_beside(op: rt.CallOp, others: Sequence[SSAValue], target: SSAValue) -> bool:
    """Whether `op` can work on columns of `target`, if on its other side are `others`.

    Only a map can have other columns of the same buffer there.
    """
    return all(
        root(each) is not target
        or (
            op.kernel_name == "map"
            and isinstance(each.owner, rt.ColumnsOp)
            and shape_of(each) == shape_of(op.outs[0])
        )
        for each in others
    )


Input = tuple[int, int]
"""A concatenation of a function and an input of it, counted from the first."""


class Columns:
    """Rewrites one function, concatenation by concatenation.

    `inputs` are those of all concatenations. `parts` are the columns that those of the rewritten
    ones became; they begin where the input did, or where it is copied. `inner` are the rewritten
    concatenations that were such an input.
    """

    def __init__(self, function: FuncOp):
        self.block = function.body.block
        self.position: dict[Operation, int] = {op: i for i, op in enumerate(self.block.ops)}
        self.concats = [
            op for op in self.block.ops if isinstance(op, rt.CallOp) and joins_columns(op)
        ]
        self.inputs = frozenset(
            (i, j) for i, op in enumerate(self.concats) for j in range(len(op.ins))
        )
        self.parts: dict[Input, SSAValue] = {}
        self.inner: dict[Input, int] = {}
        self.locations: dict[SSAValue, LocationAttr] = {}

    def rewrite(self, kept: frozenset[Input]) -> None:
        """Join what can be joined; the inputs `kept` stay in buffers of their own.

        A concatenation of which all are kept stays one kernel.
        """
        joined = {i for i, _ in self.inputs - kept}
        self.kept = {op for i, op in enumerate(self.concats) if i not in joined}
        for i in sorted(joined, reverse=True):
            self.join(i, {j for k, j in kept if k == i})

    def join(self, number: int, kept: set[int]) -> None:
        """Replace a concatenation by its inputs, computed in its result, if that is legal.

        The inputs `kept`, and those that cannot be computed there, are copied.
        """
        op = self.concats[number]
        (result,) = op.outs
        target, first, of = root(result), 0, width(result)
        if isinstance(result.owner, rt.ColumnsOp):
            first, of = result.owner.begin, width(result.owner.source)
        elif not covers_root(result) or isinstance(target.owner, rt.VariableOp):
            return
        elif not any(
            j not in kept and self.can_be_computed_in(target, value, op)
            for j, value in enumerate(op.ins)
        ):
            return
        self.locations.setdefault(target, op.location)
        self.inner.update((key, number) for key, part in self.parts.items() if part is result)
        for j, value in enumerate(list(op.ins)):
            columns = width(value)
            if j not in kept and self.can_be_computed_in(target, value, op):
                part = self.place(root(value), target, first, of)
            else:
                part = self.part(target, value, first, of, op)
                copy = rt.CallOp(
                    "copy", [("input", value)], [part], {}, when=op.when, loc=op.location
                )
                self.block.insert_op_before(copy, op)
            self.parts[number, j] = part
            first += columns
        Rewriter.erase_op(op)
        if isinstance(result.owner, rt.ColumnsOp) and not result.uses:
            Rewriter.erase_op(result.owner)

    def leaves(self, key: Input) -> list[SSAValue]:
        """The part of an input, or those of the concatenation that it was."""
        if key not in self.inner:
            return [self.parts[key]]
        parts = (each for each in self.parts if each[0] == self.inner[key])
        return [leaf for each in parts for leaf in self.leaves(each)]

    def can_be_computed_in(self, target: SSAValue, value: SSAValue, reader: rt.CallOp) -> bool:
        """Whether `value`, which `reader` reads, could be columns of `target` from the first."""
        return self.is_free(value, target, reader) and self.is_written_in_rows(value, target)

    def is_free(self, value: SSAValue, target: SSAValue, reader: rt.CallOp) -> bool:
        """Whether `value` is a buffer that could lie in `target`, for all that read it.

        `reader` is going, or can read the columns that it writes.
        """
        base = root(value)
        if not isinstance(base.owner, AllocOp) or not covers_root(value):
            return False
        last = shape_of(value)[-1:]
        if any(shape_of(each)[-1:] != last or not covers_root(each) for each in aliases(base)):
            return False
        calls = list(calls_of(base))
        return sum(call is reader for call, _ in calls) == 1 and all(
            call is reader
            or alias in call.outs
            or (can_read(call, alias) and can_be_beside(call, call.outs, target))
            for call, alias in calls
        )

    def is_written_in_rows(self, value: SSAValue, target: SSAValue) -> bool:
        """Whether what computes `value` can write it as columns of `target`."""
        return all(
            can_write(call)
            and call not in self.kept
            and can_be_beside(call, call.ins, target)
            and target not in map(root, call.scratch)
            for call, alias in calls_of(root(value))
            if alias in call.outs
        )

    def place(self, base: SSAValue, target: SSAValue, first: int, of: int) -> SSAValue:
        """Let the allocation `base` be the columns of `target` from `first` on: its first part."""
        begin = base.owner
        assert isinstance(begin, AllocOp)
        self.hoist(target, begin)
        for use in list(base.uses):
            if isinstance(use.operation, DeallocOp):
                Rewriter.erase_op(use.operation)
        part = base
        for alias in reversed(list(aliases(base))):
            owner = alias.owner
            assert isinstance(owner, Operation)
            part = self.part(target, alias, first, of, owner)
            part.name_hint = alias.name_hint
            alias.replace_all_uses_with(part)
            Rewriter.erase_op(owner)
            part = self.place_residual(part, target, first, of)
        return part

    def place_residual(self, part: SSAValue, target: SSAValue, first: int, of: int) -> SSAValue:
        """Let the product that writes `part` find its residual there, if nothing needs it later.

        The part that is there first: the residual, or `part`.
        """
        for use in list(part.uses):
            call = use.operation
            if not isinstance(call, rt.CallOp) or part not in call.outs:
                continue
            residual = dict(call.named_ins).get("residual")
            if (
                call.kernel_name in PRODUCTS
                and residual is not None
                and root(residual).type == part.type
                and self.can_be_computed_in(target, residual, call)
                and all(
                    self.position[other] <= self.position[call]
                    for other, _ in calls_of(root(residual))
                )
            ):
                earlier = self.place(root(residual), target, first, of)
                later = part.owner
                assert isinstance(later, Operation)
                part.replace_all_uses_with(earlier)
                Rewriter.erase_op(later)
                return earlier
        return part

    def part(
        self, target: SSAValue, value: SSAValue, first: int, of: int, before: Operation
    ) -> SSAValue:
        """The columns of `target` from `first` on, of `of`, for the elements of `value`."""
        wide = buffer(element_of(target), (*shape_of(value)[:-1], Dim(0, of)))
        location = self.locations[target]
        if target.type != wide:
            view = rt.ViewOp(target, wide, Dim(0, 0))
            view.location = location
            self.block.insert_op_before(view, before)
            target = view.result
        columns = rt.ColumnsOp(target, first, width(value))
        columns.location = location
        self.block.insert_op_before(columns, before)
        return columns.result

    def hoist(self, target: SSAValue, before: Operation) -> None:
        """Let the buffer `target` begin no later than `before`."""
        begin = target.owner
        if isinstance(begin, AllocOp) and self.position[begin] > self.position[before]:
            begin.detach()
            self.block.insert_op_before(begin, before)
            self.position[begin] = self.position[before]
