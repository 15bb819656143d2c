"""The layers of a Keras model: what they are, what they read, and their weights.

Layers are found by walking back from the outputs, because a layer may be part of other models too.
A model inside a model is one layer. Keras 2 and 3 tell the same under different names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.tensorflow import first_sentence, quiet, tensorflow
from tfrc.ir.weights import Array

NEEDS_LAYERS = (
    "tf2rust's folders are made of a Keras model: a .keras or .h5 file, or a SavedModel of Keras 2"
)
"""What to do, for messages."""

Sizes = list[int | None]
"""The shape of a tensor of a Keras model; None for what the model leaves open."""


@dataclass(frozen=True)
class Layer:
    """A layer, in the place where the model uses it first."""

    name: str
    class_name: str
    config: dict[str, Any]
    """The arguments, as Keras saves them."""
    inputs: list[Sizes]
    outputs: list[Sizes]
    inbounds: list[str]
    """The layers that it reads, in any of its uses, each once."""
    weights: list[Array]
    outbounds: list[str] = field(default_factory=list[str])


def layers_of(model: Any) -> list[Layer]:
    """The layers of a functional or Sequential model, in its order.

    Errors: ModelError if the model does not say what its layers are.
    """
    uses = _uses(model)
    layers: dict[str, Layer] = {}
    for saved in _configuration(model):
        name: str = saved.get("name") or saved["config"]["name"]
        found = uses.get(name, [])
        reads = [_owner(tensor).name for use in found for tensor in use.inputs]
        layers[name] = Layer(
            name,
            saved["class_name"],
            saved["config"],
            [_sizes(tensor) for tensor in found[0].inputs] if found else [],
            [_sizes(tensor) for tensor in found[0].outputs] if found else [],
            list(dict.fromkeys(reads)),
            found[0].layer.get_weights()
            if found and hasattr(found[0].layer, "get_weights")
            else [],
        )
    for layer in layers.values():
        for name in layer.inbounds:
            layers[name].outbounds.append(layer.name)
    return list(layers.values())


def _configuration(model: Any) -> list[dict[str, Any]]:
    """The layers as Keras saves them."""
    try:
        with quiet():
            return json.loads(model.to_json())["config"]["layers"]
    except (NotImplementedError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the Keras model '{model.name}' does not say what its layers are, as functional and "
            f"Sequential models do: {first_sentence(error)}"
        ) from error


@dataclass(frozen=True)
class _Use:
    """A call of a layer on symbolic tensors."""

    layer: Any
    inputs: Sequence[Any]
    outputs: Sequence[Any]


def _uses(model: Any) -> dict[str, list[_Use]]:
    """The calls that the model's outputs need, by the name of the layer."""
    uses: dict[str, list[_Use]] = {}
    todo, seen = [*model.outputs], set[tuple[int, int]]()
    while todo:
        layer, index = todo.pop()._keras_history[:2]
        if (id(layer), index) in seen:
            continue
        seen.add((id(layer), index))
        node = layer._inbound_nodes[index]
        inputs = [] if node.is_input else _flat(node.input_tensors)
        uses.setdefault(layer.name, []).append(_Use(layer, inputs, _flat(node.output_tensors)))
        todo += inputs
    # The walk meets the last call first.
    return {name: found[::-1] for name, found in uses.items()}


def _flat(tensors: Any) -> list[Any]:
    """The symbolic tensors in lists, tuples and dicts, or one alone."""
    flat: list[Any] = tensorflow().nest.flatten(tensors)
    return [tensor for tensor in flat if hasattr(tensor, "_keras_history")]


def _owner(tensor: Any) -> Any:
    return tensor._keras_history[0]


def _sizes(tensor: Any) -> Sizes:
    return [None if size is None else int(size) for size in tensor.shape]
