"""How much arithmetic an operation is, 2 FLOPs for each multiply-add, and how much it touches."""

from __future__ import annotations

from math import prod

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tfrc.ir import nn, rt
from tfrc.ir.dtype import size_of
from tfrc.ir.nn.linear import ConvOp
from tfrc.ir.shape import at, element_of, shape_of
from tfrc.passes.aliases import root


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


def call_flops(call: rt.CallOp, n: int = 1) -> int:
    """FLOPs of the products of a kernel call for the batch size `n`."""
    shapes = {name: at(shape_of(value), n) for name, value in call.named_ins}
    out = prod(at(shape_of(call.outs[0]), n))
    match call.kernel_name:
        case "conv1d" | "conv1d_winograd" | "conv2d" | "conv2d_winograd" | "conv3d":
            return 2 * out * prod(shapes["filter"][:-1])
        case "depthwise_conv2d":
            return 2 * out * prod(shapes["filter"][:2])
        case "row_bands":
            return sum(call_flops(stage, n) for stage in call.stages)
        case "matmul" | "batch_matmul":
            flags = call.static.data
            rows = -3 if "heads_lhs" in flags else -2
            return 2 * out * shapes["lhs"][rows if "transpose_lhs" in flags else -1]
        case _:
            return 0


def call_bytes(call: rt.CallOp, n: int = 1) -> int:
    """Bytes that a kernel call reads and writes at least, weights included."""
    values = {*call.ins, *call.outs}
    return sum(value_bytes(value, n) for value in values)


def call_weight_bytes(call: rt.CallOp) -> int:
    """Bytes of the weights that a product reads; 0 for other kernels, which may read a part."""
    if not call_flops(call):
        return 0
    return sum(
        value_bytes(value) for value in call.ins if isinstance(root(value).owner, rt.WeightOp)
    )


def value_bytes(value: SSAValue, n: int = 1) -> int:
    """Bytes of a tensor for the batch size `n`."""
    return prod(at(shape_of(value), n)) * size_of(element_of(value))
