"""What an import is asked for, and what it gives. TensorFlow is not imported here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.keras_layers import Layer
from tfrc.ir.shape import Shape
from tfrc.ir.weights import Array, WeightStore

InputShape = tuple[int | None, ...]
"""The dimensions of an input, None for the symbolic batch N, which can only be the first."""


@dataclass(frozen=True)
class ImportOptions:
    """Which part of a model to import, and for which shapes.

    `inputs` and `outputs` name nodes of a frozen graph (`x` or `x:0`), and cut it there; empty
    means the graph's placeholders and sinks. `signatures` picks those of a SavedModel; empty
    means all.
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    input_shapes: Mapping[str, InputShape] = field(default_factory=dict[str, InputShape])
    signatures: tuple[str, ...] = ()
    needs_layers: bool = False
    """Whether the model must be one of Keras, of which the layers are known."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a signature: the type of its elements and its shape."""

    element: Attribute
    shape: Shape | None
    """None if TensorFlow could not infer it."""


@dataclass(frozen=True)
class SignatureInfo:
    """A signature: inputs and outputs in order, by name."""

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    writes: bool = False
    """Whether it writes variables."""


class Runner(Protocol):
    """TensorFlow itself, as the reference for a module's numbers."""

    def __call__(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs of `signature`, by name.

        Variables that the signature writes keep their values from call to call.
        Errors: ModelError if an input is missing or has the wrong shape.
        """
        ...

    def reset(self) -> None:
        """Give every variable its initial value again."""
        ...

    def variables(self) -> dict[str, Array]:
        """The value that every variable has now, by its name in the module."""
        ...


@dataclass
class Imported:
    """A model as a module of the `tf` dialect."""

    module: ModuleOp
    weights: WeightStore
    signatures: Mapping[str, SignatureInfo]
    runner: Runner
    source: str
    """What was read, for reports: `frozen graph model.pb`."""
    warnings: list[str]
    """One sentence for each thing that is worth a look and does not stop the import."""
    layers: Sequence[Layer] = ()
    """Those of a Keras model, if they are needed."""


_DIMENSION = re.compile(r"\d+")


def parse_input_shape(text: str) -> tuple[str, InputShape]:
    """The name and shape in `x=N,224,224,3`; `N`, `?` and `None` all mean the symbolic batch.

    Errors: ModelError if `text` has another form.
    """
    name, equals, dims = text.rpartition("=")
    parts = [part.strip() for part in dims.split(",")] if dims.strip() else []
    if not equals or not name:
        raise ModelError(f"--input-shape {text}: write NAME=N,224,224,3")
    shape: list[int | None] = []
    for i, part in enumerate(parts):
        if part in ("N", "?", "None") and i == 0:
            shape.append(None)
        elif _DIMENSION.fullmatch(part):
            shape.append(int(part))
        else:
            raise ModelError(
                f"--input-shape {text}: '{part}' is not a size; only the first dimension may be N"
            )
    return name, tuple(shape)


def spell_shape(shape: Sequence[int | None]) -> str:
    """A shape as `--input-shape` takes it: `N,224,224,3`."""
    return ",".join("N" if d is None else str(d) for d in shape)
