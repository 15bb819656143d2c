"""Matrix products and biases."""

from __future__ import annotations

from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import Dim, rank_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import Builder, Results, legalizes
from tfrc.passes.legalize.windows import input_of_rank


def matrix_product(
    b: Builder, x: SSAValue, y: SSAValue, transpose_x: bool, transpose_y: bool
) -> SSAValue:
    """`x · y` over their last two dimensions: `nn.matmul` if y is one matrix for all of x."""
    if rank_of(y) == 2 and (rank_of(x) == 2 or not transpose_x):
        return b.insert(
            nn.MatMulOp(x, y, transpose_lhs=transpose_x, transpose_rhs=transpose_y)
        ).result
    return b.insert(
        nn.BatchMatMulOp(x, y, transpose_lhs=transpose_x, transpose_rhs=transpose_y)
    ).result


@legalizes("MatMul")
def mat_mul(node: NodeOp, b: Builder) -> Results:
    """`nn.matmul` of two matrices."""
    x, y = input_of_rank(b, 0, 2), input_of_rank(b, 1, 2)
    return matrix_product(b, x, y, b.get_flag("transpose_a"), b.get_flag("transpose_b"))


@legalizes("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def batch_mat_mul(node: NodeOp, b: Builder) -> Results:
    """`nn.batch_matmul`; V3 may sum into a wider type, to which the operands are cast."""
    element = b.result_element(0)
    x, y = b.cast(b.tensor(0), element), b.cast(b.tensor(1), element)
    return matrix_product(b, x, y, b.get_flag("adj_x"), b.get_flag("adj_y"))


@legalizes("BiasAdd", "BiasAddV1")
def bias_add(node: NodeOp, b: Builder) -> Results:
    """`x + bias` along the channels."""
    x, bias = b.tensor(0), b.tensor(1)
    if b.get_text("data_format", "NHWC").startswith("NC"):
        bias = b.reshape(bias, (*shape_of(bias), *[Dim(0, 1)] * (rank_of(x) - 2)))
    return b.insert(nn.AddOp(x, bias)).result


@legalizes("BiasAddGrad")
def bias_add_grad(node: NodeOp, b: Builder) -> Results:
    """The sum over all dimensions but the channels."""
    dy = b.tensor(0)
    first = b.get_text("data_format", "NHWC").startswith("NC")
    channels = 1 if first else rank_of(dy) - 1
    return b.insert(nn.SumOp(dy, [i for i in range(rank_of(dy)) if i != channels])).result
