"""A signature's graph: calls inlined, dead nodes dropped, nodes in program order.

The names of inlined nodes are those of the function's body below the call's own scope, so that
`model/conv/PartitionedCall` that calls a function with a node `Conv2D` gives `model/conv/Conv2D`.

What is not here: types (`shapes`), values of variables (`variables`), IR (`emit`).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.constants import check_tensor, read_tensor
from tfrc.compiler.frontend.source import Signature, Source, Variable
from tfrc.compiler.frontend.tensorflow import Proto, dtype_enum, op_def

ARG = "_Arg"
"""The op of a graph's argument."""

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})

BODIES: Mapping[str, Mapping[str, int]] = {
    # op: {attribute that names functions: the operand that is the functions' first argument}
    "While": {"cond": 0, "body": 0},
    "StatelessWhile": {"cond": 0, "body": 0},
    "If": {"then_branch": 1, "else_branch": 1},
    "StatelessIf": {"then_branch": 1, "else_branch": 1},
    "Case": {"branches": 1},
    "StatelessCase": {"branches": 1},
}
"""The ops of structured control flow, whose functions become functions of the module."""

_LOOPS = frozenset(
    {
        *("Enter", "Exit", "NextIteration", "LoopCond"),
        *("RefEnter", "RefExit", "RefNextIteration"),
    }
)
SWITCHES = frozenset({"Switch", "RefSwitch"})
_MERGES = frozenset({"Merge", "RefMerge"})

READS = frozenset(
    {
        *("Identity", "IdentityN", "ReadVariableOp", "ResourceGather", "ResourceGatherNd"),
        *("VariableShape", "VarIsInitializedOp", "IsVariableInitialized"),
        *("LookupTableFindV2", "LookupTableSizeV2", "LookupTableExportV2"),
        *(f"TensorArray{x}V3" for x in ("Read", "Write", "Gather", "Scatter", "Size", "Split")),
        *("TensorArrayConcatV3", "TensorArrayCloseV3", "TensorArrayGradV3"),
    }
)
"""Ops that take a resource or a reference and do not change what it refers to."""

_CALL_SCOPE = re.compile(r"(^|/)(Stateful)?PartitionedCall(_\d+)?$")
_MAX_DEPTH = 64


@dataclass(eq=False, slots=True)
class Node:
    """A node of a graph. `inputs` are data edges, in the order of the op's definition."""

    name: str
    op: str
    attrs: Mapping[str, Proto]
    inputs: list[Edge]
    variable: Variable | None = None
    """What a resource handle, a reference or a resource argument stands for."""
    counter: Variable | None = None
    """What the node's own generator of random numbers has come to."""
    bodies: dict[str, list[Graph]] = field(default_factory=lambda: dict[str, list[Graph]]())
    """The functions that an attribute names, specialised for this node."""


Edge = tuple[Node, int]
"""An output of a node."""


@dataclass(eq=False)
class Graph:
    """A signature or a function's body. `nodes` are in program order, without the arguments."""

    name: str
    args: list[Node]
    nodes: list[Node]
    results: list[Edge]
    arg_names: Sequence[str] = ()
    result_names: Sequence[str] = ()


_DEAD: Edge = (Node("", "_Dead", {}, []), 0)
"""An edge of a branch that is never taken."""


def flatten(source: Source, signature: Signature) -> Graph:
    """The graph of `signature`.

    Errors: ModelError for a name that the graph does not have, a cycle, TensorFlow 1 control flow,
    or an output that needs a placeholder which is not an input.
    """
    return _Flattener(source).signature(signature)


def root(edge: Edge) -> Edge:
    """The edge behind Identity nodes, and behind loops that pass a variable's handle on."""
    while True:
        node, index = edge
        if node.op == "Identity":
            edge = node.inputs[0]
        elif "body" in node.bodies and _is_passed_on(node.bodies["body"][0], index):
            edge = node.inputs[index]
        else:
            return edge


def _is_passed_on(body: Graph, index: int) -> bool:
    arg = body.args[index]
    return arg.variable is not None and root(body.results[index])[0] is arg


@cache
def takes_state(op: str) -> bool:
    """Whether the op has an operand that is a resource handle or a reference."""
    definition = op_def(op)
    if definition is None:
        return False
    return any(arg.is_ref or arg.type == dtype_enum("resource") for arg in definition.input_arg)


def has_effect(node: Node) -> bool:
    """Whether the node writes a variable, itself or in one of its functions."""
    if node.op in BODIES:
        return any(has_effect(n) for gs in node.bodies.values() for g in gs for n in g.nodes)
    return node.op not in READS and takes_state(node.op)


