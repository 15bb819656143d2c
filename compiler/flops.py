"""How much arithmetic an `nn` operation is: 2 FLOPs for each multiply-add of its products."""

from __future__ import annotations

from math import prod

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tfrc.ir import nn
from tfrc.ir.nn.linear import ConvOp
from tfrc.ir.shape import at, shape_of


def flops(op: Operation, n: int = 1) -> int:
    """FLOPs of one operation for the batch size `n`; 0 for what is no product."""
    if not op.results:
        return 0
    out = prod(at(shape_of(op.results[0]), n))
    match op:
        case ConvOp():
            return 2 * out * prod(at(shape_of(op.filter), n)[:-1])
        case nn.DepthwiseConv2DOp():
            return 2 * out * prod(at(shape_of(op.filter), n)[:2])
        case nn.MatMulOp() | nn.BatchMatMulOp():
            left = at(shape_of(op.lhs), n)
            return 2 * out * left[-2 if op.transpose_lhs else -1]
        case _:
            return 0


def function_flops(function: FuncOp, n: int = 1) -> int:
    """FLOPs of all products of a function."""
    return sum(flops(op, n) for op in function.body.block.ops)
