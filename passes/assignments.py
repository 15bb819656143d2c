"""Compute the new value of a variable where the variable lies.

    %v = rt.variable @kernel : memref<4x2xf32>       %v = rt.variable @kernel : memref<4x2xf32>
    %0 = memref.alloc() : memref<4x2xf32>            rt.call @map(inputs = %v, inputs = %g) -> %v
    rt.call @map(inputs = %v, inputs = %g) -> %0  =>
    rt.call @copy(input = %0) -> %v

Legal if nothing reads the old value once the first kernel writes the new one, except that kernel
itself where it may work in place; and if no later kernel can refuse its input, so that a call that
fails leaves every variable as it was.
"""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import AllocOp, DeallocOp
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from tfrc.ir import rt
from tfrc.ir.shape import Dim
from tfrc.passes.aliases import covers_root, root
from tfrc.passes.kernels import FALLIBLE, IN_PLACE


class Assignments:
    """Rewrites one function, assignment by assignment."""

    def __init__(self, function: FuncOp):
        self.calls = rt.calls(function)
        self.position = {op: i for i, op in enumerate(self.calls)}
        self.touches: dict[SSAValue, list[rt.CallOp]] = {}
        for op in self.calls:
            for base in dict.fromkeys(map(root, op.operands)):
                self.touches.setdefault(base, []).append(op)
        fallible = [i for i, op in enumerate(self.calls) if op.kernel_name in FALLIBLE]
        self.last_fallible = max(fallible, default=-1)

    def rewrite(self) -> None:
        """Save the copies that are not needed."""
        for op in self.calls:
            if op.kernel_name == "copy" and isinstance(op.outs[0].owner, rt.VariableOp):
                if self.can_replace(op):
                    self.replace(op)

    def can_replace(self, op: rt.CallOp) -> bool:
        """Whether what `op` copies can be computed in the variable."""
        (source,), (variable,) = op.ins, op.outs
        base = root(source)
        if not isinstance(base.owner, AllocOp) or not covers_root(source):
            return False
        writer = self.touches[base][0]
        return self.position[writer] > self.last_fallible and all(
            other is op
            or self.position[other] < self.position[writer]
            or (other is writer and overwrites(writer, variable, base))
            for other in self.touches[variable]
        )

    def replace(self, op: rt.CallOp) -> None:
        """Use the variable in place of the buffer that `op` copies."""
        (source,), (variable,) = op.ins, op.outs
        base = root(source)
        begin = base.owner
        assert isinstance(begin, AllocOp)
        touches = [*self.touches[variable], *self.touches.pop(base)]
        self.touches[variable] = [each for each in dict.fromkeys(touches) if each is not op]
        Rewriter.erase_op(op)
        for use in list(base.uses):
            if isinstance(use.operation, DeallocOp):
                Rewriter.erase_op(use.operation)
        kept = variable
        if base.type != variable.type:
            view = rt.ViewOp(variable, begin.memref.type, Dim(0, 0))
            view.result.name_hint = base.name_hint
            view.location = op.location
            Rewriter.insert_op(view, InsertPoint.before(begin))
            kept = view.result
        base.replace_all_uses_with(kept)
        Rewriter.erase_op(begin)


def overwrites(writer: rt.CallOp, variable: SSAValue, base: SSAValue) -> bool:
    """Whether the only thing that `writer` reads of `variable` is what it may write over."""
    out = writer.outs[0]
    read = [(name, value) for name, value in writer.named_ins if root(value) is variable]
    if len(read) != 1 or root(out) is not base:
        return False
    ((name, value),) = read
    return (
        name in IN_PLACE.get(writer.kernel_name, ())
        and value.type == out.type
        and covers_root(value)
        and covers_root(out)
    )
