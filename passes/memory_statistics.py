"""How much memory a function needs, with and without in-place kernels and early frees."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import AllocOp
from xdsl.ir import SSAValue

from tfrc.ir import rt
from tfrc.ir.shape import Dim, DimsAttr
from tfrc.ir.tf import node_name
from tfrc.passes.aliases import root
from tfrc.passes.free_early import free_early
from tfrc.passes.in_place import reuse
from tfrc.passes.packing import Life, widest_cut
from tfrc.passes.plan_arena import bytes_of, lives_of, plan_arena


@dataclass(frozen=True)
class MemoryStatistics:
    """Bytes of buffers for one batch size; inputs, outputs and weights are not counted.

    The `peak`s are the widest cuts of living buffers. `arena` is what the plan of both flags takes:
    `peak_both` is its lower bound.
    """

    peak_neither: int
    peak_inplace: int
    peak_memdrop: int
    peak_both: int
    arena: int


@dataclass(frozen=True)
class PlannedBuffer:
    """A rectangle in the picture of a plan: `size` bytes from `offset` on, for one batch size.

    `begin` and `end` are the positions of the first and last operation that needs it; `node` names
    the TensorFlow nodes that are computed there, one after the other, and `scratch` tells a
    kernel's working memory from a tensor.
    """

    node: str
    scratch: bool
    offset: int
    size: int
    begin: int
    end: int


def peak(function: FuncOp, n: int) -> int:
    """The largest sum of buffers that are alive together, for the batch size `n`."""
    lives = [
        Life((bytes_of(op.memref).at(n), 0), begin, end)
        for op, (begin, end) in lives_of(function).items()
    ]
    return widest_cut(lives)[0]


def arena_of(function: FuncOp) -> Dim:
    """Bytes of the arena of a planned function."""
    arena = function.attributes[rt.ARENA]
    assert isinstance(arena, DimsAttr)
    return arena.dims[0]


def memory_statistics(function: FuncOp, n: int = 1) -> MemoryStatistics:
    """The statistics of a function as `row-bands` leaves it, for the batch size `n`."""
    peaks: dict[tuple[bool, bool], int] = {}
    planned = function
    for inplace, memdrop in ((False, False), (True, False), (False, True), (True, True)):
        planned = function.clone()
        if inplace:
            reuse(planned)
        if memdrop:
            free_early(planned)
        peaks[inplace, memdrop] = peak(planned, n)
    plan_arena(planned)
    return MemoryStatistics(
        peak_neither=peaks[False, False],
        peak_inplace=peaks[True, False],
        peak_memdrop=peaks[False, True],
        peak_both=peaks[True, True],
        arena=arena_of(planned).at(n),
    )


def planned_buffers(function: FuncOp, n: int = 1) -> list[PlannedBuffer]:
    """Every buffer of a planned function, in the order of their begins."""
    nodes: dict[SSAValue, list[str]] = {}
    scratch: set[SSAValue] = set()
    for op in function.body.block.ops:
        if isinstance(op, rt.CallOp):
            scratch.update(op.scratch)
            for value in (*op.outs, *op.scratch):
                name = node_name(op.location) or op.kernel_name
                nodes.setdefault(root(value), []).append(name)
    return [
        PlannedBuffer(
            node=" → ".join(dict.fromkeys(nodes.get(op.memref, ()))),
            scratch=op.memref in scratch,
            offset=_offset(op).at(n),
            size=bytes_of(op.memref).at(n),
            begin=begin,
            end=end,
        )
        for op, (begin, end) in lives_of(function).items()
    ]


def _offset(op: AllocOp) -> Dim:
    offset = op.attributes[rt.OFFSET]
    assert isinstance(offset, DimsAttr)
    return offset.dims[0]
