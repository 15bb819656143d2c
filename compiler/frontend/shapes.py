"""Types of every value, by TensorFlow's own shape functions.

The batch stays symbolic: the graph is imported for three batch sizes, and each dimension is the
line through its three values. Shape arithmetic (`Shape -> StridedSlice -> Pack -> Reshape`) is
evaluated by TensorFlow during the import.

Functions of While, If and Case are inferred for the shapes of their operands; a loop whose state
changes its shape is repeated with that dimension unknown. A TensorList that enters a function is
stood in for by a list with the element shape it was found to have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.graph import BODIES, Edge, Graph, Node, root
from tfrc.compiler.frontend.tensorflow import (
    Proto,
    dtype_enum,
    first_sentence,
    op_def,
    sizes,
    tensorflow,
)
from tfrc.compiler.frontend.variables import WEIGHT
from tfrc.ir.shape import Dim

BATCHES = (7, 11, 13)
"""Batch sizes to infer shapes for: primes, and unlikely as other dimensions' divisors."""

Sizes = tuple[int | None, ...] | None
"""A shape as TensorFlow knows it; None for an unknown dimension or rank."""

SCALAR_PRODUCER = 24
"""In graphs of earlier producers a placeholder of rank 0 has an unknown shape."""

_FOLDABLE = 1024
"""Constants of more elements are no shapes or axes: only their type takes part in inference."""


@dataclass(frozen=True)
class ListOf:
    """What is known of a TensorList: its elements' type and shape, and how many they are."""

    dtype: int
    shape: Sizes
    length: int | None


@dataclass(frozen=True)
class Inferred:
    """What TensorFlow knows of a value. `elements` is that of a TensorList."""

    dtype: int
    shape: Sizes
    elements: ListOf | None = None


@dataclass(frozen=True)
class Typed:
    """The type of a value: `dims` None if the rank is not known, an entry None if that is not."""

    dtype: int
    dims: tuple[Dim | None, ...] | None


Types = Mapping[Node, Sequence[Typed]]
"""The types of each node's outputs, of nodes of functions too."""


def infer(graph: Graph, inputs: Sequence[Inferred], versions: Proto, where: str) -> Types:
    """The types of all values of `graph`.

    The first dimension of an input may be None: that is the symbolic batch.
    Errors: ModelError if TensorFlow finds shapes that do not fit together.
    """
    symbolic = any(i.shape and i.shape[0] is None for i in inputs)

    def run(batch: int) -> dict[Node, list[Inferred]]:
        inference = _Inference(versions, where)
        inference.graph(graph, [Inferred(i.dtype, _at(i.shape, batch)) for i in inputs])
        return inference.outputs

    try:
        runs = [(batch, run(batch)) for batch in (BATCHES if symbolic else (1,))]
    except ModelError as error:
        run(1)  # A fault that has nothing to do with the batch is the one to report.
        raise ModelError(
            f"{error} (for a batch of {BATCHES[0]}; if the model is made for one batch size, "
            "give it with --input-shape)"
        ) from error
    return {
        node: [
            _fit([(batch, outputs[node][i]) for batch, outputs in runs])
            for i in range(min(len(outputs[node]) for _, outputs in runs))
        ]
        for node in runs[0][1]
    }


def _at(shape: Sizes, batch: int) -> Sizes:
    if not shape:
        return shape
    return (batch if shape[0] is None else shape[0], *shape[1:])


def _fit(points: Sequence[tuple[int, Inferred]]) -> Typed:
    first = points[0][1]
    shapes = [(batch, i.shape) for batch, i in points]
    ranks = {None if shape is None else len(shape) for _, shape in shapes}
    if first.shape is None or len(ranks) > 1:
        return Typed(first.dtype, None)
    dims = [_fit_dim([(b, s[axis]) for b, s in shapes if s]) for axis in range(len(first.shape))]
    return Typed(first.dtype, tuple(dims))


def _fit_dim(points: Sequence[tuple[int, int | None]]) -> Dim | None:
    known = [(batch, size) for batch, size in points if size is not None]
    if len(known) < len(points):
        return None
    if len(known) == 1 or len({size for _, size in known}) == 1:
        return Dim(0, known[0][1])
    dim = Dim.fit(known)
    return dim if dim is not None and dim.scale > 0 else None


def _merge(one: Sizes, other: Sizes) -> Sizes:
    """What both shapes together say; they describe the same value."""
    if one is None or other is None or len(one) != len(other):
        return one if other is None else other
    return tuple(b if a is None else a for a, b in zip(one, other, strict=True))