def prune(graph: Graph) -> None:
    """Keep the nodes that the results and the nodes with effects need."""
    needed: set[Node] = set()
    stack = [edge[0] for edge in graph.results]
    stack += [node for node in graph.nodes if has_effect(node)]
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack += [edge[0] for edge in node.inputs]
    graph.nodes = [node for node in graph.nodes if node in needed]


@dataclass(frozen=True)
class _Reference:
    """What an input string of a node says. `output` names an output argument in a function."""

    node: str
    index: int = 0
    output: str = ""
    control: bool = False


@cache
def _parse(text: str) -> _Reference:
    if text.startswith("^"):
        return _Reference(text[1:], control=True)
    name, *rest = text.split(":")
    if not rest:
        return _Reference(name)
    if len(rest) == 1:
        return _Reference(name, int(rest[0])) if rest[0].isdigit() else _Reference(name, 0, rest[0])
    return _Reference(name, int(rest[1]), rest[0])


class _Scope:
    """One NodeDef list being read: the main graph, or the body of one call."""

    def __init__(self, node_defs: Iterable[Proto], where: str, prefix: str, depth: int):
        self.node_defs: dict[str, Proto] = {}
        for node in node_defs:
            if node.name in self.node_defs:
                raise ModelError(f"{where}: there are two nodes '{node.name}': write it again")
            self.node_defs[node.name] = node
        self.where = where
        self.prefix = prefix
        self.depth = depth
        self.given: dict[tuple[str, int], Edge] = {}
        """Arguments, and tensors where the graph is cut."""
        self.attrs: Mapping[str, Proto] = {}
        """Attributes of the call, which a polymorphic function's nodes refer to."""
        self.made: dict[str, Callable[[_Reference], Edge]] = {}
        self.dead: set[str] = set()
        """Nodes that never run."""

    def reachable(self, targets: Iterable[str]) -> list[str]:
        """The nodes that `targets` need by data or control, each after those it needs.

        Among nodes that are ready the first of the file comes first.
        """
        waits: dict[str, int] = {}
        users: dict[str, list[str]] = {}
        stack = list(targets)
        while stack:
            name = stack.pop()
            if name in waits:
                continue
            needs: set[str] = set()
            for text in self.node_defs[name].input:
                ref = _parse(text)
                if not ref.control and (ref.node, ref.index) in self.given:
                    continue
                if ref.node not in self.node_defs:
                    if ref.control and (ref.node, 0) in self.given:
                        continue
                    raise ModelError(
                        f"{self.where}: node '{name}' reads '{ref.node}', which is not there: "
                        "the file is incomplete, write it again"
                    )
                needs.add(ref.node)
            waits[name] = len(needs)
            for need in needs:
                users.setdefault(need, []).append(name)
            stack += needs
        self.refuse_loops(waits)
        order = {name: i for i, name in enumerate(self.node_defs)}
        ready = [(order[name], name) for name, count in waits.items() if not count]
        heapq.heapify(ready)
        result: list[str] = []
        while ready:
            _, name = heapq.heappop(ready)
            result.append(name)
            for user in users.get(name, ()):
                waits[user] -= 1
                if not waits[user]:
                    heapq.heappush(ready, (order[user], user))
        if len(result) < len(waits):
            left = sorted(set(waits) - set(result), key=order.__getitem__)
            raise ModelError(
                f"{self.where}: nodes '{left[0]}' … '{left[-1]}' depend on themselves: "
                "a graph with a cycle cannot be compiled"
            )
        return result

    def refuse_loops(self, names: Iterable[str]) -> None:
        found = [name for name in names if self.node_defs[name].op in _LOOPS]
        if found:
            raise self.dataflow_control(min(found), f" and {len(found) - 1} more")

    def dataflow_control(self, name: str, more: str = "") -> ModelError:
        return ModelError(
            f"{self.where}: node '{name}' ({self.node_defs[name].op}){more}: TensorFlow 1 "
            "control flow is not supported: freeze the model with "
            "convert_variables_to_constants_v2(f, lower_control_flow=False), or cut the graph "
            "with --inputs and --outputs"
        )


