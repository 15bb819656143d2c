"""Evaluation of one operation whose operands are known: what constant folding is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from tfrc.ir import nn, reference
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import (
    Dim,
    Shape,
    as_shape,
    count,
    element_of,
    rank_of,
    shape_of,
    static_shape,
)
from tfrc.ir.tf import DimsOp, NodeOp, PartialType
from tfrc.ir.weights import CompilerContext, Evaluator, weights_of
from tfrc.passes.constants import PROBES, Constants, element_type, fit, is_known, is_tensor
from tfrc.passes.shape_arithmetic import COMPARISONS, MOVES, evaluate, gradient_axes

Array = NDArray[Any]

SMALL = 4096
"""Elements that a folded constant may always have."""

GROWTH = 4
"""How much larger than its operands a folded constant may be beyond `SMALL` elements."""

BROADCASTS = frozenset({"BroadcastTo", "Fill", "OnesLike", "Tile", "ZerosLike"})
"""Ops whose result repeats few elements. The others have no better form than a constant."""

_NOT_PURE = re.compile(
    "Random|Multinomial|Print|Assert|Placeholder|Variable|VarHandle|Assign|Scatter(Add|Sub|Update)$"
    "|PartitionedCall|While|^If$|^StatelessIf|^Case$|Lookup|Table|TensorList|Optional|Queue|Iterator|PyFunc"
    "|Timestamp|^Resource|^Const$"
)
"""Ops with state, effects, randomness or a body."""


class Folder:
    """Replaces operations whose operands are known by constants."""

    def __init__(self, ctx: Context):
        self.constants = Constants(weights_of(ctx))
        self._evaluate_tf: Evaluator | None = (
            ctx.evaluate_tf if isinstance(ctx, CompilerContext) else None
        )

    def fold(self, op: Operation) -> bool:
        """Replace `op` by constants if it can be evaluated; whether it was."""
        match op:
            case NodeOp():
                results = self._node(op)
            case nn.ConstantOp() | nn.WeightOp() | DimsOp():
                return False
            case _ if op.dialect_name() == "nn":
                results = self._nn(op)
            case _:
                return False
        if results is None:
            return False
        block = op.parent_block()
        assert block is not None
        for old, constant in zip(op.results, results, strict=True):
            if old.first_use is None:
                continue
            block.insert_op_before(constant, op)
            old.replace_all_uses_with(constant.results[0])
        op.detach()
        op.erase()
        return True

    # nn

    def _nn(self, op: Operation) -> list[Operation] | None:
        if len(op.results) != 1 or not op.operands or not all(map(is_known, op.operands)):
            return None
        arrays = [self.constants.array(operand) for operand in op.operands]
        known = [array for array in arrays if array is not None]
        if len(known) < len(arrays) or not all(d.is_static for d in shape_of(op.results[0])):
            return None
        if _grows(static_shape(op.results[0]), known):
            return None
        try:
            array = reference.evaluate_op(op, known, self.constants.weights, 1)
        except IndexError:
            return None
        return [self.constants.operation(array, element_of(op.results[0]), op)]

    # tf

    def _node(self, op: NodeOp) -> list[Operation] | None:
        name = op.op.data
        if _NOT_PURE.search(name):
            return None
        of_type = _SHAPE_OPS.get(name)
        if of_type is not None:
            return of_type(self, op)
        if not op.inputs or not all(map(is_known, op.inputs)):
            return None
        if not all(map(_has_numpy, map(element_type, op.outputs))):
            return None
        if name in MOVES or (_integral(op.inputs) and _integral(op.outputs)):
            results = self._with_numpy(op)
            if results is not None:
                return results
        return self._with_tensorflow(op)

    def _with_numpy(self, op: NodeOp) -> list[Operation] | None:
        symbolic = any(isinstance(v.owner, DimsOp) for v in op.inputs)
        if self._broadcasts(op) or (symbolic and not self._is_worth_probing(op)):
            return None
        tries: list[Sequence[Array]] = []
        for n in PROBES if symbolic else PROBES[:1]:
            inputs = [self.constants.array_at(v, n) for v in op.inputs]
            known = [array for array in inputs if array is not None]
            if len(known) < len(inputs):
                return None
            outputs = evaluate(op.op.data, op.attrs.data, known)
            if outputs is None or len(outputs) != len(op.outputs):
                return None
            tries.append(outputs)
        results: list[Operation] = []
        for i, value in enumerate(op.outputs):
            element = element_type(value)
            if not _fits(tries[0][i], value):
                return None
            if not symbolic:
                results.append(self.constants.operation(tries[0][i], element, op))
                continue
            dims = fit([np.asarray(outputs[i]) for outputs in tries])
            if dims is None or (element == IntegerType(1) and not all(d.is_static for d in dims)):
                return None
            results.append(self.constants.dims_operation(dims, np.shape(tries[0][i]), element, op))
        return results

    def _is_worth_probing(self, op: NodeOp) -> bool:
        """Whether the result has as many elements for every batch, as far as its type tells."""
        for value in op.outputs:
            if is_tensor(value) and not all(d.is_static for d in shape_of(value)):
                return False
            if not is_tensor(value) and op.op.data in ("Pad", "PadV2", "Range"):
                return False
        return self._comparable(op)

    def _comparable(self, op: NodeOp) -> bool:
        """Whether no batch size makes two operands of a comparison equal that otherwise differ."""
        if op.op.data not in COMPARISONS:
            return True
        sides = [self.constants.dims(v) for v in op.inputs]
        left, right = (s if s is not None else () for s in sides)
        size = max(len(left), len(right))
        if not left or not right or any(len(s) not in (1, size) for s in (left, right)):
            return False
        pairs = ((left[i % len(left)] - right[i % len(right)]) for i in range(size))
        return not any(_has_root(difference) for difference in pairs)

    def _with_tensorflow(self, op: NodeOp) -> list[Operation] | None:
        if self._evaluate_tf is None or self._broadcasts(op):
            return None
        arrays = [self.constants.array(operand) for operand in op.inputs]
        known = [array for array in arrays if array is not None]
        if len(known) < len(arrays):
            return None
        outputs = self._evaluate_tf(op.op.data, op.attrs.data, known)
        if outputs is None or len(outputs) != len(op.outputs):
            return None
        if not all(map(_fits, outputs, op.outputs)):
            return None
        return [
            self.constants.operation(array, element_type(value), op)
            for array, value in zip(outputs, op.outputs, strict=True)
        ]

    def _broadcasts(self, op: NodeOp) -> bool:
        """Whether `op` repeats elements into something too large to store."""
        if op.op.data not in BROADCASTS:
            return False
        shape = shape_of(op.outputs[0])
        known = [self.constants.array(operand) for operand in op.inputs]
        if not is_tensor(op.outputs[0]) or not all(d.is_static for d in shape):
            return True
        return _grows([int(d) for d in shape], [a for a in known if a is not None])

    # Ops that look at the type of an operand

    def shape(self, op: NodeOp) -> list[Operation] | None:
        """`Shape`, `ShapeN`: the extents."""
        if not all(map(is_tensor, op.inputs)):
            return None
        return [
            self._dims(shape_of(operand), (rank_of(operand),), result, op)
            for operand, result in zip(op.inputs, op.outputs, strict=True)
        ]

    def size(self, op: NodeOp) -> list[Operation] | None:
        """`Size`: the number of elements."""
        if not is_tensor(op.inputs[0]):
            return None
        try:
            elements = count(shape_of(op.inputs[0]))
        except ValueError:
            return None
        return [self._dims((elements,), (), op.outputs[0], op)]

    def rank(self, op: NodeOp) -> list[Operation] | None:
        """`Rank`: the number of dimensions, which may be known when not all extents are."""
        match op.inputs[0].type:
            case TensorType():
                rank = rank_of(op.inputs[0])
            case PartialType() as type_:
                rank = len(type_.shape)
            case _:
                return None
        return [self._dims((Dim(0, rank),), (), op.outputs[0], op)]

    def like(self, op: NodeOp) -> list[Operation] | None:
        """`ZerosLike`, `OnesLike` of a small value: the operand itself need not be known."""
        value = op.inputs[0]
        if not is_tensor(value) or not _has_numpy(element_type(value)):
            return None
        shape = shape_of(value)
        if not all(d.is_static for d in shape) or prod(int(d) for d in shape) > SMALL:
            return None
        fill = 1 if op.op.data == "OnesLike" else 0
        array = np.full([int(d) for d in shape], fill)
        return [self.constants.operation(array, element_type(value), op)]

    def broadcast_gradient_args(self, op: NodeOp) -> list[Operation] | None:
        """`BroadcastGradientArgs`: axes, which probing cannot find: N = 1 is broadcast as well."""
        left, right = (self.constants.dims(v) for v in op.inputs)
        axes = None if left is None or right is None else gradient_axes(left, right)
        if axes is None:
            return None
        return [
            self._dims(as_shape(each), (len(each),), result, op)
            for each, result in zip(axes, op.outputs, strict=True)
        ]

    def _dims(self, dims: Shape, shape: tuple[int, ...], result: SSAValue, op: NodeOp) -> Operation:
        return self.constants.dims_operation(as_shape(dims), shape, element_type(result), op)


_SHAPE_OPS: Mapping[str, Any] = {
    "Shape": Folder.shape,
    "ShapeN": Folder.shape,
    "Size": Folder.size,
    "Rank": Folder.rank,
    "ZerosLike": Folder.like,
    "OnesLike": Folder.like,
    "BroadcastGradientArgs": Folder.broadcast_gradient_args,
}


def _has_numpy(element: Attribute) -> bool:
    try:
        return numpy_dtype(element).kind in "fiub"
    except ValueError:
        return False


def _integral(values: Sequence[SSAValue]) -> bool:
    return all(isinstance(element_type(v), IntegerType) for v in values)


def _grows(shape: Sequence[int], operands: Sequence[Array]) -> bool:
    size = prod(shape)
    return size > SMALL and size > GROWTH * sum(a.size for a in operands)


def _fits(array: Array, value: SSAValue) -> bool:
    """Whether `array` has the shape that is known of `value`."""
    return not is_tensor(value) or as_shape(np.shape(array)) == shape_of(value)


def _has_root(difference: Dim) -> bool:
    """Whether `difference` is zero for one batch size but not for all."""
    if not difference.scale:
        return False
    root, rest = divmod(-difference.offset, difference.scale)
    return rest == 0 and root >= 1
