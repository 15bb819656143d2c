"""model/weights.bin: every constant once, in the order in which its kernel reads it.

The file starts with 64 bytes that tell models apart (`MAGIC`, then a digest of the rest), so that a
file of another model is refused. Every constant starts at a multiple of 64 bytes, little-endian.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from tfrc.backend_rust import rust
from tfrc.backend_rust.names import Scope
from tfrc.backend_rust.options import Array, EmitError
from tfrc.ir.dtype import element_type
from tfrc.ir.winograd import transform_filter

ALIGNMENT = 64
HEADER = 64
MAGIC = b"tfrc weights 1\n\0"
PANEL = 16


def panels(array: Array, groups: int) -> Array:
    """A `[…, N]` array as panels: `[groups][ceil(n/16)][K][16]`, zero padded, n = N / groups.

    K counts all leading dimensions. The columns of a group stand together.
    """
    n = array.shape[-1] // groups
    matrices = array.reshape(-1, groups, n).transpose(1, 0, 2)
    padded = np.zeros((groups, matrices.shape[1], -(-n // PANEL) * PANEL), array.dtype)
    padded[:, :, :n] = matrices
    split = padded.reshape(groups, matrices.shape[1], -1, PANEL)
    return split.transpose(0, 2, 1, 3)


def packed(array: Array, packing: str, groups: int) -> Array:
    """An array in the order in which its kernel reads it."""
    match packing:
        case "plain":
            return array
        case "panels":
            return panels(array, groups)
        case "winograd2" | "winograd4":
            points = transform_filter(array, int(packing[-1]))
            count, channels, filters = points.shape
            columns = points.transpose(1, 0, 2).reshape(channels, count * filters)
            return panels(columns, count)
        case _:
            raise EmitError(f"a weight has the packing {packing}, which no kernel reads")


NOTES = {
    "panels": ", in panels",
    "winograd2": ", for tiles of 2 in panels",
    "winograd4": ", for tiles of 4 in panels",
}
"""What the documentation of a constant says about each packing but `plain`."""


@dataclass(frozen=True)
class Constant:
    """One line of the table in src/weights.rs."""

    name: str
    type: str
    offset: str
    length: str
    doc: str


class WeightFile:
    """Collects the constants that the kernels read, and their names in Rust."""

    def __init__(self, store: Mapping[str, Array], scope: Scope):
        self._store = store
        self._scope = scope
        self._blocks: list[bytes] = []
        self._size = HEADER
        self._constants: dict[tuple[str, str, int, int, int], Constant] = {}
        self._places: dict[tuple[str, str, int], tuple[int, int]] = {}

    def constant(
        self, key: str, packing: str, groups: int, wanted: str, part: tuple[int, int]
    ) -> str:
        """The name of the constant for `key`; `part` is its first element and their number.

        Stores the array, if it is not there. `wanted` is the name if the constant has none.
        """
        known = self._constants.get((key, packing, groups, *part))
        if known is not None:
            return known.name
        array = self._array(key)
        offset, size = self._place(key, packing, groups, array)
        start, length = part
        if packing != "plain":
            length = size
        type_ = rust.element(element_type(array.dtype), f"the weight {key}")
        shape = "×".join(map(str, array.shape)) or "scalar"
        constant = Constant(
            name=self._scope.unique(wanted),
            type=type_,
            offset=rust.integer(offset + start * array.dtype.itemsize),
            length=rust.integer(length),
            doc=f"`{key}`: {shape}{NOTES.get(packing, '')}",
        )
        self._constants[(key, packing, groups, *part)] = constant
        return constant.name

    def block(self, contents: bytes) -> int:
        """Store bytes that no kernel reads; their offset."""
        offset = self._size
        padded = contents + bytes(-len(contents) % ALIGNMENT)
        self._blocks.append(padded)
        self._size += len(padded)
        return offset

    def _array(self, key: str) -> Array:
        if key not in self._store:
            raise EmitError(f"the weight {key} is not in the weight store")
        return self._store[key]

    def _place(self, key: str, packing: str, groups: int, array: Array) -> tuple[int, int]:
        """Offset and elements of the packed array, which is stored if it is not yet."""
        known = self._places.get((key, packing, groups))
        if known is not None:
            return known
        ordered = packed(array, packing, groups)
        if ordered.dtype == np.bool_:
            ordered = ordered.astype(np.uint8)
        little = np.ascontiguousarray(ordered, ordered.dtype.newbyteorder("<"))
        place = self.block(little.tobytes()), ordered.size
        self._places[(key, packing, groups)] = place
        return place

    @property
    def constants(self) -> list[Constant]:
        """The table, in the order of the file."""
        return list(self._constants.values())

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    def digest(self) -> bytes:
        """Sixteen bytes that depend on every byte behind the header."""
        digest = blake2b(digest_size=16)
        for block in self._blocks:
            digest.update(block)
        return digest.digest()

    def contents(self) -> bytes:
        """The whole file."""
        header = (MAGIC + self.digest()).ljust(HEADER, b"\0")
        return b"".join([header, *self._blocks])
