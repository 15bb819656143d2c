"""Reshapes around convolutions, matrix products and layer norms, and what a layer norm takes in.

Reshapes stand between an operation and the arithmetic that could become part of it, so they move
behind the arithmetic, or vanish where rows are flattened for a product and unflattened behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Operation, SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.linear import EpilogueOp
from tfrc.ir.shape import Dim, Shape, count, element_of, rank_of, shape_of, tensor
from tfrc.passes.matching import Replacement, Rules, is_per_channel

RULES = Rules()

ONE = Dim(0, 1)

MAX_CHAIN = 8
"""How many elementwise operations behind a product are taken to belong to it."""


def unflattened(op: nn.ReshapeOp, x: SSAValue) -> SSAValue | None:
    """What `x` was before its rows were flattened, if `op` gives them back."""
    flatten = x.owner
    rows: Shape = shape_of(op.result)[:-1]
    if not isinstance(flatten, nn.ReshapeOp) or not rows:
        return None
    same = shape_of(flatten.input) == (*rows, *shape_of(x)[-1:])
    return flatten.input if same else None


@RULES.on(nn.ReshapeOp)
def matmul_of_higher_rank(op: nn.ReshapeOp) -> Replacement | None:
    """`tensordot`: [N, 7, 4] as [7·N, 4], times a matrix, as [N, 7, 5]."""
    product = op.input.owner
    if not isinstance(product, nn.MatMulOp) or not op.input.has_one_use():
        return None
    if product.transpose_lhs is not None or product.residual is not None:
        return None
    x = unflattened(op, product.lhs)
    if x is None:
        return None
    result = nn.MatMulOp(
        x,
        product.rhs,
        transpose_rhs=product.transpose_rhs is not None,
        bias=product.bias,
        activation=product.activation,
    )
    result.location = product.location
    return result


@RULES.on(nn.ReshapeOp)
def layer_norm_of_higher_rank(op: nn.ReshapeOp) -> Replacement | None:
    """A layer norm on flattened rows that are unflattened behind it."""
    norm = op.input.owner
    if not isinstance(norm, nn.LayerNormOp) or not op.input.has_one_use():
        return None
    x = unflattened(op, norm.input)
    if x is None:
        return None
    result = nn.LayerNormOp(x, norm.scale, norm.offset, norm.epsilon.value.data)
    result.location = norm.location
    return result


@RULES.on(*nn.ELEMENTWISE)
def reshape_after_arithmetic(op: nn.ElementwiseOp) -> Replacement | None:
    """`f(reshape(y), b) = reshape(f(y, b))`, where y is what a product made: f can then join it.

    Other operands must be single elements, or vary along the dimensions that the channels of y
    become.
    """
    reshapes = [v.owner for v in op.operands if isinstance(v.owner, nn.ReshapeOp)]
    if len(reshapes) != 1:
        return None
    (reshape,) = reshapes
    outer, inner = reshape.result, reshape.input
    if not outer.has_one_use() or not follows_product(inner):
        return None
    if shape_of(outer) != shape_of(op.results[0]):
        return None
    tail = channel_dimensions(shape_of(outer), shape_of(inner)[-1])
    others = [v for v in op.operands if v is not outer]
    if not all(is_element(v) or without_leading_ones(shape_of(v)) == tail for v in others):
        return None
    channels = shape_of(inner)[-1:]
    operations: list[Operation] = []
    operands: list[SSAValue] = []
    for value in op.operands:
        if value is outer:
            operands.append(inner)
            continue
        shape = () if is_element(value) else channels
        if shape_of(value) != shape:
            operations.append(nn.ReshapeOp(value, shape))
            value = operations[-1].results[0]
        operands.append(value)
    early = type(op).create(
        operands=operands,
        result_types=[tensor(element_of(op.results[0]), shape_of(inner))],
        properties=op.properties,
        attributes=op.attributes,
    )
    return [*operations, early, nn.ReshapeOp(early.results[0], shape_of(outer))]


def follows_product(value: SSAValue) -> bool:
    """Whether `value` is a product, or arithmetic behind one, that nothing else uses."""
    for _ in range(MAX_CHAIN):
        op = value.owner
        if not value.has_one_use():
            return False
        if isinstance(op, EpilogueOp | nn.LayerNormOp):
            return True
        if not isinstance(op, nn.ElementwiseOp):
            return False
        value = op.operands[0]
    return False


def is_element(value: SSAValue) -> bool:
    """Whether `value` has one element."""
    return without_leading_ones(shape_of(value)) == ()


def without_leading_ones(shape: Shape) -> Shape:
    """The dimensions from the first that is not 1 on."""
    first = next((i for i, dim in enumerate(shape) if dim != ONE), len(shape))
    return shape[first:]


def channel_dimensions(shape: Sequence[Dim], channels: Dim) -> Shape | None:
    """The last dimensions of `shape` that `channels` channels become, or None."""
    for first in range(len(shape) - 1, -1, -1):
        tail = tuple(shape[first:])
        if not all(dim.is_static for dim in tail):
            return None
        if tail[0] != ONE and count(tail) == channels:
            return tail
    return None


@RULES.on(nn.MulOp)
def scale_of_layer_norm(op: nn.MulOp) -> Replacement | None:
    """`layer_norm(x, s, o)·g = layer_norm(x, s·g, o·g)`."""
    norm = own_layer_norm(op.lhs)
    if norm is None or not is_per_channel(op.rhs, shape_of(norm.result)[-1]):
        return None
    vector, values = flattened(op.rhs)
    scale, offset = nn.MulOp(norm.scale, values), nn.MulOp(norm.offset, values)
    epsilon = norm.epsilon.value.data
    return [
        *vector,
        scale,
        offset,
        nn.LayerNormOp(norm.input, scale.result, offset.result, epsilon),
    ]


@RULES.on(nn.AddOp)
def offset_of_layer_norm(op: nn.AddOp) -> Replacement | None:
    """`layer_norm(x, s, o) + b = layer_norm(x, s, o + b)`."""
    norm = own_layer_norm(op.lhs)
    if norm is None or not is_per_channel(op.rhs, shape_of(norm.result)[-1]):
        return None
    vector, values = flattened(op.rhs)
    offset = nn.AddOp(norm.offset, values)
    epsilon = norm.epsilon.value.data
    return [*vector, offset, nn.LayerNormOp(norm.input, norm.scale, offset.result, epsilon)]


def own_layer_norm(value: SSAValue) -> nn.LayerNormOp | None:
    """The layer norm that makes `value` for one use."""
    op = value.owner
    return op if isinstance(op, nn.LayerNormOp) and value.has_one_use() else None


def flattened(value: SSAValue) -> tuple[list[Operation], SSAValue]:
    """A per-channel value as a vector, and the operation that makes it one if it is not."""
    if rank_of(value) == 1:
        return [], value
    reshape = nn.ReshapeOp(value, shape_of(value)[-1:])
    return [reshape], reshape.result
