"""How Rust spells numbers, types and sizes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
from xdsl.dialects.builtin import f32, f64, i1, i8, i16, i32, i64
from xdsl.ir import Attribute

from tfrc.backend_rust.options import EmitError
from tfrc.ir.dtype import TENSORFLOW_NAME, ui8, ui16, ui32, ui64
from tfrc.ir.shape import Dim, Shape, count

TYPES: dict[Attribute, str] = {
    f32: "f32",
    f64: "f64",
    i1: "u8",
    i8: "i8",
    i16: "i16",
    i32: "i32",
    i64: "i64",
    ui8: "u8",
    ui16: "u16",
    ui32: "u32",
    ui64: "u64",
}
"""Element types of slices. A bool is a byte, 0 or 1."""

FLOATS = frozenset({f32, f64})
"""The element types that a comparison allows a tolerance."""


def element(type_: Attribute, what: str) -> str:
    """The Rust type of an element. EmitError if there is none; `what` says whose it is."""
    if type_ not in TYPES:
        name = TENSORFLOW_NAME.get(type_, str(type_))
        known = ", ".join(sorted({TENSORFLOW_NAME[t] for t in TYPES}))
        raise EmitError(f"{what} has the dtype {name}, for which there is no Rust type ({known})")
    return TYPES[type_]


def integer(value: int) -> str:
    """`100_352`: an underscore for every three digits from five digits on."""
    return f"{value:_}" if abs(value) >= 10_000 else str(value)


def floating(value: float, type_: str = "f32") -> str:
    """The shortest literal that gives the same number."""
    if math.isnan(value):
        return f"{type_}::NAN"
    if math.isinf(value):
        return f"{type_}::INFINITY" if value > 0 else f"{type_}::NEG_INFINITY"
    number = np.float32(value) if type_ == "f32" else np.float64(value)
    if value == 0 or 1e-4 <= abs(value) < 1e7:
        return np.format_float_positional(number, unique=True, trim="0")
    return np.format_float_scientific(number, unique=True, trim="-", exp_digits=1).replace("+", "")


def boolean(value: bool) -> str:
    """`true` or `false`."""
    return "true" if value else "false"


def dim(value: Dim) -> str:
    """A dimension in terms of the batch size `n`, as a factor or term can stand: `49 * n + 1`."""
    if value.is_static:
        return integer(value.offset)
    scaled = "n" if value.scale == 1 else f"{integer(value.scale)} * n"
    if not value.offset:
        return scaled
    return f"{scaled} {'+' if value.offset > 0 else '-'} {integer(abs(value.offset))}"


def factor(value: Dim) -> str:
    """A dimension that something is multiplied with."""
    return f"({dim(value)})" if value.offset and value.scale else dim(value)


def array(values: Iterable[int]) -> str:
    """`[1, 2]`."""
    return f"[{', '.join(map(integer, values))}]"


def signed_array(values: Iterable[int]) -> str:
    """`[1, -2]`."""
    return f"[{', '.join(map(str, values))}]"


def dims(shape: Shape) -> str:
    """`[n, 4]`."""
    return f"[{', '.join(map(dim, shape))}]"


def listing(items: Sequence[str]) -> str:
    """`[a, b]`."""
    return f"[{', '.join(items)}]"


def tuple_or_one(items: Sequence[str]) -> str:
    """`a`, or `(a, b)`."""
    return items[0] if len(items) == 1 else f"({', '.join(items)})"


def mentions(expression: str, name: str) -> bool:
    """Whether the identifier `name` occurs in an expression."""
    return re.search(rf"\b{name}\b", expression) is not None


def literal(value: float | int, type_: Attribute) -> str:
    """A number of an element type."""
    if type_ in FLOATS:
        return floating(float(value), TYPES[type_])
    return integer(int(value))


def product(shape: Shape) -> str:
    """How many elements a shape has."""
    return dim(count(shape))


def string(text: str) -> str:
    """A string literal."""
    return json.dumps(text, ensure_ascii=False)


def byte_string(data: bytes) -> str:
    """A byte string literal."""
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def doc_text(text: str) -> str:
    """Text from outside as one line of a comment or of documentation."""
    return " ".join(text.split()).replace("`", "'")
