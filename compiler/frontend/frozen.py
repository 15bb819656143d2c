"""Frozen graphs: a GraphDef with its weights inside, binary (`.pb`) or as text (`.pbtxt`).

A frozen graph does not say what its inputs and outputs are: they are its placeholders, and the
nodes that compute something that nothing reads.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.graph import SWITCHES, arg_length, takes_state
from tfrc.compiler.frontend.options import ImportOptions
from tfrc.compiler.frontend.source import Signature, Source
from tfrc.compiler.frontend.tensorflow import Proto, op_def, tensorflow

_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"})
_NO_OUTPUT = frozenset(
    {
        *_PLACEHOLDERS,
        *("NoOp", "Assert", "Print", "PrintV2", "Const", "VarHandleOp", "VariableV2"),
        *("RestoreV2", "SaveV2", "MergeV2Checkpoints", "ShardedFilename"),
    }
)
"""Ops whose values are no result of a model, even if nothing reads them."""


def read(path: Path, options: ImportOptions) -> Source:
    """The frozen graph in `path`.

    Errors: ModelError if the file is no GraphDef, or has no inputs and outputs.
    """
    what = f"frozen graph {path.name}"
    graph_def = parse(path)
    return Source(what, graph_def, [signature(graph_def, options, what)])


def parse(path: Path) -> Proto:
    """The GraphDef in a file.

    Errors: ModelError if it cannot be read as one.
    """
    graph_def: Any = tensorflow().compat.v1.GraphDef()
    data = path.read_bytes()
    if not data:
        raise ModelError(f"{path.name} is empty: give a frozen graph")
    message: Any = importlib.import_module("google.protobuf.message")
    text_format: Any = importlib.import_module("google.protobuf.text_format")
    try:
        if path.suffix == ".pbtxt":
            text_format.Parse(data.decode(), graph_def)
        else:
            graph_def.ParseFromString(data)
    except (message.DecodeError, text_format.ParseError, UnicodeDecodeError, ValueError) as error:
        kind = "text" if path.suffix == ".pbtxt" else "binary"
        detail = f" ({str(error).splitlines()[0]})" if path.suffix == ".pbtxt" else ""
        raise ModelError(
            f"{path.name} is not a {kind} GraphDef, or is cut off{detail}: write the model again, "
            "or name the SavedModel folder, .keras or .h5 file"
        ) from error
    if not len(graph_def.node) or not all(node.op and node.name for node in graph_def.node):
        raise ModelError(
            f"{path.name} holds no TensorFlow graph: give a frozen graph (.pb, .pbtxt), "
            "a SavedModel folder, or a .keras or .h5 file"
        )
    return graph_def


def signature(graph_def: Proto, options: ImportOptions, what: str) -> Signature:
    """The function that a frozen graph stands for, cut where `options` say."""
    outputs = options.outputs or tuple(_sinks(graph_def, options.inputs))
    if not outputs:
        raise ModelError(
            f"{what} has no output: it holds no computation, or a cycle that "
            "reads every result; name an output with --outputs"
        )
    inputs = options.inputs or tuple(_placeholders(graph_def, outputs))
    return Signature("serving_default", _by_name(inputs), _by_name(outputs))


def _by_name(tensors: Iterable[str]) -> dict[str, str]:
    return {
        tensor.removesuffix(":0"): tensor if ":" in tensor else f"{tensor}:0" for tensor in tensors
    }


def _placeholders(graph_def: Proto, outputs: Iterable[str]) -> list[str]:
    """The placeholders that `outputs` depend on, in the order of the file.

    One with a default is a constant unless it is named as an input.
    """
    readers = {node.name: [_node_of(text) for text in node.input] for node in graph_def.node}
    needed = _reached(readers, map(_node_of, outputs))
    return [name for name in _all_placeholders(graph_def) if name in needed]


def _all_placeholders(graph_def: Proto) -> list[str]:
    return [n.name for n in graph_def.node if n.op in ("Placeholder", "PlaceholderV2")]


def _reached(edges: Mapping[str, Sequence[str]], starts: Iterable[str]) -> set[str]:
    """The nodes on any path from `starts`."""
    seen: set[str] = set()
    stack = list(starts)
    while stack:
        name = stack.pop()
        if name not in seen and name in edges:
            seen.add(name)
            stack += edges[name]
    return seen


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").split(":")[0]


def _sinks(graph_def: Proto, inputs: Iterable[str]) -> list[str]:
    """What nothing reads; not what depends on no input, which a freezer left over, if others do."""
    every = _unread(graph_def)
    users: dict[str, list[str]] = {node.name: [] for node in graph_def.node}
    for node in graph_def.node:
        for text in node.input:
            users.setdefault(_node_of(text), []).append(node.name)
    starts = [*_all_placeholders(graph_def), *map(_node_of, inputs)]
    computed = _reached(users, starts)
    return [tensor for tensor in every if _node_of(tensor) in computed] or every


def _unread(graph_def: Proto) -> list[str]:
    read_nodes = {
        _node_of(text) for node in graph_def.node for text in node.input if not text.startswith("^")
    }
    switches = {node.name for node in graph_def.node if node.op in SWITCHES}
    result: list[str] = []
    for node in graph_def.node:
        if node.op == "Identity" and _node_of(node.input[0]) in switches:
            continue  # The pivot of a branch: only control edges read it.
        if node.name in read_nodes or node.op in _NO_OUTPUT or "Summary" in node.op:
            continue
        if takes_state(node.op):
            continue
        definition = op_def(node.op)
        args = definition.output_arg if definition is not None else ()
        count = sum(arg_length(arg, node.attr) for arg in args) if definition is not None else 1
        result += [node.name if i == 0 else f"{node.name}:{i}" for i in range(count)]
    return result
