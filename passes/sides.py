"""The two sides of a map that selects by one bool, as calls that run under it.

    rt.call @map(inputs = %c, inputs = %x, inputs = %v) -> %v {
      ^bb0(%0: i1, %1: f32, %2: f32):
        %3 = nn.add %1, %2 : f32                                =>
        %4 = nn.select %0, %3, %2 : i1, f32, f32
        nn.yield %4 : f32 }

    rt.call @map(inputs = %x, inputs = %v) -> %v when(%c) {
      ^bb0(%1: f32, %2: f32):
        %3 = nn.add %1, %2 : f32
        nn.yield %3 : f32 }

A side that lies in the result already needs no call. One of the two runs, and reads each element
before it writes the one in its place, as the map did.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Region, SSAValue

from tfrc.ir import nn, rt
from tfrc.ir.shape import shape_of


def split(op: rt.CallOp) -> list[rt.CallOp]:
    """The calls in place of `op`, or `op` itself."""
    if op.kernel_name != "map":
        return [op]
    assert op.body is not None
    select = _yield(op.body).value.owner
    if not isinstance(select, nn.SelectOp):
        return [op]
    values: dict[SSAValue, SSAValue] = dict(zip(op.body.block.args, op.ins, strict=True))
    condition = values.get(select.condition)
    if condition is None or shape_of(condition) or not shape_of(op.outs[0]):
        return [op]
    calls: list[rt.CallOp] = []
    for arm, expected in ((select.lhs, True), (select.rhs, False)):
        if values.get(arm) is not op.outs[0]:
            call = _side(op, (condition, expected))
            if call is None:
                return [op]
            calls += split(call)
    return calls


def _yield(body: Region) -> nn.YieldOp:
    last = body.block.last_op
    assert isinstance(last, nn.YieldOp), "a body ends in nn.yield"
    return last


def _side(op: rt.CallOp, literal: tuple[SSAValue, bool]) -> rt.CallOp | None:
    """One side of `op`, if it reads anything."""
    assert op.body is not None
    body = op.body.clone()
    block, end = body.block, _yield(body)
    select = end.value.owner
    assert isinstance(select, nn.SelectOp)
    end.operands[0] = select.lhs if literal[1] else select.rhs
    for inner in reversed(list(block.ops)):
        if inner.results and all(result.first_use is None for result in inner.results):
            inner.detach()
            inner.erase()
    inputs = [v for v, a in zip(op.ins, block.args, strict=True) if a.first_use is not None]
    for argument in reversed(block.args):
        if argument.first_use is None:
            block.erase_arg(argument)
    when = list(dict.fromkeys((*op.when, literal)))
    if not inputs:
        return None
    if end.value in block.args and inputs[0].type == op.outs[0].type:
        return rt.CallOp("copy", [("input", inputs[0])], op.outs, {}, when=when, loc=op.location)
    named: Sequence[tuple[str, SSAValue]] = [("inputs", value) for value in inputs]
    return rt.CallOp("map", named, op.outs, {}, when=when, body=body, loc=op.location)
