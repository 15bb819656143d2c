"""Shapes whose dimensions are linear in the symbolic batch size `N`.

One compiled crate serves every batch size, so a dimension is not always a number: it is
`scale*N + offset`, written `4`, `N`, `49*N` or `2*N+1`. A `tensor` or `memref` type spells such a
dimension `?`; a type whose unknown dimensions are not all plain `N` names them in a
`#nn.dims<49*N, 10>` attribute (the tensor's encoding, the memref's memory space).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import cast

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    MemRefType,
    NoneAttr,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

AnyShaped = TensorType[Attribute] | MemRefType[Attribute]

_DIM = re.compile(r"(?:(?P<scale>\d+)\*)?(?P<n>N)?(?P<offset>[+-]?\d+)?")


@dataclass(frozen=True, order=True)
class Dim:
    """`scale*N + offset`, for every batch size N >= 1."""

    scale: int
    offset: int

    def __str__(self) -> str:
        if not self.scale:
            return str(self.offset)
        n = "N" if self.scale == 1 else f"{self.scale}*N"
        return f"{n}{self.offset:+d}" if self.offset else n

    @staticmethod
    def parse(text: str) -> Dim:
        """The dimension that `str` printed. ValueError if `text` is not one."""
        match = _DIM.fullmatch(text.replace(" ", ""))
        if not text or match is None or (match["scale"] and not match["n"]):
            raise ValueError(f"'{text}' is not a dimension: write 4, N, 49*N or 2*N+1")
        scale = int(match["scale"] or 1) if match["n"] else 0
        return Dim(scale, int(match["offset"] or 0))

    @staticmethod
    def fit(values: Sequence[tuple[int, int]]) -> Dim | None:
        """The linear form through (N, value) points, or None if they are not on one line.

        At least three points, so that a form that is not linear is noticed.
        """
        (n0, v0), (n1, v1), *_ = values
        scale, rest = divmod(v1 - v0, n1 - n0)
        dim = Dim(scale, v0 - scale * n0)
        if rest or any(dim.at(n) != v for n, v in values):
            return None
        return dim

    @property
    def is_static(self) -> bool:
        """Whether the dimension is the same for every N."""
        return self.scale == 0

    def __int__(self) -> int:
        if self.scale:
            raise ValueError(f"dimension {self} is not static")
        return self.offset

    def at(self, n: int) -> int:
        """The value for the batch size `n`."""
        return self.scale * n + self.offset

    def __add__(self, other: Dim | int) -> Dim:
        other = as_dim(other)
        return Dim(self.scale + other.scale, self.offset + other.offset)

    def __sub__(self, other: Dim | int) -> Dim:
        other = as_dim(other)
        return Dim(self.scale - other.scale, self.offset - other.offset)

    def __mul__(self, other: Dim | int) -> Dim:
        other = as_dim(other)
        if self.scale and other.scale:
            raise ValueError(f"{self} times {other} is not linear in N")
        return Dim(
            self.scale * other.offset + other.scale * self.offset, self.offset * other.offset
        )


N = Dim(1, 0)
"""The symbolic batch size."""

Shape = tuple[Dim, ...]


def as_dim(value: Dim | int) -> Dim:
    """`value` itself, or the static dimension of that many."""
    return value if isinstance(value, Dim) else Dim(0, value)


def as_shape(values: Iterable[Dim | int]) -> Shape:
    """A shape from dimensions and integers."""
    return tuple(as_dim(v) for v in values)


def count(shape: Shape) -> Dim:
    """How many elements `shape` holds. ValueError if that is not linear in N."""
    result = Dim(0, 1)
    for dim in shape:
        result = result * dim
    return result


@irdl_attr_definition
class DimsAttr(ParametrizedAttribute):
    """`#nn.dims<49*N, 10>`: what a type's `?` stand for, or the elements of a shape tensor."""

    name = "nn.dims"

    text: StringAttr

    @staticmethod
    def of(shape: Iterable[Dim | int]) -> DimsAttr:
        """The attribute for `shape`."""
        return DimsAttr(StringAttr(", ".join(str(d) for d in shape)))

    @property
    def dims(self) -> Shape:
        """The dimensions."""
        text = self.text.data
        return tuple(Dim.parse(part.strip()) for part in text.split(",")) if text else ()

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        def one() -> str:
            number = parser.parse_optional_integer(allow_boolean=False)
            if number is not None and parser.parse_optional_punctuation("*") is None:
                return str(number)
            parser.parse_keyword("N")
            head = "N" if number is None else f"{number}*N"
            if parser.parse_optional_punctuation("+") is not None:
                return f"{head}+{parser.parse_integer(allow_boolean=False, allow_negative=False)}"
            tail = parser.parse_optional_integer(allow_boolean=False)
            return head if tail is None else f"{head}{tail:+d}"

        dims = parser.parse_comma_separated_list(parser.Delimiter.ANGLE, one)
        return [StringAttr(", ".join(dims))]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(self.text.data)

    def verify(self) -> None:
        try:
            _ = self.dims
        except ValueError as error:
            raise VerifyException(str(error)) from None


