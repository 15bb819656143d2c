"""TensorFlow's attribute values as IR attributes, and back for evaluating a node.

| AttrValue | IR |
|---|---|
| type | the element type: `f32`, `!tf.string`, `!tf.dtype<"qint8">` |
| int, float, bool | `i64` integer, `f32` float, `i1` integer |
| string | string; bytes that are not UTF-8 as Latin-1 |
| shape | `#tf.shape<"?,3">` |
| function | symbol of the function, or its name if it is not in the module |
| tensor | `dense<…>`, or the text of the protocol buffer |
| list | array of these |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IntAttr,
    IntegerAttr,
    StringAttr,
    f32,
    i64,
)
from xdsl.ir import Attribute

from tfrc.compiler.frontend.tensorflow import Proto, dtype_enum, dtype_name, op_def, tensorflow
from tfrc.ir.dtype import FROM_TENSORFLOW, TENSORFLOW_NAME
from tfrc.ir.nn.constant import dense, dense_array
from tfrc.ir.tf import OtherType, ResourceType, ShapeAttr, StringType, VariantType

_OPAQUE: Mapping[str, Attribute] = {
    "string": StringType(),
    "resource": ResourceType(),
    "variant": VariantType(),
}
_OPAQUE_NAME: Mapping[Attribute, str] = {attr: name for name, attr in _OPAQUE.items()}


@cache
def element_type(dtype: int) -> Attribute:
    """The IR type of a DataType."""
    name = dtype_name(dtype)
    return FROM_TENSORFLOW.get(name) or _OPAQUE.get(name) or OtherType(StringAttr(name))


def dtype_of(element: Attribute) -> int:
    """The DataType of an IR type."""
    if isinstance(element, OtherType):
        return dtype_enum(element.dtype.data)
    return dtype_enum(TENSORFLOW_NAME.get(element) or _OPAQUE_NAME[element])


def string(data: bytes) -> StringAttr:
    """Bytes as text: UTF-8, else Latin-1."""
    try:
        return StringAttr(data.decode())
    except UnicodeDecodeError:
        return StringAttr(data.decode("latin-1"))


def _shape(shape: Proto) -> ShapeAttr:
    if shape.unknown_rank:
        return ShapeAttr(StringAttr("unknown"))
    return ShapeAttr(StringAttr(",".join("?" if d.size < 0 else str(d.size) for d in shape.dim)))


def _tensor(tensor: Proto) -> Attribute:
    try:
        array = tensorflow().make_ndarray(tensor)
        return dense(array, element_type(tensor.dtype))
    except (ValueError, TypeError, KeyError):
        return StringAttr(str(tensor))


def _function(function: Proto) -> Attribute:
    return StringAttr(function.name)


_TO_IR: Mapping[str, Callable[[Any], Attribute]] = {
    # field of AttrValue: its meaning
    "type": element_type,
    "i": lambda i: IntegerAttr(i, i64),
    "f": lambda f: FloatAttr(f, f32),
    "b": BoolAttr.from_bool,
    "s": string,
    "shape": _shape,
    "tensor": _tensor,
    "func": _function,
    "placeholder": StringAttr,
}

_EMPTY_LIST: Attribute = ArrayAttr[Attribute]([])


def to_ir(value: Proto) -> Attribute:
    """An AttrValue as an IR attribute. Equal values give the same object."""
    data: bytes = value.SerializeToString(deterministic=True)
    if data not in _SEEN:
        _SEEN[data] = _to_ir(value)
    return _SEEN[data]


_SEEN: dict[bytes, Attribute] = {}


def _to_ir(value: Proto) -> Attribute:
    field: str | None = value.WhichOneof("value")
    if field is None:
        return StringAttr("")
    if field != "list":
        return _TO_IR[field](getattr(value, field))
    for kind, values in value.list.ListFields():
        return ArrayAttr([_TO_IR[kind.name](v) for v in values])
    return _EMPTY_LIST


@cache
def defaults(op: str) -> Mapping[str, Attribute]:
    """The attributes of an op that have a default: files may leave them out."""
    definition = op_def(op)
    if definition is None:
        return {}
    return {
        attr.name: to_ir(attr.default_value)
        for attr in definition.attr
        if attr.HasField("default_value")
    }


def _shape_value(attr: ShapeAttr) -> list[int | None] | None:
    text = attr.text.data
    if text == "unknown":
        return None
    return [None if d == "?" else int(d) for d in text.split(",") if d]


def to_python(attr: Attribute) -> Any:
    """An IR attribute as TensorFlow's eager executor takes it.

    Errors: ValueError for an attribute that has no such form.
    """
    match attr:
        case IntegerAttr():
            value = cast("IntegerAttr[Any]", attr).value.data
            return bool(value) if attr.type != i64 else value
        case IntAttr() | StringAttr():
            return attr.data
        case FloatAttr():
            return cast("FloatAttr[Any]", attr).value.data
        case ShapeAttr():
            return _shape_value(attr)
        case ArrayAttr():
            return [to_python(a) for a in attr]
        case DenseIntOrFPElementsAttr():
            return dense_array(attr)
        case _:
            try:
                return dtype_of(attr)
            except KeyError:
                raise ValueError(f"{attr} has no form in TensorFlow") from None
