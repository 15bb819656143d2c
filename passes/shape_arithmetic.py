"""TensorFlow ops in NumPy: what graphs compute shapes with, and what only moves elements.

Integers are int64 here whatever they are in the graph, so that a batch size of a million does not
overflow a product of extents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrc.ir.shape import Dim, Shape
from tfrc.passes.attributes import Attributes, flag, integer, integers
from tfrc.passes.strided_slice import Masks, numpy_index

Array = NDArray[Any]
ONE = Dim(0, 1)
Meaning = Callable[[Attributes, Sequence[Array]], Sequence[Array]]

INTEGER_OPS: dict[str, Meaning] = {}
"""What an op computes from its operands: one array for each of its outputs."""

MOVES = frozenset(
    {
        "BroadcastTo",
        "Concat",
        "ConcatV2",
        "ExpandDims",
        "Fill",
        "Gather",
        "GatherV2",
        "Identity",
        "IdentityN",
        "Pack",
        "Pad",
        "PadV2",
        "PreventGradient",
        "Reshape",
        "ReverseV2",
        "Select",
        "SelectV2",
        "Slice",
        "Snapshot",
        "Split",
        "SplitV",
        "Squeeze",
        "StopGradient",
        "StridedSlice",
        "Tile",
        "Transpose",
        "Unpack",
    }
)
"""The ops of `INTEGER_OPS` that compute nothing: elements of any type will do."""

COMPARISONS = frozenset({"Equal", "NotEqual"})
"""Ops whose value at one batch size says nothing about the next one."""


def _one(function: Callable[..., Any]) -> Meaning:
    return lambda attrs, inputs: [np.asarray(function(*inputs))]


def _reduce(function: Callable[..., Any]) -> Meaning:
    def run(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
        x, axes = inputs
        axis = tuple(int(a) for a in axes.reshape(-1))
        return [np.asarray(function(x, axis=axis, keepdims=flag(attrs, "keep_dims")))]

    return run


_UNARY: dict[str, Callable[[Array], Any]] = {
    "Identity": lambda x: x,
    "Snapshot": lambda x: x,
    "StopGradient": lambda x: x,
    "PreventGradient": lambda x: x,
    "EnsureShape": lambda x: x,
    "Cast": lambda x: x,
    "Neg": np.negative,
    "Abs": np.abs,
    "Sign": np.sign,
    "Square": np.square,
    "LogicalNot": np.logical_not,
    "ZerosLike": np.zeros_like,
    "OnesLike": np.ones_like,
    "InvertPermutation": np.argsort,
}

_BINARY: dict[str, Callable[[Array, Array], Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "FloorDiv": np.floor_divide,
    "FloorMod": np.mod,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "SquaredDifference": lambda x, y: (x - y) ** 2,
    "Equal": np.equal,
    "NotEqual": np.not_equal,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
    "LogicalAnd": np.logical_and,
    "LogicalOr": np.logical_or,
    "Reshape": lambda x, shape: x.reshape(tuple(shape)),
    "Transpose": lambda x, permutation: np.transpose(x, tuple(permutation)),
    "Tile": lambda x, multiples: np.tile(x, tuple(multiples)),
    "Fill": lambda shape, value: np.full(tuple(shape), value),
    "BroadcastTo": lambda x, shape: np.broadcast_to(x, tuple(shape)),
    "ReverseV2": lambda x, axes: np.flip(x, tuple(axes)),
    "Pad": lambda x, pads: np.pad(x, pads),
    "BroadcastArgs": lambda a, b: np.array(np.broadcast_shapes(tuple(a), tuple(b))),
}

_TERNARY: dict[str, Callable[[Array, Array, Array], Any]] = {
    "Select": np.where,
    "SelectV2": np.where,
    "Range": lambda start, limit, delta: np.arange(int(start), int(limit), int(delta)),
    "PadV2": lambda x, pads, value: np.pad(x, pads, constant_values=value.item()),
}

_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "Sum": np.sum,
    "Prod": np.prod,
    "Max": np.max,
    "Min": np.min,
    "All": np.all,
    "Any": np.any,
}

for _table in (_UNARY, _BINARY, _TERNARY):
    INTEGER_OPS.update({op: _one(function) for op, function in _table.items()})
INTEGER_OPS.update({op: _reduce(function) for op, function in _REDUCTIONS.items()})


def _means(*ops: str) -> Callable[[Meaning], Meaning]:
    def register(function: Meaning) -> Meaning:
        INTEGER_OPS.update(dict.fromkeys(ops, function))
        return function

    return register


@_means("IdentityN")
def _identity_n(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    return inputs


@_means("AddN")
def _add_n(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    return [np.asarray(sum(inputs))]


@_means("ExpandDims")
def _expand_dims(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    return [np.expand_dims(inputs[0], int(inputs[1].item()))]


@_means("Squeeze")
def _squeeze(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    axes = integers(attrs, "squeeze_dims") or None
    return [np.squeeze(inputs[0], axes)]


@_means("Pack")
def _pack(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    return [np.stack(inputs, integer(attrs, "axis"))]


@_means("Unpack")
def _unpack(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    return list(np.moveaxis(inputs[0], integer(attrs, "axis"), 0))


@_means("ConcatV2")
def _concat_v2(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    *parts, axis = inputs
    return [np.concatenate(parts, int(axis.item()))]


@_means("Concat")
def _concat(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    axis, *parts = inputs
    return [np.concatenate(parts, int(axis.item()))]


@_means("Split")
def _split(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    axis, x = inputs
    return np.split(x, integer(attrs, "num_split"), int(axis.item()))


@_means("SplitV")
def _split_v(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    x, sizes, axis = inputs
    along = int(axis.item())
    known = [int(size) for size in sizes]
    rest = x.shape[along] - sum(size for size in known if size >= 0)
    known = [rest if size < 0 else size for size in known]
    return np.split(x, np.cumsum(known)[:-1], along)


@_means("Slice")
def _slice(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    x, begin, size = inputs
    index = tuple(
        slice(b, None if s < 0 else b + s)
        for b, s in zip(begin.tolist(), size.tolist(), strict=True)
    )
    return [x[index]]


@_means("StridedSlice")
def _strided_slice(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    x, begin, end, strides = inputs
    index = numpy_index(begin.tolist(), end.tolist(), strides.tolist(), Masks.of(attrs))
    return [np.asarray(x[index])]


@_means("Gather", "GatherV2")
def _gather(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    x, indices, *axis = inputs
    if integer(attrs, "batch_dims"):
        raise ValueError("batch_dims")
    if indices.size and (indices.min() < 0):
        raise IndexError("an index is negative")
    return [np.take(x, indices, int(axis[0].item()) if axis else 0)]


@_means("Cumsum")
def _cumsum(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    return [_cumulative(np.cumsum, 0, attrs, inputs)]


@_means("Cumprod")
def _cumprod(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    return [_cumulative(np.cumprod, 1, attrs, inputs)]


def _cumulative(
    scan: Callable[..., Array], start: int, attrs: Attributes, inputs: Sequence[Array]
) -> Array:
    x, axis = np.moveaxis(inputs[0], int(inputs[1].item()), 0), int(inputs[1].item())
    if flag(attrs, "reverse"):
        x = x[::-1]
    if flag(attrs, "exclusive"):
        x = np.concatenate([np.full_like(x[:1], start), x[:-1]])
    result = scan(x, axis=0)
    if flag(attrs, "reverse"):
        result = result[::-1]
    return np.moveaxis(result, 0, axis)


@_means("DynamicStitch", "ParallelDynamicStitch")
def _dynamic_stitch(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    half = len(inputs) // 2
    indices, data = inputs[:half], inputs[half:]
    size = max(int(i.max()) for i in indices if i.size) + 1
    rest = data[0].shape[indices[0].ndim :]
    result = np.zeros((size, *rest), data[0].dtype)
    for index, values in zip(indices, data, strict=True):
        result[index.reshape(-1)] = values.reshape(-1, *rest)
    return [result]


@_means("ListDiff")
def _list_diff(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    x, y = inputs
    kept = np.flatnonzero(~np.isin(x, y))
    return [x[kept], kept]


@_means("ConcatOffset")
def _concat_offset(attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array]:
    axis, *shapes = inputs
    along = np.zeros_like(shapes[0])
    along[int(axis.item())] = 1
    sizes = np.cumsum([0] + [int(shape[int(axis.item())]) for shape in shapes[:-1]])
    return [along * size for size in sizes]


def gradient_axes(x: Shape, y: Shape) -> tuple[list[int], list[int]] | None:
    """The axes of `x ∘ y` over which the gradients of `x` and of `y` are summed.

    TensorFlow's BroadcastGradientArgs, for every batch size of which the extents are not 1. None if
    the shapes do not broadcast, or for some batch sizes only.
    """
    if x == y:
        return [], []
    rank = max(len(x), len(y))
    axes: tuple[list[int], list[int]] = [], []
    padded = [(ONE,) * (rank - len(shape)) + shape for shape in (x, y)]
    for axis, sizes in enumerate(zip(*padded, strict=True)):
        if ONE not in sizes and sizes[0] != sizes[1]:
            return None
        for own, size in zip(axes, sizes, strict=True):
            if size == ONE:
                own.append(axis)
    return axes


def evaluate(op: str, attrs: Attributes, inputs: Sequence[Array]) -> Sequence[Array] | None:
    """The outputs of an op on integers, or None if it is not known or refuses the operands."""
    meaning = INTEGER_OPS.get(op)
    if meaning is None:
        return None
    try:
        with np.errstate(all="raise"):
            return meaning(attrs, inputs)
    except (ValueError, IndexError, TypeError, ArithmeticError):
        return None
