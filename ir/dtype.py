"""Element types: one table of IR type, NumPy dtype and TensorFlow's name."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import (
    BFloat16Type,
    ComplexType,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    Signedness,
    bf16,
    f16,
    f32,
    f64,
    i1,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute

ui8 = IntegerType(8, Signedness.UNSIGNED)
ui16 = IntegerType(16, Signedness.UNSIGNED)
ui32 = IntegerType(32, Signedness.UNSIGNED)
ui64 = IntegerType(64, Signedness.UNSIGNED)
c64 = ComplexType(f32)
c128 = ComplexType(f64)

TABLE: tuple[tuple[Attribute, str, str], ...] = (
    # IR, NumPy, TensorFlow
    (f32, "float32", "float32"),
    (f64, "float64", "float64"),
    (f16, "float16", "float16"),
    (bf16, "bfloat16", "bfloat16"),
    (i1, "bool", "bool"),
    (i8, "int8", "int8"),
    (i16, "int16", "int16"),
    (i32, "int32", "int32"),
    (i64, "int64", "int64"),
    (ui8, "uint8", "uint8"),
    (ui16, "uint16", "uint16"),
    (ui32, "uint32", "uint32"),
    (ui64, "uint64", "uint64"),
    (c64, "complex64", "complex64"),
    (c128, "complex128", "complex128"),
)

_NUMPY: dict[Attribute, str] = {ir: name for ir, name, _ in TABLE}
_FROM_NUMPY: dict[str, Attribute] = {name: ir for ir, name, _ in TABLE}
FROM_TENSORFLOW: dict[str, Attribute] = {name: ir for ir, _, name in TABLE}
TENSORFLOW_NAME: dict[Attribute, str] = {ir: name for ir, _, name in TABLE}


def numpy_dtype(element: Attribute) -> np.dtype[np.generic]:
    """The NumPy dtype of an element type. ValueError if NumPy has none."""
    name = _NUMPY.get(element)
    if name is None or name == "bfloat16":
        raise ValueError(f"NumPy has no dtype for {element}")
    return np.dtype(name)


def element_type(dtype: np.dtype[np.generic]) -> Attribute:
    """The IR element type of a NumPy dtype. ValueError if there is none."""
    try:
        return _FROM_NUMPY[dtype.name]
    except KeyError:
        raise ValueError(f"no element type for the NumPy dtype {dtype}") from None


def is_float(element: Attribute) -> bool:
    """Whether an element type is a floating-point one."""
    return isinstance(element, Float32Type | Float64Type | Float16Type | BFloat16Type)


def size_of(element: Attribute) -> int:
    """Bytes of one element; a bool takes one."""
    return numpy_dtype(element).itemsize
