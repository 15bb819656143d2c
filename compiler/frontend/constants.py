"""Constants of a graph, checked before they are unpacked."""

from __future__ import annotations

from functools import cache
from math import prod

import numpy as np

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.tensorflow import Proto, tensorflow
from tfrc.ir.weights import Array

_MAX_CONSTANT_BYTES = 1 << 32
"""A constant of more bytes is a damaged file: a protocol buffer holds less than 2 GB."""


def read_tensor(proto: Proto, where: str) -> Array:
    """The array of a TensorProto.

    Errors: ModelError if its size and its contents do not fit together, or it is too large.
    """
    check_tensor(proto, where)
    try:
        return tensorflow().make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{where} cannot be read ({error}): write the file again") from error


def check_tensor(proto: Proto, where: str) -> None:
    """Raise ModelError if the size of a TensorProto and its contents do not fit together."""
    dims = [dim.size for dim in proto.tensor_shape.dim]
    text = "x".join(map(str, dims))
    if min(dims, default=0) < 0:
        raise ModelError(f"{where} has the shape {text}: the file is damaged, write it again")
    size = _item_size(proto.dtype)
    count = prod(dims)
    if count * max(size, 1) > _MAX_CONSTANT_BYTES:
        raise ModelError(
            f"{where} claims {text} elements, more than a file can hold: "
            "the file is damaged, write it again"
        )
    content = len(proto.tensor_content)
    if content and size and content != count * size:
        raise ModelError(
            f"{where} has {content} bytes for {text} elements of {size} bytes: "
            "the file is damaged, write it again"
        )


@cache
def _item_size(dtype: int) -> int:
    """Bytes of an element; 0 if that depends on its value."""
    try:
        numpy = tensorflow().as_dtype(dtype).as_numpy_dtype
        return np.dtype(numpy).itemsize if numpy is not object else 0
    except TypeError:
        return 0
