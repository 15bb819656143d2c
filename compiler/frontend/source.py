"""What every format is turned into before the common road: a graph, values and signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.keras_layers import Layer
from tfrc.compiler.frontend.options import ImportOptions
from tfrc.compiler.frontend.tensorflow import Proto
from tfrc.ir.weights import Array


@dataclass(eq=False)
class Variable:
    """A variable of the model. `key` is its name, unique in the model."""

    key: str
    read: Callable[[], Array]
    """The initial value. Errors: ModelError if the model has none."""
    path: str = ""
    """The object path, as in a checkpoint: what a variable is called that some signature writes."""


@dataclass(frozen=True, eq=False)
class Signature:
    """The tensors (`node:index`) that stand for the named inputs and outputs of a function."""

    name: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    effects: tuple[str, ...] = ()
    """Nodes that run although no output needs them: those that write variables."""
    shapes: Mapping[str, tuple[int | None, ...] | None] = field(
        default_factory=dict[str, tuple[int | None, ...] | None]
    )
    """What the signature says of its inputs' shapes, for placeholders that do not say it."""


@dataclass
class Source:
    """A model before the import.

    `variables` maps the name of a node that makes a resource handle (`VarHandleOp`) or a reference
    (`VariableV2`), or its `shared_name`, to the variable it stands for.
    """

    description: str
    graph_def: Proto
    signatures: list[Signature]
    variables: Mapping[str, Variable] = field(default_factory=dict[str, Variable])
    warnings: list[str] = field(default_factory=list[str])
    layers: Sequence[Layer] = ()
    """Those of a Keras model, if they are needed."""


def narrow(signature: Signature, options: ImportOptions, description: str) -> Signature:
    """`signature` with the outputs that `options` name; for models that state their signatures.

    Errors: ModelError for an output that it does not have, or for other inputs than its own.
    """
    if options.inputs and set(options.inputs) != set(signature.inputs):
        raise ModelError(
            f"--inputs cuts frozen graphs only; the inputs of '{signature.name}' in {description} "
            f"are {', '.join(signature.inputs) or 'none'}"
        )
    for name in options.outputs:
        if name not in signature.outputs:
            raise ModelError(
                f"'{signature.name}' of {description} has no output '{name}': "
                f"its outputs are {', '.join(signature.outputs)}"
            )
    outputs = {name: signature.outputs[name] for name in options.outputs or signature.outputs}
    return replace(signature, outputs=outputs)
