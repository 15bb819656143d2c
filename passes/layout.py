"""Operations that can work on a tensor whose dimensions stand in another order.

If every tensor operand of such an operation is the transpose of some other tensor by the same
permutation, so is its result: `f(T(x)) = T(f'(x))`, where f' has its axes renamed.

A permutation p makes `v = T(u)` with dimension i of v being dimension p[i] of u.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute, Operation, SSAValue

from tfrc.ir import nn
from tfrc.ir.nn.base import get_ints, ints
from tfrc.ir.nn.reduction import ArgOp, AxisOp, ReduceOp
from tfrc.ir.shape import Dim, DimsAttr, Shape, element_of, rank_of, shape_of, tensor

Permutation = tuple[int, ...]
T = TypeVar("T")

ONE = Dim(0, 1)


def inverse(permutation: Permutation) -> Permutation:
    """The permutation that undoes `permutation`."""
    return tuple(permutation.index(axis) for axis in range(len(permutation)))


def undo(values: Sequence[T], permutation: Permutation) -> list[T]:
    """What stands for each dimension of v, in the order of the dimensions of u."""
    return [values[axis] for axis in inverse(permutation)]


def moves_nothing(shape: Shape, permutation: Permutation) -> bool:
    """Whether the transpose of a tensor of `shape` only moves dimensions of extent 1."""
    moved = [axis for axis in permutation if shape[axis] != ONE]
    return moved == sorted(moved)


Rename = Callable[[Operation, Permutation], dict[str, Attribute]]


def _no_properties(op: Operation, permutation: Permutation) -> dict[str, Attribute]:
    return {}


def _axis(op: Operation, permutation: Permutation) -> dict[str, Attribute]:
    axis = op.properties["axis"]
    assert isinstance(axis, IntegerAttr)
    return {"axis": IntegerAttr(permutation[int(axis.value.data)], i64)}


def _axes(op: Operation, permutation: Permutation) -> dict[str, Attribute]:
    assert isinstance(op, ReduceOp | nn.ReverseOp)
    return {"axes": ints(sorted(permutation[axis] for axis in get_ints(op.axes)))}


def _pads(op: Operation, permutation: Permutation) -> dict[str, Attribute]:
    assert isinstance(op, nn.PadOp | nn.MirrorPadOp)
    return {
        "before": ints(undo(get_ints(op.before), permutation)),
        "after": ints(undo(get_ints(op.after), permutation)),
    }


def _slice(op: Operation, permutation: Permutation) -> dict[str, Attribute]:
    assert isinstance(op, nn.SliceOp)
    return {
        "begin": DimsAttr.of(undo(op.begin.dims, permutation)),
        "strides": ints(undo(get_ints(op.strides), permutation)),
    }


def _multiples(op: Operation, permutation: Permutation) -> dict[str, Attribute]:
    assert isinstance(op, nn.TileOp)
    return {"multiples": DimsAttr.of(undo(op.multiples.dims, permutation))}


_REDUCTIONS = (nn.SumOp, nn.MeanOp, nn.MaxOp, nn.MinOp, nn.ProdOp, nn.AllOp, nn.AnyOp)

RENAMES: dict[type[Operation], Rename] = {
    **dict.fromkeys(nn.ELEMENTWISE, _no_properties),
    **dict.fromkeys(_REDUCTIONS, _axes),
    nn.SoftmaxOp: _axis,
    nn.LogSoftmaxOp: _axis,
    nn.ConcatOp: _axis,
    nn.PadOp: _pads,
    nn.MirrorPadOp: _pads,
    nn.SliceOp: _slice,
    nn.TileOp: _multiples,
    nn.ReverseOp: _axes,
}
"""How the properties of an operation change; an operation that is not here has a fixed layout."""


def keeps_rank(op: Operation, rank: int) -> bool:
    """Whether `op` can work in another order and has a result of that `rank`, as its operand has.

    A reduction must keep its axes.
    """
    return (
        type(op) in RENAMES
        and rank_of(op.results[0]) == rank
        and any(rank_of(operand) == rank for operand in op.operands)
    )


def forgets_order(op: Operation, permutation: Permutation) -> bool:
    """Whether `op` reduces dimensions away such that the rest stands in the order it had before."""
    match op:
        case ReduceOp() if not op.keep_dims.value.data:
            gone = get_ints(op.axes)
        case ArgOp():
            gone = (int(op.axis.value.data),)
        case _:
            return False
    rest = [permutation[axis] for axis in range(len(permutation)) if axis not in gone]
    return len(permutation) == rank_of(op.operands[0]) and rest == sorted(rest)


def reordered(op: Operation, operands: Sequence[SSAValue], permutation: Permutation) -> Operation:
    """`op` on operands before the permutation, its result before it as well."""
    rename = _axis if isinstance(op, ArgOp | AxisOp) else RENAMES[type(op)]
    result = op.results[0]
    shape = shape_of(result)
    if len(shape) == len(permutation):
        shape = undo(shape, permutation)
    copy = type(op).create(
        operands=operands,
        result_types=[tensor(element_of(result), shape)],
        properties={**op.properties, **rename(op, permutation)},
        attributes=op.attributes,
        location=op.location,
    )
    copy.results[0].name_hint = result.name_hint
    return copy
