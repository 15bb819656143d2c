"""Which buffers share bytes: views, followed to the allocation or argument that they look into."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import AllocOp, DeallocOp
from xdsl.ir import Operation, SSAValue

from tfrc.ir import rt


def root(value: SSAValue) -> SSAValue:
    """The allocation, argument or constant whose bytes `value` is."""
    while isinstance(value.owner, rt.ViewOp | rt.ColumnsOp):
        value = value.owner.source
    return value


def covers_root(value: SSAValue) -> bool:
    """Whether `value` is all of its root's bytes, from the first."""
    while isinstance(value.owner, rt.ViewOp):
        view = value.owner
        if any(dim.at(1) or dim.at(2) for dim in view.offset.dims):
            return False
        if rt.elements(view.result) != rt.elements(view.source):
            return False
        value = view.source
    return not isinstance(value.owner, rt.ColumnsOp)


def last_uses(function: FuncOp) -> dict[SSAValue, Operation]:
    """The last operation that reads or writes each allocation, through any alias."""
    last: dict[SSAValue, Operation] = {}
    for op in function.body.block.ops:
        if isinstance(op, DeallocOp):
            continue
        for operand in op.operands:
            base = root(operand)
            if isinstance(base.owner, AllocOp):
                last[base] = op
    return last