def _spelled(shape: Sequence[Dim | int]) -> tuple[list[int], Attribute]:
    """A builtin type's shape, and the attribute that names dimensions other than static or `N`."""
    dims = as_shape(shape)
    plain = all(d.is_static or d == N for d in dims)
    return (
        [d.offset if d.is_static else DYNAMIC_INDEX for d in dims],
        NoneAttr() if plain else DimsAttr.of(dims),
    )


def tensor(element: Attribute, shape: Sequence[Dim | int]) -> TensorType[Attribute]:
    """`tensor<shape x element>`."""
    sizes, dims = _spelled(shape)
    return TensorType(element, sizes, dims)


def buffer(element: Attribute, shape: Sequence[Dim | int]) -> MemRefType[Attribute]:
    """`memref<shape x element>`."""
    sizes, dims = _spelled(shape)
    return MemRefType(element, sizes, memory_space=dims)


def shape_of(value: SSAValue | Attribute) -> Shape:
    """The dimensions of a tensor or memref, or of such a value. A scalar has none."""
    type_ = value.type if isinstance(value, SSAValue) else value
    if not isinstance(type_, TensorType | MemRefType):
        return ()
    dims = type_.encoding if isinstance(type_, TensorType) else type_.memory_space
    if isinstance(dims, DimsAttr):
        return dims.dims
    return tuple(N if size == DYNAMIC_INDEX else Dim(0, size) for size in type_.get_shape())


def static_shape(value: SSAValue | Attribute) -> tuple[int, ...]:
    """The dimensions as integers. ValueError if one depends on N."""
    return tuple(int(dim) for dim in shape_of(value))


def element_of(value: SSAValue | Attribute) -> Attribute:
    """The element type of a tensor or memref (or such a value); a scalar's type is its own."""
    type_ = value.type if isinstance(value, SSAValue) else value
    if isinstance(type_, TensorType | MemRefType):
        return cast(AnyShaped, type_).element_type
    return type_


def rank_of(value: SSAValue | Attribute) -> int:
    """How many dimensions there are."""
    return len(shape_of(value))


def broadcast(*shapes: Shape) -> Shape | None:
    """The NumPy broadcast of `shapes`, or None if there is none."""
    rank = max((len(s) for s in shapes), default=0)
    result: list[Dim] = []
    for i in range(rank):
        one = Dim(0, 1)
        dims = {s[i - rank + len(s)] for s in shapes if i - rank + len(s) >= 0} - {one}
        if len(dims) > 1:
            return None
        result.append(dims.pop() if dims else one)
    return tuple(result)


def swap_heads(shape: Shape, swapped: bool) -> Shape:
    """[…, rows, heads, columns] as […, heads, rows, columns] if `swapped`, and the other way."""
    return (*shape[:-3], shape[-2], shape[-3], shape[-1]) if swapped else shape


def at(shape: Shape, n: int) -> tuple[int, ...]:
    """The shape for the batch size `n`."""
    return tuple(dim.at(n) for dim in shape)


def text(shape: Shape) -> str:
    """The shape as a person reads it: `Nx224x224x3`."""
    return "x".join(str(dim) for dim in shape) or "scalar"


def static_count(shape: Sequence[int]) -> int:
    """How many elements a static shape holds."""
    return prod(shape)
