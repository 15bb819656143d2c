"""Variables that nothing writes become weights.

    VarHandleOp -> ReadVariableOp -> MatMul         weight -> MatMul
    While(…, handle, …) { … ReadVariableOp(arg) }   While(…) { weight … }
    ResourceGather(handle, ids)                     GatherV2(weight, ids, 0)

A variable that a signature of the module writes keeps its handle, in every signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tfrc.compiler.frontend.graph import (
    BODIES,
    READS,
    Edge,
    Graph,
    Node,
    arg_length,
    prune,
    root,
    takes_state,
)
from tfrc.compiler.frontend.source import Variable
from tfrc.compiler.frontend.tensorflow import Proto, dtype_enum, op_def, tensorflow

WEIGHT = "_Weight"
"""The op of a node that stands for the value of a variable."""

_OPERAND_LISTS: Mapping[str, tuple[str, ...]] = {
    # The attributes with one entry for each operand after the first one of the functions.
    "While": ("T", "output_shapes"),
    "StatelessWhile": ("T", "output_shapes"),
    "If": ("Tin",),
    "StatelessIf": ("Tin",),
    "Case": ("Tin",),
    "StatelessCase": ("Tin",),
}


def written_by(graph: Graph) -> set[Variable]:
    """The variables that `graph` or one of its functions writes."""
    written: set[Variable] = set()
    _collect_written(graph, written)
    return written


def freeze(graph: Graph, written: set[Variable]) -> None:
    """Turn the variables that are not in `written` into weights, in place."""
    _Freezer(graph, written).run()
    prune(graph)


def _collect_written(graph: Graph, written: set[Variable]) -> None:
    for node in graph.nodes:
        for bodies in node.bodies.values():
            for body in bodies:
                _collect_written(body, written)
        if node.counter is not None:
            written.add(node.counter)
        if node.bodies or node.op in READS or not takes_state(node.op):
            continue
        for edge in _state_operands(node):
            variable = root(edge)[0].variable
            if variable is not None:
                written.add(variable)


def _state_operands(node: Node) -> list[Edge]:
    definition = op_def(node.op)
    assert definition is not None
    result: list[Edge] = []
    position = 0
    for arg in definition.input_arg:
        length = arg_length(arg, node.attrs)
        if arg.is_ref or arg.type == dtype_enum("resource"):
            result += node.inputs[position : position + length]
        position += length
    return result


class _Freezer:
    """Rewrites one graph. Handles that are left without readers fall to `prune`."""

    def __init__(self, graph: Graph, written: set[Variable]):
        self.graph = graph
        self.written = written
        self.nodes: list[Node] = []
        self.aliases: dict[Edge, Edge] = {}
        """Edges that stand for others."""
        self.weights: dict[Variable, Edge] = {}

    def run(self) -> None:
        for arg in self.graph.args:
            if self.frozen((arg, 0)) is not None:
                self.weight(arg)
        self.graph.args = [arg for arg in self.graph.args if self.frozen((arg, 0)) is None]
        for node in self.graph.nodes:
            node.inputs = [self.aliases.get(edge, edge) for edge in node.inputs]
            self.node(node)
        self.graph.nodes = self.nodes
        self.graph.results = [self.aliases.get(edge, edge) for edge in self.graph.results]

    def frozen(self, edge: Edge) -> Variable | None:
        """The variable that an edge is a handle of, if nothing writes it."""
        node = root(edge)[0]
        return node.variable if node.op != WEIGHT and node.variable not in self.written else None

    def weight(self, handle: Node) -> None:
        """Put the value of a handle's variable before its readers."""
        assert handle.variable is not None
        if handle.variable not in self.weights:
            node = Node(handle.variable.key, WEIGHT, handle.attrs, [], handle.variable)
            self.nodes.append(node)
            self.weights[handle.variable] = (node, 0)

    def node(self, node: Node) -> None:
        if self.frozen((node, 0)) is not None and node.op != "Identity":
            self.weight(node)
        elif node.op in BODIES:
            self.functional(node)
        elif node.op == "VariableShape" and root(node.inputs[0])[0].variable is not None:
            _variable_shape(node, root(node.inputs[0])[0].variable)
        elif node.op in _ON_HANDLE and (variable := self.frozen(node.inputs[0])) is not None:
            replacement = _ON_HANDLE[node.op](node, self.weights[variable])
            if isinstance(replacement, tuple):
                self.aliases[node, 0] = replacement
                return
            self.nodes += replacement
        self.nodes.append(node)

    def functional(self, node: Node) -> None:
        """Drop the handles among the operands of a While, If or Case."""
        first = next(iter(BODIES[node.op].values()))
        operands = node.inputs[first:]
        dropped = [i for i, edge in enumerate(operands) if self.frozen(edge) is not None]
        loops = node.op.endswith("While")
        for attr, bodies in node.bodies.items():
            for body in bodies:
                if loops and attr == "body":
                    body.results = [e for i, e in enumerate(body.results) if i not in dropped]
                _Freezer(body, self.written).run()
                prune(body)
        if not dropped:
            return
        kept = [i for i in range(len(operands)) if i not in dropped]
        node.inputs = node.inputs[:first] + [operands[i] for i in kept]
        node.attrs = {
            key: _select(value, kept) if key in _OPERAND_LISTS[node.op] else value
            for key, value in node.attrs.items()
        }
        if loops:
            self.aliases |= {(node, i): root(operands[i]) for i in dropped}
            self.aliases |= {(node, old): (node, i) for i, old in enumerate(kept)}


