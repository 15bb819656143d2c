"""What passes on `nn` share: constants, locations, and rules as functions.

A rule is a function from one operation to what replaces it. `Rules` collects them by operation
class and is the pattern that applies them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    FloatAttr,
    FusedLoc,
    IntegerAttr,
    IntegerType,
    LocationAttr,
    NoneAttr,
    TensorType,
    UnknownLoc,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.traits import is_side_effect_free

from tfrc.ir import nn
from tfrc.ir.dtype import is_float, numpy_dtype
from tfrc.ir.nn.linear import EpilogueOp
from tfrc.ir.shape import Dim, element_of, shape_of

Number = float | int | bool

EXPRESSION_SIZE = 64
"""How many operations of an expression of constants are followed; a batch norm has six."""


def is_constant(value: SSAValue) -> bool:
    """Whether `value` is a constant or a weight."""
    return isinstance(value.owner, nn.ConstantOp | nn.WeightOp)


def is_constant_expression(value: SSAValue) -> bool:
    """Whether constant folding will turn `value` into a constant."""
    seen: set[Operation] = set()
    pending = [value.owner]
    while pending:
        op = pending.pop()
        if op in seen:
            continue
        if not isinstance(op, Operation) or len(seen) == EXPRESSION_SIZE:
            return False
        seen.add(op)
        if isinstance(op, nn.ConstantOp | nn.WeightOp):
            continue
        if not op.operands or not is_side_effect_free(op):
            return False
        pending.extend(operand.owner for operand in op.operands)
    return True


def splat(value: SSAValue) -> Number | None:
    """The one number that every element of a constant is, or None."""
    op = value.owner
    if not isinstance(op, nn.ConstantOp):
        return None
    attr = op.value
    if isinstance(attr, FloatAttr | IntegerAttr):
        number = attr.value.data
        return bool(number) if element_of(value) == IntegerType(1) else number
    array = op.array
    if not array.size or not (array == array.flat[0]).all():
        return None
    return cast(Number, array.flat[0].item())


def is_splat(value: SSAValue, number: Number, tolerance: float = 0.0) -> bool:
    """Whether `value` is `number` in every element, up to a relative `tolerance`."""
    found = splat(value)
    return found is not None and math.isclose(found, number, rel_tol=tolerance, abs_tol=0.0)


def scalar_attr(number: Number, element: Attribute) -> FloatAttr | IntegerAttr:
    """The attribute of a number of type `element`."""
    if is_float(element):
        return FloatAttr(float(number), element)  # pyright: ignore
    return IntegerAttr(int(number), cast(IntegerType, element))


def constant_like(number: Number, value: SSAValue) -> nn.ConstantOp:
    """A constant of rank 0 that holds `number` in the element type of `value`.

    A scalar if `value` is one, so that it fits into the body of an `nn.map`.
    """
    element = element_of(value)
    if not isinstance(value.type, TensorType):
        return nn.ConstantOp(scalar_attr(number, element))
    return nn.ConstantOp.of(np.array(number, numpy_dtype(element)), element)


def is_per_channel(value: SSAValue, channels: Dim) -> bool:
    """Whether `value` varies along its last dimension only, which has `channels` elements."""
    *rest, last = shape_of(value) or (Dim(0, 0),)
    return last == channels and all(dim == Dim(0, 1) for dim in rest)


def linear_producer(value: SSAValue) -> EpilogueOp | None:
    """The convolution or matrix product that makes `value` for one use, with no activation yet."""
    op = value.owner
    if isinstance(op, EpilogueOp) and op.activation is None and value.has_one_use():
        return op
    return None


def fused_location(operations: Iterable[Operation]) -> LocationAttr:
    """The locations of all `operations`, each once."""
    parts: dict[LocationAttr, None] = {}
    for op in operations:
        match op.location:
            case UnknownLoc():
                pass
            case FusedLoc() as fused:
                parts.update(dict.fromkeys(cast(Iterable[LocationAttr], fused.locations)))
            case location:
                parts[location] = None
    if not parts:
        return UnknownLoc()
    return next(iter(parts)) if len(parts) == 1 else FusedLoc(ArrayAttr(parts), NoneAttr())


def locate(operations: Sequence[Operation], location: LocationAttr) -> None:
    """Give `location` to each of the operations that has none."""
    for op in operations:
        if isinstance(op.location, UnknownLoc):
            op.location = location


def rebuild(
    op: EpilogueOp,
    *,
    data: SSAValue | None = None,
    weights: SSAValue | None = None,
    bias: SSAValue | None = None,
    residual: SSAValue | None = None,
    activation: nn.ActivationAttr | None = None,
    absorbed: Operation | None = None,
) -> EpilogueOp:
    """A copy of a convolution or matrix product with some of its parts replaced or added.

    `data` and `weights` are the two factors. `absorbed` is the operation whose work the copy does
    as well: it bears the locations of both.
    """
    properties = {k: v for k, v in op.properties.items() if k != "operandSegmentSizes"}
    if activation is not None:
        properties["activation"] = activation
    bias, residual = bias or op.bias, residual or op.residual
    copy = type(op).build(
        operands=[
            data or op.operands[0],
            weights or op.operands[1],
            [bias] if bias else [],
            [residual] if residual else [],
        ],
        result_types=[op.result.type],
        properties=properties,
        attributes=op.attributes,
    )
    copy.location = fused_location((op, absorbed) if absorbed else (op,))
    copy.result.name_hint = op.result.name_hint
    return copy


Replacement = SSAValue | Operation | Sequence[Operation]
"""A value that exists, or operations to insert, the last of which bears the result."""

OperationT = TypeVar("OperationT", bound=Operation)


def replace(rewriter: PatternRewriter, op: Operation, replacement: Replacement) -> None:
    """Replace `op`; what is inserted takes over its location and its name hint."""
    if isinstance(replacement, SSAValue):
        rewriter.replace(op, [], [replacement])
        return
    operations = [replacement] if isinstance(replacement, Operation) else list(replacement)
    locate(operations, op.location)
    result = operations[-1].results[0]
    result.name_hint = result.name_hint or op.results[0].name_hint
    rewriter.replace(op, operations)


class Rules(RewritePattern):
    """A table of rules: for each operation class, functions that may replace it.

    A rule returns None where it does not apply, before it makes an operation. The first that
    applies wins. A result of another type than the one it replaces is not taken, so that a rule
    need not think of broadcasting.
    """

    def __init__(self) -> None:
        self.table: dict[type[Operation], list[Callable[[Operation], Replacement | None]]] = {}

    def on(
        self, *classes: type[OperationT]
    ) -> Callable[
        [Callable[[OperationT], Replacement | None]], Callable[[OperationT], Replacement | None]
    ]:
        """Register the decorated function as a rule for each of the `classes`."""

        def register(
            rule: Callable[[OperationT], Replacement | None],
        ) -> Callable[[OperationT], Replacement | None]:
            for cls in classes:
                self.table.setdefault(cls, []).append(
                    cast(Callable[[Operation], Replacement | None], rule)
                )
            return rule

        return register

    def include(self, other: Rules) -> None:
        """Add the rules of `other` after those that are here."""
        for cls, rules in other.table.items():
            self.table.setdefault(cls, []).extend(rules)

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        for rule in self.table.get(type(op), ()):
            replacement = rule(op)
            if replacement is None:
                continue
            if _value(replacement).type == op.results[0].type:
                replace(rewriter, op, replacement)
                return
            _discard(replacement)


def _value(replacement: Replacement) -> SSAValue:
    if isinstance(replacement, SSAValue):
        return replacement
    last = replacement if isinstance(replacement, Operation) else replacement[-1]
    return last.results[0]


def _discard(replacement: Replacement) -> None:
    """Drop operations that are not taken: as long as they exist, they use their operands."""
    if isinstance(replacement, SSAValue):
        return
    operations = [replacement] if isinstance(replacement, Operation) else replacement
    for op in reversed(operations):
        op.erase()
