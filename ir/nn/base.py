"""What the operation classes of the `nn` dialect share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import I64, DenseArrayBase, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AnyAttr, base
from xdsl.utils.exceptions import VerifyException

from tfrc.ir.shape import Shape, shape_of, text

AnyTensor = base(TensorType)
AnyValue = AnyAttr()
IntArray = DenseArrayBase.constr(i64)


def ints(values: Sequence[int]) -> DenseArrayBase:
    """`array<i64: …>`."""
    return DenseArrayBase.from_list(i64, list(values))


def get_ints(attr: DenseArrayBase) -> tuple[int, ...]:
    """The integers of `array<i64: …>`."""
    return tuple(int(v) for v in cast(DenseArrayBase[I64], attr).get_values())


def require(condition: bool, message: str) -> None:
    """Raise VerifyException(message) unless `condition` holds."""
    if not condition:
        raise VerifyException(message)


def require_shape(name: str, what: str, value: SSAValue | Attribute, expected: Shape) -> None:
    """Raise unless the shape of `value` is `expected`; the message gives both."""
    actual = shape_of(value)
    if actual != expected:
        raise VerifyException(f"{name}: {what} is {text(actual)}, but should be {text(expected)}")


def normalize_axis(axis: int, rank: int) -> int:
    """`axis`, counted from the front."""
    return axis + rank if axis < 0 else axis
