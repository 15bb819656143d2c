"""Writes typed graphs as a module of the `tf` dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.rewriter import InsertPoint

from tfrc.compiler.frontend import attributes
from tfrc.compiler.frontend.attributes import element_type
from tfrc.compiler.frontend.constants import read_tensor
from tfrc.compiler.frontend.graph import Edge, Graph, Node
from tfrc.compiler.frontend.shapes import Typed, Types
from tfrc.compiler.frontend.source import Variable
from tfrc.compiler.frontend.tensorflow import tensorflow
from tfrc.compiler.frontend.variables import WEIGHT
from tfrc.ir.dtype import TENSORFLOW_NAME
from tfrc.ir.nn.constant import INLINE_LIMIT, ConstantOp, WeightOp
from tfrc.ir.shape import tensor
from tfrc.ir.tf import (
    NodeOp,
    PartialType,
    ResourceType,
    UnrankedType,
    VariantType,
    location,
)
from tfrc.ir.weights import Array, WeightStore

_DROPPED_ATTRIBUTES = frozenset({"_output_shapes", "_class", "_unseeded"})

# What convert_variables_to_constants_v2 adds to a variable's name, and what it calls one of a
# function that was loaded from a file.
_READ_SUFFIX = re.compile(r"/ReadVariableOp(_\d+)?(/resource)?$")
_CAPTURED = re.compile(r"unknown(_\d+)?")

_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_]+")


@cache
def value_type(typed: Typed) -> Attribute:
    """The IR type of a value."""
    element = element_type(typed.dtype)
    if isinstance(element, ResourceType | VariantType):
        return element
    if typed.dims is None:
        return UnrankedType(element)
    known = [dim for dim in typed.dims if dim is not None]
    if len(known) < len(typed.dims):
        return PartialType.of(typed.dims, element)
    return tensor(element, known)


def name_hint(name: str) -> str:
    """A node name as the name of an SSA value or a function."""
    hint = _NOT_A_NAME.sub("_", name)
    return hint if hint[:1].isalpha() or hint[:1] == "_" else f"_{hint}"


class Emitter:
    """Collects the functions of a module and the weights beside it."""

    def __init__(self, where: str):
        self.where = where
        self.weights = WeightStore()
        self.warnings: list[str] = []
        self.functions: list[FuncOp] = []
        self.names: set[str] = set()
        self.keys: dict[Variable, str] = {}
        self.constants: dict[str, list[str]] = {}
        """Keys of the constants of nodes of one name, so that signatures share them."""

    def module(self) -> ModuleOp:
        """The module of all functions so far, public ones first."""
        public = [f for f in self.functions if f.sym_visibility == StringAttr("public")]
        private = [f for f in self.functions if f.sym_visibility != StringAttr("public")]
        return ModuleOp([*public, *private])

    def reserve(self, names: Iterable[str]) -> None:
        """Keep `names` for signatures."""
        self.names.update(names)

    def signature(self, graph: Graph, types: Types) -> FuncOp:
        """Write a public function that bears the signature's name."""
        return self.function(graph, types, graph.name, "public")

    def body(self, graph: Graph, types: Types) -> SymbolRefAttr:
        """Write a private function; return its symbol."""
        name, i = name_hint(graph.name), 0
        while name in self.names:
            i += 1
            name = f"{name_hint(graph.name)}_{i}"
        self.names.add(name)
        self.function(graph, types, name, "private")
        return SymbolRefAttr(name)

    def function(self, graph: Graph, types: Types, name: str, visibility: str) -> FuncOp:
        """Write `graph` as the function `name`."""
        block = Block(arg_types=[value_type(types[arg][0]) for arg in graph.args])
        readers = {user.inputs[0][0]: user.name for user in graph.nodes if user.op == "Identity"}
        writer = _FunctionWriter(self, types, Builder(InsertPoint.at_end(block)), readers)
        for arg, value in zip(graph.args, block.args, strict=True):
            value.name_hint = name_hint(arg.name)
            value.location = location(arg.name)
            writer.values[arg, 0] = value
        for node in graph.nodes:
            writer.node(node)
        results = [writer.values[edge] for edge in graph.results]
        writer.builder.insert(ReturnOp(*results))
        public = visibility == "public"
        function = FuncOp(
            name,
            (list(block.arg_types), [value.type for value in results]),
            Region(block),
            visibility,
            arg_attrs=_names(graph.arg_names) if public and graph.args else None,
            res_attrs=_names(graph.result_names) if public and results else None,
        )
        self.functions.append(function)
        return function

    def variable(self, variable: Variable, name: str) -> str:
        """The key of the variable's initial value in the store: `name`, if it is free."""
        if variable not in self.keys:
            array = self.checked(variable.key, variable.read())
            self.keys[variable] = self.weights.add(name, array)
        return self.keys[variable]

    def constant(self, name: str, array: Array) -> str:
        """The key of a constant in the store."""
        keys = self.constants.setdefault(name, [])
        for key in keys:
            if _same(self.weights[key], array):
                return key
        keys.append(self.weights.add(name, self.checked(name, array)))
        return keys[-1]

    def checked(self, name: str, array: Array) -> Array:
        """`array`, after a look for NaN and infinity."""
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            self.warnings.append(f"weight '{name}' holds NaN or infinity")
        return array


