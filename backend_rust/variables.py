"""The variables of a module: where each lies in one block, and which parts of it kernels touch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp, i1

from tfrc.backend_rust import rust
from tfrc.backend_rust.names import Scope, snake
from tfrc.backend_rust.options import Array, EmitError
from tfrc.ir import nn, rt
from tfrc.ir.dtype import size_of
from tfrc.ir.shape import DimsAttr, element_of, static_shape

DTYPES: Mapping[str, str] = {
    "f32": "F32",
    "f64": "F64",
    "i8": "I8",
    "i16": "I16",
    "i32": "I32",
    "i64": "I64",
    "u8": "U8",
    "u16": "U16",
    "u32": "U32",
    "u64": "U64",
}
"""Type in Rust → `safetensors::Dtype`."""

ALIGNMENT = 64


@dataclass(frozen=True)
class Variable:
    """One line of the table in src/state.rs. `start` and `bytes` are its place in the block."""

    path: str
    name: str
    type: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    bytes: int
    is_float: bool

    @property
    def literal(self) -> str:
        """The path in Rust."""
        return rust.string(self.path)

    def key(self, signature: str) -> str:
        """The name in Rust of the recorded values behind the steps of a signature."""
        return rust.string(variable_key(signature, self.path))

    @property
    def dims(self) -> str:
        """The shape in Rust."""
        return rust.array(self.shape)

    @property
    def offset(self) -> str:
        """Where it starts, in Rust."""
        return rust.integer(self.start)

    @property
    def size(self) -> str:
        """How many bytes it has, in Rust."""
        return rust.integer(self.bytes)


def variable_key(signature: str, path: str) -> str:
    """The name in testdata/features.npz of a variable behind the steps of a signature."""
    return f"{signature}:variable:{path}"


@dataclass(frozen=True)
class VariablePart:
    """A constant of src/state.rs: what a kernel reads or writes of a variable."""

    name: str
    type: str
    offset: str
    length: str
    doc: str


class VariableTable:
    """All variables of a module, and the constants for their parts, as kernels ask for them."""

    def __init__(self, module: ModuleOp):
        scope = Scope()
        self.variables = [describe(op, scope) for op in module.ops if isinstance(op, nn.VariableOp)]
        self._scope = scope
        self._by_path = {variable.path: variable for variable in self.variables}
        self._parts: dict[tuple[str, int, int], VariablePart] = {}

    def part(self, path: str, first: int, length: int) -> str:
        """The name of the constant for `length` elements from `first` on."""
        known = self._parts.get((path, first, length))
        if known is not None:
            return known.name
        variable = self._by_path[path]
        whole = length == int(np.prod(variable.shape, dtype=int))
        element = variable.bytes // max(int(np.prod(variable.shape, dtype=int)), 1)
        shape = "×".join(map(str, variable.shape)) or "scalar"
        part = VariablePart(
            name=variable.name if whole else self._scope.unique(f"{variable.name}_PART"),
            type=variable.type,
            offset=rust.integer(variable.start + first * element),
            length=rust.integer(length),
            doc=f"`{path}`: {shape}" if whole else f"A part of `{path}`",
        )
        self._parts[(path, first, length)] = part
        return part.name

    @property
    def parts(self) -> list[VariablePart]:
        """The constants, in the order in which they were asked for."""
        return list(self._parts.values())

    @property
    def size(self) -> int:
        """Bytes of the block."""
        ends = (variable.start + variable.bytes for variable in self.variables)
        return -(-max(ends, default=0) // ALIGNMENT) * ALIGNMENT

    def initial(self, weights: Mapping[str, Array]) -> bytes:
        """The block with the initial values; EmitError if one is not in the weight store."""
        block = bytearray(self.size)
        for variable in self.variables:
            if variable.path not in weights:
                raise EmitError(f"the variable {variable.path} has no initial value")
            array = weights[variable.path]
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            block[variable.start : variable.start + variable.bytes] = little.tobytes()
        return bytes(block)


def describe(op: nn.VariableOp, scope: Scope) -> Variable:
    """The line for one variable."""
    offset = op.attributes.get(rt.OFFSET)
    if not isinstance(offset, DimsAttr):
        raise EmitError(f"nn.variable @{op.key} has no {rt.OFFSET}: run plan-arena first")
    element, shape = element_of(op.type), static_shape(op.type)
    type_ = rust.element(element, f"the variable {op.key}")
    return Variable(
        path=op.key,
        name=scope.unique(snake(op.key).upper()),
        type=type_,
        dtype="BOOL" if element == i1 else DTYPES[type_],
        shape=shape,
        start=int(offset.dims[0]),
        bytes=int(np.prod(shape, dtype=int)) * size_of(element),
        is_float=element in rust.FLOATS,
    )
