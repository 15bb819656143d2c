"""TensorFlow 1's variables as resources, which are what is compiled.

    VariableV2 -> Identity                     VarHandleOp -> ReadVariableOp -> Identity
    ApplyAdam(VariableV2, …)            ⇒      ResourceApplyAdam(VarHandleOp, …)
    Assign(VariableV2, v) -> Add               AssignVariableOp(VarHandleOp, v)
                                               ReadVariableOp -> Add

Nodes are in program order: what takes the value of a reference reads it where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.graph import Edge, Graph, Node, arg_length
from tfrc.compiler.frontend.tensorflow import Proto, op_def

REFERENCES = frozenset({"VariableV2", "Variable"})
"""Ops whose result is a reference to a variable."""

RESOURCES: Mapping[str, str] = {
    "Assign": "AssignVariableOp",
    "AssignAdd": "AssignAddVariableOp",
    "AssignSub": "AssignSubVariableOp",
    "IsVariableInitialized": "VarIsInitializedOp",
}
"""Ops on references whose names follow no rule."""

_PREFIXED = re.compile("(Sparse)?Apply|Scatter")
"""How the names of others begin; that of the op on resources has `Resource` before it."""


def resolve(graph: Graph, where: str) -> None:
    """Turn the variables of `graph` with values into resources, in place.

    Errors: ModelError for an op on references that has no form for resources.
    """
    if any(node.op in REFERENCES and node.variable is not None for node in graph.nodes):
        _Resolver(graph, where).run()


@dataclass
class _Resolver:
    graph: Graph
    where: str
    nodes: list[Node] = field(default_factory=list[Node])
    handles: dict[Edge, Node] = field(default_factory=dict[Edge, Node])
    """The variable behind each reference."""
    reads: int = 0
    values: dict[Node, Edge] = field(default_factory=dict[Node, Edge])
    """What was read of a variable since it was written."""

    def run(self) -> None:
        for node in self.graph.nodes:
            if node.op in REFERENCES and node.variable is not None:
                self.handles[node, 0] = node
                node.op = "VarHandleOp"
                node.attrs = _attributes(node.op, node.attrs)
            elif node.op == "RefIdentity" and node.inputs[0] in self.handles:
                self.handles[node, 0] = self.handles[node.inputs[0]]
                continue
            else:
                self.node(node)
            self.nodes.append(node)
        self.graph.results = [self.value(edge) for edge in self.graph.results]
        self.graph.nodes = self.nodes

    def node(self, node: Node) -> None:
        """Let `node` take handles for references, and values for anything else."""
        references = _reference_operands(node)
        written = [
            self.handles[e] for i, e in enumerate(node.inputs) if self.is_taken(e, i, references)
        ]
        node.inputs = [
            (self.handles[edge], 0) if self.is_taken(edge, i, references) else self.value(edge)
            for i, edge in enumerate(node.inputs)
        ]
        if not written:
            return
        op = RESOURCES.get(node.op, f"Resource{node.op}" if _PREFIXED.match(node.op) else "")
        if op_def(op) is None:
            raise ModelError(
                f"{self.where}: node '{node.name}' ({node.op}) is not compiled for a variable of "
                "TensorFlow 1: assign the whole value (tf.compat.v1.assign)"
            )
        if op != "VarIsInitializedOp":
            # Its result is the variable that it has written.
            self.handles[node, 0] = written[0]
            for handle in written:
                self.values.pop(handle, None)
        node.attrs = _attributes(op, node.attrs)
        node.op = op

    def is_taken(self, edge: Edge, operand: int, references: set[int]) -> bool:
        """Whether an operand is a variable, not its value."""
        return edge in self.handles and operand in references

    def value(self, edge: Edge) -> Edge:
        """What a reference refers to at this point; another edge is its own value."""
        handle = self.handles.get(edge)
        if handle is None:
            return edge
        if handle not in self.values:
            self.reads += 1
            name = f"{handle.name}/ReadVariableOp_{self.reads}"
            attrs = {"dtype": handle.attrs["dtype"]}
            read = Node(name, "ReadVariableOp", attrs, [(handle, 0)])
            self.nodes.append(read)
            self.values[handle] = (read, 0)
        return self.values[handle]


def _reference_operands(node: Node) -> set[int]:
    """The positions of operands that are references."""
    definition = op_def(node.op)
    result: set[int] = set()
    position = 0
    for arg in definition.input_arg if definition is not None else ():
        length = arg_length(arg, node.attrs)
        result |= set(range(position, position + length)) if arg.is_ref else set()
        position += length
    return result


def _attributes(op: str, attrs: Mapping[str, Proto]) -> dict[str, Proto]:
    """Those of `attrs` that `op` has; references call the element type `T`."""
    definition = op_def(op)
    assert definition is not None
    known = {attr.name for attr in definition.attr}
    if "dtype" in known and "T" in attrs:
        return {"dtype": attrs["T"]} | {key: attrs[key] for key in attrs if key in known}
    return {key: value for key, value in attrs.items() if key in known}
