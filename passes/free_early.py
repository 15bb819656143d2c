"""End each buffer after the last operation that touches it, instead of before the return.

    rt.call @conv2d(input = %0, …) -> %1      rt.call @conv2d(input = %0, …) -> %1
    rt.call @softmax(input = %1) -> %out  =>  memref.dealloc %0
    memref.dealloc %0                         rt.call @softmax(input = %1) -> %out
    memref.dealloc %1                         memref.dealloc %1
    func.return                               func.return

A view keeps the buffer that it looks into alive.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import DeallocOp
from xdsl.passes import ModulePass

from tfrc.passes.aliases import last_uses


def free_early(function: FuncOp) -> None:
    """Move the deallocations of `function`."""
    block = function.body.block
    last = last_uses(function)
    for op in [op for op in block.ops if isinstance(op, DeallocOp)]:
        after = last.get(op.memref)
        if after is not None:
            op.detach()
            block.insert_op_after(op, after)


@dataclass(frozen=True)
class FreeEarlyPass(ModulePass):
    """End each buffer after the last operation that touches it."""

    name = "free-early"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp):
                free_early(function)