class _Flattener:
    def __init__(self, source: Source):
        self.source = source
        self.library: dict[str, Proto] = {
            f.signature.name: f for f in source.graph_def.library.function
        }
        self.nodes: list[Node] = []
        self.names: set[str] = set()

    def signature(self, signature: Signature) -> Graph:
        scope = _Scope(self.source.graph_def.node, self.source.description, "", 0)
        args: list[Node] = []
        for name, tensor in signature.inputs.items():
            ref = self.existing(scope, tensor, "input")
            definition = scope.node_defs[ref.node]
            arg = Node(ref.node, ARG, definition.attr, [])
            scope.given[ref.node, ref.index] = (arg, 0)
            self.names.add(name)
            args.append(arg)
        outputs = [self.existing(scope, t, "output") for t in signature.outputs.values()]
        targets = [r.node for r in outputs if (r.node, r.index) not in scope.given]
        self.read(scope, [*targets, *(e for e in signature.effects if e in scope.node_defs)])
        graph = Graph(
            signature.name,
            args,
            self.nodes,
            [self.edge(scope, ref) for ref in outputs],
            list(signature.inputs),
            list(signature.outputs),
        )
        for tensor, edge in zip(signature.outputs.values(), graph.results, strict=True):
            if edge is _DEAD:
                raise ModelError(
                    f"{self.source.description}: the output '{tensor}' is in a branch that is "
                    "never taken: name another with --outputs"
                )
        prune(graph)
        for node in graph.nodes:
            if node.op == "Placeholder" and node.attrs["dtype"].type == dtype_enum("resource"):
                raise ModelError(
                    f"{self.source.description}: node '{node.name}' stands for a lookup table or "
                    "another resource, which cannot be compiled: leave this step out of the model "
                    "and do it before calling it"
                )
            if node.op == "Placeholder":
                raise ModelError(
                    f"{self.source.description}: the outputs of '{signature.name}' also need the "
                    f"placeholder '{node.name}': name it in --inputs, or cut the graph after it"
                )
        return graph

    def existing(self, scope: _Scope, tensor: str, what: str) -> _Reference:
        ref = _parse(tensor)
        if ref.node not in scope.node_defs:
            some = ", ".join(list(scope.node_defs)[:8])
            raise ModelError(
                f"{scope.where}: there is no node '{ref.node}' for {what} '{tensor}'; "
                f"the graph has {len(scope.node_defs)} nodes: {some} …"
            )
        return ref

    def body(self, name: str, args: list[Edge], where: str, depth: int) -> Graph:
        """The function `name` as a graph of its own, for operands `args`."""
        function = self.function(name, where, depth)
        outer = (self.nodes, self.names)
        self.nodes, self.names = [], set()
        nodes: list[Node] = []
        for arg, edge in zip(function.signature.input_arg, args, strict=True):
            self.names.add(arg.name)
            origin = root(edge)[0]
            attrs: Mapping[str, Proto] = origin.attrs if origin.variable else {}
            nodes.append(Node(arg.name, ARG, attrs, [], origin.variable))
        results = self.call(function, [(n, 0) for n in nodes], "", depth + 1, {})
        graph = Graph(name, nodes, self.nodes, results)
        graph.arg_names = [arg.name for arg in function.signature.input_arg]
        graph.result_names = [arg.name for arg in function.signature.output_arg]
        prune(graph)
        self.nodes, self.names = outer
        return graph

    def function(self, name: str, where: str, depth: int) -> Proto:
        if name not in self.library:
            raise ModelError(
                f"{self.source.description}: node '{where}' calls the function '{name}', which "
                "is not in the file: write the model again"
            )
        if depth > _MAX_DEPTH:
            raise ModelError(
                f"{self.source.description}: the function '{name}' calls itself: recursion "
                "cannot be compiled"
            )
        return self.library[name]

    def call(
        self,
        function: Proto,
        args: Sequence[Edge],
        prefix: str,
        depth: int,
        attrs: Mapping[str, Proto],
    ) -> list[Edge]:
        """Inline `function` for `args`; return its results."""
        name = function.signature.name
        where = f"{self.source.description}, function '{name}'"
        scope = _Scope(function.node_def, where, prefix, depth)
        scope.attrs = attrs if len(function.signature.attr) else {}
        if len(args) != len(function.signature.input_arg):
            raise ModelError(
                f"{where}: it takes {len(function.signature.input_arg)} arguments, but a call "
                f"gives {len(args)}: the file is damaged, write it again"
            )
        for arg, edge in zip(function.signature.input_arg, args, strict=True):
            scope.given[arg.name, 0] = edge
        results = [_parse(function.ret[out.name]) for out in function.signature.output_arg]
        targets = [r.node for r in results if (r.node, 0) not in scope.given]
        targets += function.control_ret.values()
        missing = next((t for t in targets if t not in scope.node_defs), None)
        if missing is not None:
            raise ModelError(f"{where}: it returns '{missing}', which is not there")
        self.read(scope, targets)
        return [self.edge(scope, ref) for ref in results]

    def edge(self, scope: _Scope, ref: _Reference) -> Edge:
        given = scope.given.get((ref.node, ref.index))
        return given if given is not None else scope.made[ref.node](ref)

    def read(self, scope: _Scope, targets: Iterable[str]) -> None:
        for name in scope.reachable(targets):
            definition = scope.node_defs[name]
            refs = [_parse(text) for text in definition.input]
            inputs = [self.edge(scope, r) for r in refs if not r.control]
            if definition.op in SWITCHES or definition.op in _MERGES:
                scope.made[name] = self.branch(scope, definition, inputs)
            elif _DEAD in inputs or any(r.control and r.node in scope.dead for r in refs):
                scope.made[name] = lambda ref: _DEAD
                scope.dead.add(name)
            else:
                scope.made[name] = self.node(scope, definition, inputs)

    def branch(
        self, scope: _Scope, definition: Proto, inputs: list[Edge]
    ) -> Callable[[_Reference], Edge]:
        """A Switch whose predicate is a constant (a learning phase), or the Merge behind it."""
        if definition.op in _MERGES:
            live = [edge for edge in inputs if edge is not _DEAD]
            if len(live) != 1:
                raise scope.dataflow_control(definition.name)
            return lambda ref: live[0]
        predicate = root(inputs[1])[0]
        if predicate.op != "Const":
            raise scope.dataflow_control(definition.name)
        taken = int(read_tensor(predicate.attrs["value"].tensor, predicate.name).item())
        return lambda ref: inputs[0] if ref.index == taken else _DEAD

    def node(
        self, scope: _Scope, definition: Proto, inputs: list[Edge]
    ) -> Callable[[_Reference], Edge]:
        op: str = definition.op
        name: str = scope.prefix + definition.name
        if op == "PlaceholderWithDefault":
            return lambda ref: inputs[0]
        if op in CALLS or op in self.library:
            callee = definition.attr["f"].func.name if op in CALLS else op
            function = self.function(callee, name, scope.depth)
            prefix = _CALL_SCOPE.sub("", name)
            edges = self.call(
                function, inputs, prefix and prefix + "/", scope.depth + 1, definition.attr
            )
            outs = [arg.name for arg in function.signature.output_arg]
            by_name = op not in CALLS
            return lambda ref: edges[
                outs.index(ref.output) if ref.output and by_name else ref.index
            ]
        if op == "Const":
            where = f"{self.source.description}: constant '{name}'"
            check_tensor(definition.attr["value"].tensor, where)
        node = Node(self.unique(name), op, self.attributes(scope, definition), inputs)
        if op in ("VarHandleOp", "VariableV2", "Variable", "Placeholder"):
            shared: str = definition.attr["shared_name"].s.decode() if op != "Placeholder" else ""
            variables = self.source.variables
            node.variable = variables.get(definition.name) or variables.get(shared)
        for attr, first in BODIES.get(op, {}).items():
            value = definition.attr[attr]
            names = [f.name for f in value.list.func] or [value.func.name]
            bodies = [self.body(f, inputs[first:], name, scope.depth) for f in names]
            node.bodies[attr] = bodies
        self.nodes.append(node)
        return lambda ref: (node, _output_index(node, ref))

    def attributes(self, scope: _Scope, definition: Proto) -> Mapping[str, Proto]:
        if not scope.attrs:
            return definition.attr
        return {
            key: scope.attrs.get(value.placeholder, value) if value.placeholder else value
            for key, value in definition.attr.items()
        }

    def unique(self, name: str) -> str:
        result, i = name, 0
        while result in self.names:
            i += 1
            result = f"{name}_{i}"
        self.names.add(result)
        return result


def _output_index(node: Node, ref: _Reference) -> int:
    """The flat index of `out_arg:index`: earlier output arguments may be lists."""
    if not ref.output:
        return ref.index
    definition = op_def(node.op)
    if definition is None:
        return ref.index
    index = ref.index
    for arg in definition.output_arg:
        if arg.name == ref.output:
            return index
        index += arg_length(arg, node.attrs)
    raise ModelError(f"node '{node.name}' ({node.op}) has no output '{ref.output}'")


def arg_length(arg: Proto, attrs: Mapping[str, Proto]) -> int:
    """How many tensors an argument of an op's definition stands for."""
    if arg.number_attr:
        return attrs[arg.number_attr].i
    if arg.type_list_attr:
        return len(attrs[arg.type_list_attr].list.type)
    return 1
