"""Values that are known at compile time: arrays, and integers that are linear in the batch."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.nn.constant import INLINE_LIMIT
from tfrc.ir.shape import Dim, DimsAttr, Shape, as_shape, static_shape, tensor
from tfrc.ir.tf import DimsOp, node_name
from tfrc.ir.weights import WeightStore

Array = NDArray[Any]

PROBES = (1, 2, 7, 1_000_003)
"""Batch sizes at which a function of N is tried. A function that is linear at all of them, made of
the minima, divisions and remainders of shape arithmetic, is linear everywhere: the largest probe is
a prime beyond any extent that a graph compares the batch with."""


def fit(values: list[Array]) -> Shape | None:
    """The elements of an array, given at each of `PROBES`, as linear forms.

    None if one of them is not linear, or falls.
    """
    if len({v.shape for v in values}) > 1:
        return None
    if all(np.array_equal(v, values[0]) for v in values[1:]):
        return as_shape(int(e) for e in values[0].reshape(-1))
    columns = np.stack([v.reshape(-1) for v in values], axis=1)
    dims = [
        Dim.fit([(n, int(v)) for n, v in zip(PROBES, column, strict=True)]) for column in columns
    ]
    # A count that falls as the batch grows is no extent, and `Dim` cannot spell it.
    known = [d for d in dims if d is not None and d.scale >= 0]
    return tuple(known) if len(known) == len(dims) else None


class Constants:
    """Reads the constants of a module, and writes more."""

    def __init__(self, weights: WeightStore):
        self.weights = weights
        self._arrays: dict[SSAValue, Array] = {}

    def array(self, value: SSAValue) -> Array | None:
        """The array that `value` is, or None if it is not a constant."""
        known = self._arrays.get(value)
        if known is not None:
            return known
        match value.owner:
            case nn.ConstantOp() as op:
                array = op.array
            case nn.WeightOp() as op if op.key in self.weights:
                array = cast(Array, self.weights[op.key])
            case _:
                return None
        self._arrays[value] = array
        return array

    def dims(self, value: SSAValue) -> Shape | None:
        """The elements of an integer tensor, linear in the batch; None if they are not known."""
        if isinstance(value.owner, DimsOp):
            return value.owner.value.dims
        array = self.array(value)
        if array is None or array.dtype.kind not in "iub":
            return None
        return as_shape(int(e) for e in array.reshape(-1))

    def array_at(self, value: SSAValue, n: int) -> Array | None:
        """A known tensor for the batch size `n`; integers as int64."""
        if isinstance(value.owner, DimsOp):
            dims = value.owner.value.dims
            return np.array([d.at(n) for d in dims], np.int64).reshape(static_shape(value))
        array = self.array(value)
        if array is None or array.dtype.kind not in "iu":
            return array
        return array.astype(np.int64)

    def operation(self, array: Array, element: Attribute, source: Operation) -> Operation:
        """A constant that holds `array` in place of the result of `source`.

        A large one goes to the weight store under the name of its node.
        """
        array = np.asarray(array).astype(numpy_dtype(element), copy=False)
        if array.size <= INLINE_LIMIT:
            op = nn.ConstantOp.of(array, element)
        else:
            name = node_name(source.location) or "constant"
            key = self.weights.share(name, np.ascontiguousarray(array))
            op = nn.WeightOp(key, tensor(element, array.shape))
        op.location = source.location
        self._arrays[op.result] = array
        return op

    def dims_operation(
        self, dims: Shape, shape: tuple[int, ...], element: Attribute, source: Operation
    ) -> Operation:
        """An integer constant, or a `tf.dims` if some element depends on the batch."""
        if all(dim.is_static for dim in dims):
            array = np.array([int(d) for d in dims], np.int64).reshape(shape)
            return self.operation(array, element, source)
        op = DimsOp(DimsAttr.of(dims), tensor(element, shape))
        op.location = source.location
        return op


def is_known(value: SSAValue) -> bool:
    """Whether `value` is a constant, a weight or a `tf.dims`."""
    return isinstance(value.owner, nn.ConstantOp | nn.WeightOp | DimsOp)


def element_type(value: SSAValue) -> Attribute:
    """The element type of a value, whatever is known of its shape."""
    return getattr(value.type, "element_type", value.type)


def is_tensor(value: SSAValue) -> bool:
    """Whether the shape of `value` is known, up to the batch."""
    return isinstance(value.type, TensorType)


def erase_unused(operations: list[Operation]) -> None:
    """Erase the constants among `operations` that nothing uses."""
    for op in reversed(operations):
        if isinstance(op, nn.ConstantOp | nn.WeightOp | DimsOp) and op.results[0].first_use is None:
            op.detach()
            op.erase()