def _select(value: Proto, kept: list[int]) -> Proto:
    result = type(value)()
    types, shapes = value.list.type, value.list.shape
    result.list.SetInParent()
    result.list.type.extend(types[i] for i in kept if types)
    result.list.shape.extend(shapes[i] for i in kept if shapes)
    return result


def _read(node: Node, weight: Edge) -> Edge:
    return weight


def _gather(node: Node, weight: Edge) -> list[Node]:
    tf = tensorflow()
    value = tf.compat.v1.AttrValue(tensor=tf.make_tensor_proto(np.int32(0)))
    int32 = tf.compat.v1.AttrValue(type=dtype_enum("int32"))
    axis = Node(f"{node.name}/axis", "Const", {"dtype": int32, "value": value}, [])
    node.inputs = [weight, node.inputs[1], (axis, 0)]
    node.attrs = {
        "Tparams": node.attrs["dtype"],
        "Tindices": node.attrs["Tindices"],
        "Taxis": int32,
    } | ({"batch_dims": node.attrs["batch_dims"]} if "batch_dims" in node.attrs else {})
    node.op = "GatherV2"
    return [axis]


def _gather_nd(node: Node, weight: Edge) -> list[Node]:
    node.inputs[0] = weight
    node.attrs = {"Tparams": node.attrs["dtype"], "Tindices": node.attrs["Tindices"]}
    node.op = "GatherNd"
    return []


def _variable_shape(node: Node, variable: Variable | None) -> None:
    """The shape of a variable is a constant, whether it is written or not."""
    assert variable is not None
    tf = tensorflow()
    out_type = node.attrs["out_type"].type if "out_type" in node.attrs else dtype_enum("int32")
    shape = np.array(variable.read().shape, tf.as_dtype(out_type).as_numpy_dtype)
    node.inputs = []
    node.attrs = {
        "dtype": tf.compat.v1.AttrValue(type=out_type),
        "value": tf.compat.v1.AttrValue(tensor=tf.make_tensor_proto(shape)),
    }
    node.op = "Const"


_ON_HANDLE: Mapping[str, Callable[[Node, Edge], Edge | list[Node]]] = {
    "ReadVariableOp": _read,
    "ResourceGather": _gather,
    "ResourceGatherNd": _gather_nd,
}
"""What reading a variable becomes: an edge, or the nodes to put before it."""