def _common(one: Sizes, other: Sizes) -> Sizes:
    """What holds for a value that has either shape."""
    if one is None or other is None or len(one) != len(other):
        return None
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))


class _Inference:
    """One inference, for one batch size. `outputs` collects the result of all graphs."""

    def __init__(self, versions: Proto, where: str):
        self.versions = versions
        self.where = where
        self.outputs: dict[Node, list[Inferred]] = {}

    def graph(self, graph: Graph, args: Sequence[Inferred]) -> list[Inferred]:
        """Infer `graph` for `args`; return its results."""
        importer = _Importer(self)
        for node, arg in zip(graph.args, args, strict=True):
            importer.stand_in(node, [arg])
        for node in graph.nodes:
            if node.op in BODIES:
                importer.flush()
                first = next(iter(BODIES[node.op].values()))
                operands = [importer.value(edge) for edge in node.inputs[first:]]
                importer.stand_in(node, self.functional(node, operands))
            elif node.op == WEIGHT or op_def(node.op) is None:
                importer.stand_in(node, self.opaque(node, graph))
            else:
                importer.add(node)
        importer.flush()
        return [importer.value(edge) for edge in graph.results]

    def opaque(self, node: Node, graph: Graph) -> list[Inferred]:
        """A weight, or the outputs of an op that this TensorFlow does not have."""
        if node.op == WEIGHT:
            assert node.variable is not None
            value = node.variable.read()
            dtype = tensorflow().as_dtype(value.dtype).as_datatype_enum
            return [Inferred(dtype, value.shape)]
        used = [i for user in graph.nodes for n, i in user.inputs if n is node]
        used += [i for n, i in graph.results if n is node]
        types = [node.attrs[a].type for a in ("dtype", "Tout", "T") if a in node.attrs]
        dtype = next((t for t in types if t), dtype_enum("float32"))
        return [Inferred(dtype, None)] * (max(used, default=0) + 1)

    def functional(self, node: Node, operands: list[Inferred]) -> list[Inferred]:
        """The results of a While, If or Case."""
        if "body" in node.bodies:
            return self.loop(node, operands)
        branches = [self.graph(g, operands) for gs in node.bodies.values() for g in gs]
        return [reduce(_either, results) for results in zip(*branches, strict=True)]

    def loop(self, node: Node, state: list[Inferred]) -> list[Inferred]:
        """The types of a loop's state: those before the loop, as far as the body keeps them."""
        declared = node.attrs["output_shapes"].list.shape if "output_shapes" in node.attrs else ()
        limits = [sizes(shape) for shape in declared] or [None] * len(state)
        while True:
            (body,) = node.bodies["body"]
            results = self.graph(body, state)
            after: list[Inferred] = []
            for now, result, limit in zip(state, results, limits, strict=True):
                shape = _merge(_common(now.shape, result.shape), limit)
                after.append(Inferred(now.dtype, shape, _kept(now.elements, result.elements)))
            if after == state:
                break
            state = after
        for condition in node.bodies["cond"]:
            self.graph(condition, state)
        return state


def _either(one: Inferred, other: Inferred) -> Inferred:
    """What is known of the result of an If or a Case."""
    elements = one.elements if one.elements == other.elements else None
    return Inferred(one.dtype, _common(one.shape, other.shape), elements)


def _kept(before: ListOf | None, after: ListOf | None) -> ListOf | None:
    """What a loop knows of a list: elements that the body writes say more than the empty list."""
    if before is None or after is None:
        return None
    length = before.length if before.length == after.length else None
    return ListOf(before.dtype, _merge(before.shape, after.shape), length)


