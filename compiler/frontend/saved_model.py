"""SavedModel folders of TensorFlow 1 and 2, read from their protocol buffers.

No Python object of the model is restored, so that neither the version of Keras nor custom classes
matter. A SavedModel holds a main graph with handles of all variables; a signature is a tensor of
that graph, usually the result of one call. `checkpoint` finds the values behind the handles.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.checkpoint import Checkpoint, entries, object_path
from tfrc.compiler.frontend.options import ImportOptions
from tfrc.compiler.frontend.source import Signature, Source, Variable, narrow
from tfrc.compiler.frontend.tensorflow import Proto, protobuf, sizes
from tfrc.ir.weights import Array

_HANDLES = ("VarHandleOp", "VariableV2", "Variable")
_SERVE = "serve"


def read(path: Path, options: ImportOptions) -> Source:
    """The SavedModel in the folder `path`.

    Errors: ModelError if the folder holds none, or it has no signature.
    """
    description = f"SavedModel {path.name}"
    meta_graph = _meta_graph(path)
    variables = _variables(path, meta_graph, description)
    warnings: list[str] = []
    signatures: list[Signature] = []
    for name in sorted(meta_graph.signature_def):
        if name.startswith("__saved_model"):
            continue
        definition = meta_graph.signature_def[name]
        inputs, outputs = _tensors(definition.inputs), _tensors(definition.outputs)
        if inputs is None or outputs is None:
            warnings.append(f"signature '{name}' is left out: it has sparse or ragged tensors")
            continue
        shapes = {n: sizes(definition.inputs[n].tensor_shape) for n in inputs}
        signature = Signature(name, inputs, outputs, shapes=shapes)
        chosen = not options.signatures or name in options.signatures
        signatures.append(narrow(signature, options, description) if chosen else signature)
    if not signatures:
        raise ModelError(
            f"{description} has no signature: save it with "
            "tf.saved_model.save(model, path, signatures=…)"
        )
    return Source(description, meta_graph.graph_def, signatures, variables, warnings)


def _tensors(infos: Mapping[str, Proto]) -> dict[str, str] | None:
    """Tensor names by the names of a signature, sorted; None if one is not a dense tensor."""
    if any(info.WhichOneof("encoding") != "name" for info in infos.values()):
        return None
    return {name: infos[name].name for name in sorted(infos)}


def _meta_graph(path: Path) -> Proto:
    saved_model: Any = protobuf("saved_model_pb2.SavedModel")()
    message: Any = importlib.import_module("google.protobuf.message")
    text_format: Any = importlib.import_module("google.protobuf.text_format")
    binary, text = path / "saved_model.pb", path / "saved_model.pbtxt"
    try:
        if binary.is_file():
            saved_model.ParseFromString(binary.read_bytes())
        elif text.is_file():
            text_format.Parse(text.read_text(), saved_model)
        else:
            raise ModelError(
                f"the folder {path} holds no saved_model.pb: name the folder of a SavedModel"
            )
    except (message.DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise ModelError(
            f"the saved_model.pb in {path} is damaged or cut off: save the model again"
        ) from error
    graphs: list[Proto] = list(saved_model.meta_graphs)
    if not graphs:
        raise ModelError(f"the saved_model.pb in {path} holds no graph: save the model again")
    return next((g for g in graphs if _SERVE in g.meta_info_def.tags), graphs[0])


def _variables(path: Path, meta_graph: Proto, description: str) -> dict[str, Variable]:
    """The variables by the name of their handle's node."""
    handles = [node.name for node in meta_graph.graph_def.node if node.op in _HANDLES]
    if not handles:
        return {}
    prefix = path / "variables" / "variables"
    checkpoint = Checkpoint(prefix) if prefix.with_suffix(".index").is_file() else None
    keys = entries(meta_graph, checkpoint, description)
    variables: dict[str, Variable] = {}
    by_entry: dict[str, Variable] = {}
    for name in handles:
        entry = keys.get(name)
        variable = Variable(
            name,
            _reader(checkpoint, entry, name, prefix),
            object_path(entry) if entry else "",
        )
        # A variable may have several handles.
        variables[name] = by_entry.setdefault(entry, variable) if entry else variable
    return variables


def _reader(
    checkpoint: Checkpoint | None, entry: str | None, name: str, prefix: Path
) -> Callable[[], Array]:
    @cache
    def value() -> Array:
        if checkpoint is None:
            raise ModelError(
                f"variable '{name}' has no value: {prefix}.index is missing; "
                "copy the whole SavedModel folder"
            )
        if entry is None or entry not in checkpoint:
            raise ModelError(f"variable '{name}' has no value in the checkpoint {prefix}")
        return np.asarray(checkpoint[entry])

    return value