def _names(names: Sequence[str]) -> ArrayAttr[DictionaryAttr]:
    return ArrayAttr([DictionaryAttr({"tf.name": StringAttr(name)}) for name in names])


class _FunctionWriter:
    def __init__(
        self, emitter: Emitter, types: Types, builder: Builder, readers: Mapping[Node, str]
    ):
        self.emitter = emitter
        self.readers = readers
        self.types = types
        self.builder = builder
        self.values: dict[Edge, SSAValue] = {}

    def node(self, node: Node) -> None:
        """Write one node."""
        if node.op == WEIGHT:
            assert node.variable is not None
            key = self.emitter.variable(node.variable, node.variable.key)
            self.weight(node, key)
        elif node.op == "Const":
            self.constant(node)
        else:
            self.operation(node)

    def define(self, node: Node, results: Sequence[SSAValue]) -> None:
        hint = name_hint(node.name)
        for i, value in enumerate(results):
            value.name_hint = hint
            self.values[node, i] = value

    def weight(self, node: Node, key: str) -> None:
        array = self.emitter.weights[key]
        dtype = tensorflow().as_dtype(array.dtype).as_datatype_enum
        op = self.builder.insert(WeightOp(key, tensor(element_type(dtype), array.shape)))
        op.location = location(node.name)
        self.define(node, [op.result])

    def constant(self, node: Node) -> None:
        proto = node.attrs["value"].tensor
        where = f"{self.emitter.where}: constant '{node.name}'"
        array = read_tensor(proto, where)
        element = element_type(proto.dtype)
        if array.dtype.hasobject or not _is_plain(element):
            self.odd_constant(node, array, element)
        elif array.size <= INLINE_LIMIT:
            op = self.builder.insert(ConstantOp.of(array, element))
            op.location = location(node.name)
            self.define(node, [op.result])
        else:
            self.weight(node, self.emitter.constant(self.weight_name(node), array))

    def weight_name(self, node: Node) -> str:
        """The name of a constant; a captured variable's, which has none, is that of its reader."""
        name = node.name
        if _CAPTURED.fullmatch(name):
            name = self.readers.get(node, name)
        return _READ_SUFFIX.sub("", name)

    def odd_constant(self, node: Node, array: Array, element: Attribute) -> None:
        """Strings, and types that the IR has no constants of: a node with text."""
        strings = [v if isinstance(v, bytes) else str(v).encode() for v in array.reshape(-1)]
        attrs: dict[str, Attribute] = {
            "dtype": element,
            "value": ArrayAttr([attributes.string(v) for v in strings]),
        }
        op = self.builder.insert(
            NodeOp("Const", [], attrs, [tensor(element, array.shape)], location(node.name))
        )
        self.define(node, op.outputs)

    def operation(self, node: Node) -> None:
        attrs = dict(attributes.defaults(node.op))
        for key, value in node.attrs.items():
            if key not in _DROPPED_ATTRIBUTES:
                attrs[key] = attributes.to_ir(value)
        for key, bodies in node.bodies.items():
            symbols = [self.emitter.body(body, self.types) for body in bodies]
            attrs[key] = ArrayAttr(symbols) if node.attrs[key].list.func else symbols[0]
        variable = node.variable or node.counter
        if variable is not None:
            name = variable.path or variable.key
            attrs["key"] = StringAttr(self.emitter.variable(variable, name))
        op = NodeOp(
            node.op,
            [self.values[edge] for edge in node.inputs],
            attrs,
            [value_type(typed) for typed in self.types[node]],
            location(node.name),
        )
        self.builder.insert(op)
        self.define(node, op.outputs)


def _same(one: Array, other: Array) -> bool:
    """Whether two arrays are alike to the bit."""
    return (one.dtype, one.shape) == (other.dtype, other.shape) and bool(
        np.array_equal(one.reshape(-1).view(np.uint8), other.reshape(-1).view(np.uint8))
    )


def _is_plain(element: Attribute) -> bool:
    return element in TENSORFLOW_NAME