class _Importer:
    """Feeds one graph to TensorFlow, piece by piece, and reads what it infers."""

    def __init__(self, inference: _Inference):
        self.inference = inference
        self.tf = tensorflow()
        self.graph: Any = self.tf.Graph()
        self.names: dict[Node, str] = {}
        self.edges: dict[Edge, str] = {}
        """Tensors that stand in for outputs of nodes that are not imported."""
        self.piece: Proto = self.tf.compat.v1.GraphDef()
        self.pending: list[Node] = []
        self.by_name: dict[str, Node] = {}

    def tensor(self, edge: Edge) -> str:
        return self.edges.get(edge) or f"{self.names[edge[0]]}:{edge[1]}"

    def name(self, node: Node) -> str:
        name = f"n{len(self.names)}"
        self.names[node] = name
        self.by_name[name] = node
        return name

    def add(self, node: Node) -> None:
        """Let TensorFlow infer `node`."""
        name = self.name(node)
        if node.op == "Const" and _elements(node.attrs["value"].tensor) > _FOLDABLE:
            tensor = node.attrs["value"].tensor
            self.placeholder(name, Inferred(tensor.dtype, sizes(tensor.tensor_shape)))
        else:
            length = None
            if node.op == "TensorListStack" and node.attrs["num_elements"].i < 0:
                elements = self.elements(node.inputs[0])
                length = elements.length if elements is not None else None
            definition = self.piece.node.add(name=name, op=node.op)
            definition.input.extend([self.tensor(edge) for edge in node.inputs])
            _copy_attributes(node, definition)
            if length is not None:
                definition.attr["num_elements"].i = length
        self.pending.append(node)

    def stand_in(self, node: Node, outputs: list[Inferred]) -> None:
        """Take `outputs` for the types of `node`."""
        name = self.name(node)
        self.inference.outputs[node] = outputs
        for i, output in enumerate(outputs):
            self.edges[node, i] = f"{name}_{i}:0"
            if output.elements is not None:
                self.tensor_list(f"{name}_{i}", output.elements)
            elif output.dtype == dtype_enum("resource") and "dtype" in node.attrs:
                definition = self.piece.node.add(name=f"{name}_{i}", op="VarHandleOp")
                _copy_attributes(node, definition)
            else:
                self.placeholder(f"{name}_{i}", output)

    def placeholder(self, name: str, output: Inferred) -> None:
        if output.shape == () and self.inference.versions.producer < SCALAR_PRODUCER:
            self.old_scalar(name, output.dtype)
            return
        definition = self.piece.node.add(name=name, op="Placeholder")
        definition.attr["dtype"].type = output.dtype
        _set_shape(definition.attr["shape"].shape, output.shape)

    def old_scalar(self, name: str, dtype: int) -> None:
        """A scalar for a graph in which a placeholder cannot be one."""
        self.placeholder(f"{name}_vector", Inferred(dtype, (1,)))
        self.integers(f"{name}_shape", [])
        definition = self.piece.node.add(name=name, op="Reshape")
        definition.input.extend([f"{name}_vector", f"{name}_shape"])
        definition.attr["T"].type = dtype

    def integers(self, name: str, values: int | Sequence[int]) -> None:
        definition = self.piece.node.add(name=name, op="Const")
        definition.attr["dtype"].type = dtype_enum("int32")
        tensor = self.tf.make_tensor_proto(values, dtype="int32")
        definition.attr["value"].tensor.CopyFrom(tensor)

    def tensor_list(self, name: str, elements: ListOf) -> None:
        shape = elements.shape
        dims = -1 if shape is None else [-1 if d is None else d for d in shape]
        self.integers(f"{name}_shape", dims)
        # A constant length would let TensorFlow evaluate the list, and it is empty here.
        self.placeholder(f"{name}_length", Inferred(dtype_enum("int32"), ()))
        definition = self.piece.node.add(name=name, op="TensorListReserve")
        definition.input.extend([f"{name}_shape", f"{name}_length"])
        definition.attr["element_dtype"].type = elements.dtype
        definition.attr["shape_type"].type = dtype_enum("int32")

    def value(self, edge: Edge) -> Inferred:
        """What is known of an edge that was added before; for a TensorList, of its elements."""
        if edge[0] not in self.inference.outputs:
            self.flush()
        node, index = edge
        outputs = self.inference.outputs[node]
        if index >= len(outputs):
            raise ModelError(
                f"{self.inference.where}: there is no tensor '{node.name}:{index}': "
                f"node '{node.name}' ({node.op}) has {len(outputs)} outputs"
            )
        inferred = outputs[index]
        if inferred.dtype != dtype_enum("variant"):
            return inferred
        return Inferred(inferred.dtype, inferred.shape, self.elements(edge))

    def elements(self, edge: Edge) -> ListOf | None:
        """What is known of the TensorList that an edge carries."""
        edge = root(edge)
        node, index = edge
        known = self.inference.outputs.get(node)
        if known is not None and known[index].elements is not None:
            return known[index].elements
        dtype = node.attrs["element_dtype"].type if "element_dtype" in node.attrs else 0
        match node.op:
            case "TensorListFromTensor":
                shape = self.value(node.inputs[0]).shape
                return ListOf(dtype, shape[1:] if shape else None, shape[0] if shape else None)
            case "TensorListReserve":
                return ListOf(
                    dtype, self.constant_shape(node.inputs[0]), self.scalar(node.inputs[1])
                )
            case "EmptyTensorList":
                return ListOf(dtype, self.constant_shape(node.inputs[0]), None)
            case "TensorListSetItem" | "TensorListPushBack":
                before = self.elements(node.inputs[0])
                if before is None:
                    return None
                shape = _merge(before.shape, self.value(node.inputs[-1]).shape)
                return ListOf(dtype, shape, before.length if node.op.endswith("Item") else None)
            case "TensorListPopBack" | "TensorListResize":
                before = self.elements(node.inputs[0])
                return before and ListOf(before.dtype, before.shape, None)
            case _:
                return None

    def scalar(self, edge: Edge) -> int | None:
        """The integer that an edge carries as TensorFlow folds it; None if it depends on data."""
        self.flush()
        tensor = self.graph.get_tensor_by_name(self.tensor(edge))
        with self.graph.as_default():
            # A shape function of TensorFlow evaluates what a shape is made of.
            return self.tf.fill([tensor], False).shape.as_list()[0]

    def constant_shape(self, edge: Edge) -> Sizes:
        """The shape that an `element_shape` operand states; -1 alone means that none is known."""
        self.flush()
        tensor = self.graph.get_tensor_by_name(self.tensor(edge))
        dims = self.tf.get_static_value(tensor, partial=True)
        if dims is None or not tensor.shape.rank:
            return None
        return tuple(None if d is None or d < 0 else int(d) for d in dims)

    def flush(self) -> None:
        """Import what was added since the last call."""
        if not len(self.piece.node):
            return
        here = {node.name for node in self.piece.node}
        outside = {
            tensor
            for node in self.piece.node
            for tensor in node.input
            if tensor.split(":")[0] not in here
        }
        self.piece.versions.CopyFrom(self.inference.versions)
        with self.graph.as_default():
            try:
                operations = self.tf.import_graph_def(
                    self.piece,
                    name="",
                    input_map={t: self.graph.get_tensor_by_name(t) for t in outside},
                    return_elements=[self.names[node] for node in self.pending],
                )
            except (ValueError, TypeError, self.tf.errors.OpError) as error:
                raise self.explain(error) from error
        for node, operation in zip(self.pending, operations, strict=True):
            self.inference.outputs[node] = [
                Inferred(t.dtype.base_dtype.as_datatype_enum, _tensor_sizes(t))
                for t in operation.outputs
            ]
        self.piece = self.tf.compat.v1.GraphDef()
        self.pending = []

    def explain(self, error: BaseException) -> ModelError:
        """TensorFlow's complaint with the names that the user knows."""
        text = first_sentence(error)
        found = re.search(r"\{\{node (n\d+)\}\}|[Nn]ode '?(n\d+)\b", text)
        node = self.by_name.get(found[1] or found[2]) if found else None
        text = re.sub(r"\s*(for|\[\[?|with)? ?'?\{\{node .*|; (Op<|NodeDef: ).*", "", text)
        text = re.sub(r"\b(n\d+)(_\d+)?(:\d+)?\b", self.original, text).rstrip(" .:;'")
        place = f"node '{node.name}' ({node.op})" if node else "the graph"
        return ModelError(f"{self.inference.where}: TensorFlow refuses {place}: {text}")

    def original(self, match: re.Match[str]) -> str:
        """The name that the user knows instead of one given here."""
        node = self.by_name.get(match[1])
        return match[0] if node is None else f"'{node.name}'"


def _elements(tensor: Proto) -> int:
    result = 1
    for dim in tensor.tensor_shape.dim:
        result *= max(dim.size, 0)
    return result


def _copy_attributes(node: Node, definition: Proto) -> None:
    known = _known_attributes(definition.op)
    for key, value in node.attrs.items():
        if key in known:
            definition.attr[key].CopyFrom(value)


def _known_attributes(op: str) -> frozenset[str]:
    if op not in _KNOWN:
        _KNOWN[op] = frozenset(attr.name for attr in op_def(op).attr)  # pyright: ignore
    return _KNOWN[op]


_KNOWN: dict[str, frozenset[str]] = {}


def _set_shape(proto: Proto, shape: Sizes) -> None:
    if shape is None:
        proto.unknown_rank = True
        return
    proto.SetInParent()
    for size in shape:
        proto.dim.add(size=-1 if size is None else size)


def _tensor_sizes(tensor: Any) -> Sizes:
    shape = tensor.shape
    return None if shape.rank is None else tuple(shape.as_list())
