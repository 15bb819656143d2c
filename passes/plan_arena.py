"""Give every buffer its place in one arena.

    %0 = memref.alloc(%N) : memref<?x8xf32>
    =>
    %0 = memref.alloc(%N) {rt.offset = #nn.dims<64*N>} : memref<?x8xf32>

Two buffers may share bytes if the life of one (memref.alloc to memref.dealloc) ends before the
other's begins. `rt.offset` is a multiple of 64 bytes and linear in the batch size, and so is the
size of the arena, `rt.arena` of the function; places are disjoint for every batch. The variables of
the module lie in a block of their own, in which their `rt.offset` is. `packing.py`
says how they are found, and what the lower bound is.

The arena holds the scratch of one thread. What a further one needs for itself, in kernels of which
threads compute parts side by side, is `rt.thread_scratch`: it lies outside of the arena, which is
the same for any number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import AllocOp, DeallocOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tfrc.ir import nn, rt
from tfrc.ir.dtype import size_of
from tfrc.ir.shape import Dim, DimsAttr, count, element_of, shape_of
from tfrc.passes.kernels import PER_THREAD
from tfrc.passes.packing import Life, extent, line, plan


def bytes_of(value: SSAValue) -> Dim:
    """How many bytes a buffer has."""
    return rt.elements(value) * size_of(element_of(value))


def lives_of(function: FuncOp) -> dict[AllocOp, tuple[int, int]]:
    """The first and last operation of each buffer."""
    lives: dict[AllocOp, tuple[int, int]] = {}
    for index, op in enumerate(function.body.block.ops):
        if isinstance(op, AllocOp):
            lives[op] = index, index
        elif isinstance(op, DeallocOp) and isinstance(op.memref.owner, AllocOp):
            lives[op.memref.owner] = lives[op.memref.owner][0], index
    return lives


def plan_arena(function: FuncOp) -> None:
    """Write the offsets and the size of the arena into `function`."""
    lives = lives_of(function)
    scratch = {value for call in rt.calls(function) for value in call.scratch}
    packing = plan(
        [
            Life(extent(bytes_of(op.memref)), begin, end, is_scratch=op.memref in scratch)
            for op, (begin, end) in lives.items()
        ]
    )
    for op, offset in zip(lives, packing.offsets, strict=True):
        op.attributes[rt.OFFSET] = DimsAttr.of([line(offset)])
    function.attributes[rt.ARENA] = DimsAttr.of([line(packing.arena)])
    if most := thread_scratch(function):
        function.attributes[rt.THREAD_SCRATCH] = IntegerAttr(most, i64)


def thread_scratch(function: FuncOp) -> int:
    """The most elements of scratch that one thread needs.

    A kernel whose scratch grows with the batch does without that of further threads.
    """
    calls = [call for call in rt.calls(function) if call.kernel_name in PER_THREAD]
    scratch = [value for call in calls for value in call.scratch]
    sizes = [rt.elements(value) for value in scratch]
    return max((int(size) for size in sizes if size.is_static), default=0)


def plan_variables(module: ModuleOp) -> None:
    """Write the offsets of the variables: one behind the other, all functions see the same."""
    end = Dim(0, 0)
    for op in module.ops:
        if isinstance(op, nn.VariableOp):
            op.attributes[rt.OFFSET] = DimsAttr.of([end])
            size = count(shape_of(op.type)) * size_of(element_of(op.type))
            end = end + line(extent(size))


@dataclass(frozen=True)
class PlanArenaPass(ModulePass):
    """Give every buffer its place in one arena."""

    name = "plan-arena"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        plan_variables(op)
        for function in op.ops:
            if isinstance(function, FuncOp):
                plan_arena(function)
