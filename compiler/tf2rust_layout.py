"""What CrowdStrike's tf2rust writes beside the Rust: the Keras model's layers, graph and weights.

    saved_model_from_tensorflow/   computation_graph.json, model_architecture.json,
                                   model_overview.png, model_weights.npz
    rust_generated_code/           the crate; model/model_weights.npz once more, as Keras has them

The crate computes with model/weights.bin, in which the weights are folded and packed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfrc.backend_rust.testdata import write_npz
from tfrc.compiler.drawing import Box, drawing_png
from tfrc.compiler.frontend.keras_layers import Layer, Sizes
from tfrc.ir.weights import Array

MODEL = "saved_model_from_tensorflow"
CRATE = "rust_generated_code"


def write_model(folder: Path, layers: Sequence[Layer]) -> None:
    """Write what describes the model into `folder`, where the crate is already."""
    target = folder / MODEL
    target.mkdir()
    _write_json(target / "computation_graph.json", {x.name: connections(x) for x in layers})
    _write_json(target / "model_architecture.json", {x.name: architecture(x) for x in layers})
    (target / "model_overview.png").write_bytes(drawing_png([("", boxes(layers))]))
    write_npz(target / "model_weights.npz", weights(layers))
    shutil.copyfile(target / "model_weights.npz", folder / CRATE / "model" / "model_weights.npz")


def connections(layer: Layer) -> dict[str, list[str]]:
    """What a layer reads, and who reads it."""
    return {"inbounds": layer.inbounds, "outbounds": layer.outbounds}


def architecture(layer: Layer) -> dict[str, Any]:
    """A layer with its arguments and shapes. That of an input is in a list, as Keras 2 has it."""
    inputs = layer.inputs or layer.outputs
    return {
        "class_name": layer.class_name,
        "config": layer.config,
        "name": layer.name,
        "input_shape": inputs[0] if len(inputs) == 1 and layer.inputs else inputs,
        "output_shape": layer.outputs[0]
        if len(layer.outputs) == 1 and layer.inputs
        else layer.outputs,
        "connections": connections(layer),
    }


def weights(layers: Sequence[Layer]) -> Mapping[str, Array]:
    """Every weight under `<layer>_weight_<i>`."""
    return {
        f"{layer.name}_weight_{i}": array
        for layer in layers
        for i, array in enumerate(layer.weights)
    }


KINDS = {"InputLayer": "io", "Dense": "linear", "Embedding": "reduction"}


def boxes(layers: Sequence[Layer]) -> list[Box]:
    """A box for each layer, after those that it reads."""
    found: dict[str, Box] = {}
    for layer in in_order(layers):
        kind = "linear" if "Conv" in layer.class_name else KINDS.get(layer.class_name, "map")
        box = Box((layer.name, f"{layer.class_name} {_shapes(layer.outputs)}"), kind)
        box.inputs = [(found[name], "") for name in layer.inbounds if name in found]
        box.layer = max((source.layer + 1 for source, _ in box.inputs), default=0)
        found[layer.name] = box
    return list(found.values())


def in_order(layers: Sequence[Layer]) -> list[Layer]:
    """Each layer after those that it reads; a layer that is used twice after its first use."""
    by_name = {layer.name: layer for layer in layers}
    done: dict[str, Layer] = {}
    for start in layers:
        stack = [start]
        waiting = {start.name}
        while stack:
            layer = stack[-1]
            missing = [n for n in layer.inbounds if n not in done and n not in waiting]
            if missing:
                stack.append(by_name[missing[0]])
                waiting.add(missing[0])
            else:
                done.setdefault(stack.pop().name, layer)
    return list(done.values())


def _shapes(shapes: Sequence[Sizes]) -> str:
    texts = ("×".join("N" if size is None else str(size) for size in shape) for shape in shapes)
    return ", ".join(texts)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=4, ensure_ascii=False) + "\n")
