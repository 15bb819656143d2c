"""Which entry of a SavedModel's checkpoint holds the value of which variable handle.

Two records say so, and either may lack some handles:

- the restore node of the main graph assigns entries to handles (all TensorFlow 1 has);
- a call of the main graph lists, in the object graph, the objects behind its operands, and the
  checkpoint has an object graph of the same form with the keys of the entries.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.graph import CALLS, flatten, root
from tfrc.compiler.frontend.source import Signature, Source
from tfrc.compiler.frontend.tensorflow import Proto, first_sentence, protobuf, tensorflow

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"
_SUFFIX = f"/.ATTRIBUTES/{_VALUE}"
"""What TensorFlow 2 puts behind the object path in the key of an entry."""


class Checkpoint:
    """The arrays beside a SavedModel's graph."""

    def __init__(self, prefix: Path):
        self.prefix = prefix
        try:
            self.reader: Any = tensorflow().train.load_checkpoint(str(prefix))
        except Exception as error:  # the reader raises nearly every type for bad data
            raise self.unreadable(error) from error

    def unreadable(self, error: Exception) -> ModelError:
        return ModelError(
            f"the checkpoint {self.prefix} cannot be read ({first_sentence(error)}): "
            "save the model again"
        )

    def __contains__(self, key: str) -> bool:
        return self.reader.has_tensor(key)

    def __getitem__(self, key: str) -> Any:
        try:
            return self.reader.get_tensor(key)
        except Exception as error:  # as above
            raise self.unreadable(error) from error


def object_path(entry: str) -> str:
    """The path of the variable whose value is that entry; TensorFlow 1's entries are names."""
    return entry.removesuffix(_SUFFIX)


def entries(meta_graph: Proto, checkpoint: Checkpoint | None, description: str) -> dict[str, str]:
    """Checkpoint keys by the node name of the variable's handle."""
    restored = _restored(meta_graph, description)
    if checkpoint is None or _OBJECT_GRAPH not in checkpoint:
        return restored
    stored: Any = protobuf("trackable_object_graph_pb2.TrackableObjectGraph")()
    try:
        stored.ParseFromString(checkpoint[_OBJECT_GRAPH])
        return _bound(meta_graph, stored) | restored
    except (IndexError, importlib.import_module("google.protobuf.message").DecodeError) as error:
        raise checkpoint.unreadable(error) from error


def _restored(meta_graph: Proto, description: str) -> dict[str, str]:
    """What the restore node assigns: RestoreV2 -> Identity -> AssignVariableOp(handle)."""
    saver = meta_graph.saver_def
    if not saver.restore_op_name:
        return {}
    source = Source(description, meta_graph.graph_def, [])
    inputs = {"filename": saver.filename_tensor_name}
    restore = flatten(source, Signature("restore", inputs, {}, (saver.restore_op_name,)))
    result: dict[str, str] = {}
    for node in restore.nodes:
        if node.op not in ("AssignVariableOp", "Assign"):
            continue
        handle = root(node.inputs[0])[0]
        value, index = root(node.inputs[1])
        names = root(value.inputs[1])[0] if value.op == "RestoreV2" else None
        if names is not None and names.op == "Const":
            keys = tensorflow().make_ndarray(names.attrs["value"].tensor)
            result[handle.name] = keys[index].decode()
    return result


def _bound(meta_graph: Proto, stored: Proto) -> dict[str, str]:
    """What the functions that the main graph calls are bound to."""
    saved = meta_graph.object_graph_def
    keys = _keys(saved, stored)
    result: dict[str, str] = {}
    for node in meta_graph.graph_def.node:
        if node.op not in CALLS or node.attr["f"].func.name not in saved.concrete_functions:
            continue
        objects = saved.concrete_functions[node.attr["f"].func.name].bound_inputs
        operands = [text for text in node.input if not text.startswith("^")]
        for operand, number in zip(operands[-len(objects) :], objects, strict=False):
            if number in keys:
                result[operand.removesuffix(":0")] = keys[number]
    return result


def _keys(saved: Proto, stored: Proto) -> Mapping[int, str]:
    """Checkpoint keys by object: both object graphs are walked along the same names."""
    same: dict[int, int] = {}
    stack = [(0, 0)] if len(saved.nodes) and len(stored.nodes) else []
    while stack:
        here, there = stack.pop()
        if here in same:
            continue
        same[here] = there
        children = {c.local_name: c.node_id for c in stored.nodes[there].children}
        stack += [
            (child.node_id, children[child.local_name])
            for child in saved.nodes[here].children
            if child.local_name in children
        ]
        slots = {
            (slot.original_variable_node_id, slot.slot_name): slot.slot_variable_node_id
            for slot in stored.nodes[there].slot_variables
        }
        for slot in saved.nodes[here].slot_variables:
            original = same.get(slot.original_variable_node_id)
            if (original, slot.slot_name) in slots:
                other = slots[original, slot.slot_name]  # pyright: ignore[reportArgumentType]
                stack.append((slot.slot_variable_node_id, other))
    return {
        here: attribute.checkpoint_key
        for here, there in same.items()
        for attribute in stored.nodes[there].attributes
        if attribute.name == _VALUE
    }
