"""The attributes of a `tf.node` as Python values.

An attribute that is absent has the default that its reader gives: text of tests leaves out what
TensorFlow would write in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, StringAttr
from xdsl.ir import Attribute

Attributes = Mapping[str, Attribute]


def integer(attrs: Attributes, name: str, default: int = 0) -> int:
    """An `int` or `bool` attribute."""
    attr = attrs.get(name)
    return cast("IntegerAttr[Any]", attr).value.data if isinstance(attr, IntegerAttr) else default


def flag(attrs: Attributes, name: str, default: bool = False) -> bool:
    """A `bool` attribute."""
    return bool(integer(attrs, name, default))


def number(attrs: Attributes, name: str, default: float) -> float:
    """A `float` attribute."""
    attr = attrs.get(name)
    return cast("FloatAttr[Any]", attr).value.data if isinstance(attr, FloatAttr) else default


def text(attrs: Attributes, name: str, default: str = "") -> str:
    """A `string` attribute."""
    attr = attrs.get(name)
    return attr.data if isinstance(attr, StringAttr) else default


def integers(attrs: Attributes, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
    """A `list(int)` attribute; an empty one counts as absent."""
    attr = attrs.get(name)
    if not isinstance(attr, ArrayAttr) or not len(cast("ArrayAttr[Attribute]", attr)):
        return default
    items = cast("ArrayAttr[IntegerAttr[Any]]", attr)
    return tuple(int(item.value.data) for item in items)


def numbers(attrs: Attributes, name: str) -> tuple[float, ...]:
    """A `list(float)` attribute; () if it is absent."""
    attr = attrs.get(name)
    if not isinstance(attr, ArrayAttr):
        return ()
    items = cast("ArrayAttr[FloatAttr[Any]]", attr)
    return tuple(float(item.value.data) for item in items)
