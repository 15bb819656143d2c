"""Objects of a running program: Keras models, tf.functions and concrete functions."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.keras_layers import NEEDS_LAYERS, Layer, layers_of
from tfrc.compiler.frontend.options import ImportOptions
from tfrc.compiler.frontend.source import Signature, Source, Variable, narrow
from tfrc.compiler.frontend.tensorflow import Proto, first_sentence, quiet, tensorflow

_DEFAULT = "serving_default"


def read(model: Any, options: ImportOptions) -> Source:
    """The functions of `model`: one object, or several by the name of their signature.

    Errors: ModelError if it is none of the kinds above, or cannot be traced.
    """
    tensorflow()
    what = f"{type(model).__name__} of the running program"
    layers = _layers(model, what) if options.needs_layers else ()
    with quiet():
        concrete = {name: _concrete(f, options) for name, f in _functions(model).items()}
    return replace(source(concrete, what, options), layers=layers)


def _layers(model: Any, what: str) -> Sequence[Layer]:
    if not _is_keras(model):
        raise ModelError(f"{what} has no layers: {NEEDS_LAYERS}")
    return layers_of(model)


def _functions(model: Any) -> Mapping[str, Any]:
    if isinstance(model, Mapping):
        return cast("Mapping[str, Any]", model)
    # What tf.saved_model.load returns has its signatures.
    return (not _is_keras(model) and getattr(model, "signatures", None)) or {_DEFAULT: model}


def source(
    functions: Mapping[str, tuple[Any, Sequence[str] | None]], what: str, options: ImportOptions
) -> Source:
    """One `Source` of concrete functions, with names for their outputs if those are known."""
    merged = Source(what, tensorflow().compat.v1.GraphDef(), [])
    variables: dict[int, Variable] = {}
    by_node: dict[str, Variable] = {}
    for name, (function, outputs) in functions.items():
        prefix = f"{name}/" if len(functions) > 1 else ""
        _Reader(merged, variables, by_node, prefix).add(name, function, outputs)
    merged.variables = by_node
    merged.signatures = [narrow(s, options, what) for s in merged.signatures]
    return merged


class _Reader:
    """Adds one concrete function to a `Source`; what it captured becomes nodes."""

    def __init__(
        self,
        source: Source,
        variables: dict[int, Variable],
        by_node: dict[str, Variable],
        prefix: str,
    ):
        self.source = source
        self.variables = variables
        self.by_node = by_node
        self.prefix = prefix

    def add(self, name: str, function: Any, outputs: Sequence[str] | None) -> None:
        graph_def = function.graph.as_graph_def()
        nodes = {node.name: node for node in graph_def.node}
        count = len(function.inputs) - len(function.captured_inputs)
        by_handle = {id(v.handle): v for v in function.graph.variables}
        for captured, placeholder in zip(
            function.captured_inputs, function.inputs[count:], strict=True
        ):
            node = nodes[placeholder.op.name]
            if id(captured) in by_handle:
                self.variable(node, by_handle[id(captured)])
            elif placeholder.dtype not in (tensorflow().resource, tensorflow().variant):
                self.constant(node, captured)
        merged = self.source.graph_def
        for node in graph_def.node:
            self.rename(node)
            merged.node.append(node)
        known = {f.signature.name for f in merged.library.function}
        merged.library.function.extend(
            f for f in graph_def.library.function if f.signature.name not in known
        )
        merged.versions.CopyFrom(graph_def.versions)
        self.source.signatures.append(
            Signature(
                name,
                {t.op.name: self.prefix + t.name for t in function.inputs[:count]},
                {
                    key: self.prefix + t.name
                    for key, t in zip(
                        outputs or _output_names(function), function.outputs, strict=True
                    )
                },
                tuple(self.prefix + op.name for op in function.graph.control_outputs),
            )
        )

    def variable(self, node: Proto, variable: Any) -> None:
        node.op = "VarHandleOp"
        node.attr.clear()
        node.attr["dtype"].type = variable.dtype.as_datatype_enum
        node.attr["shape"].shape.CopyFrom(variable.shape.as_proto())
        if id(variable) not in self.variables:
            key, i = variable.name.split(":")[0], 1
            while key in {v.key for v in self.variables.values()}:
                i += 1
                key = f"{variable.name.split(':')[0]}.{i}"
            self.variables[id(variable)] = Variable(key, variable.numpy)
        self.by_node[self.prefix + node.name] = self.variables[id(variable)]

    def constant(self, node: Proto, value: Any) -> None:
        tf = tensorflow()
        node.op = "Const"
        node.attr.clear()
        node.attr["dtype"].type = value.dtype.as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value.numpy(), value.dtype))

    def rename(self, node: Proto) -> None:
        if self.prefix:
            node.name = self.prefix + node.name
            inputs = [
                f"^{self.prefix}{text[1:]}" if text.startswith("^") else self.prefix + text
                for text in node.input
            ]
            del node.input[:]
            node.input.extend(inputs)


def _output_names(function: Any) -> list[str]:
    """The keys of a function that returns a dict, else `output_0` … as in a SavedModel."""
    structure = function.structured_outputs
    if isinstance(structure, Mapping):
        keys = sorted(cast("Mapping[str, Any]", structure))
        if len(keys) == len(function.outputs):
            return keys
    return [f"output_{i}" for i in range(len(function.outputs))]


def _concrete(function: Any, options: ImportOptions) -> tuple[Any, Sequence[str] | None]:
    if _is_keras(function):
        return trace_keras(function, options)
    if hasattr(function, "captured_inputs") and hasattr(function, "graph"):
        return function, None
    if hasattr(function, "get_concrete_function"):
        try:
            return function.get_concrete_function(), None
        except (TypeError, ValueError) as error:
            raise ModelError(
                "the tf.function has no input signature: give it one, "
                "tf.function(f, input_signature=[tf.TensorSpec([None, 4], name='x')]), or pass "
                f"f.get_concrete_function(…) ({first_sentence(error)})"
            ) from error
    raise ModelError(
        f"a {type(function).__name__} cannot be compiled: give a path, a Keras model, a "
        "tf.function with an input signature, or a concrete function"
    )


def _is_keras(model: Any) -> bool:
    modules = {cls.__module__.split(".")[0] for cls in type(model).__mro__}
    return bool(modules & {"keras", "tf_keras"}) and hasattr(model, "layers")


_NO_SCOPE = re.compile(r"[^A-Za-z0-9_.\\/>-]|^[^A-Za-z0-9.]")
"""What the name of a scope in a graph cannot have, and a layer's name can."""


@contextmanager
def scope_names(model: Any) -> Generator[None]:
    """Names that a graph accepts, for all layers, while the block runs."""
    flatten = getattr(model, "_flatten_layers", None)
    layers: list[Any] = list(flatten()) if flatten is not None else []
    renamed = [(layer, layer.name) for layer in layers if _NO_SCOPE.search(layer.name)]
    try:
        for layer, name in renamed:
            layer.name = _NO_SCOPE.sub("_", name)
        yield
    finally:
        for layer, name in renamed:
            layer.name = name


def trace_keras(model: Any, options: ImportOptions) -> tuple[Any, Sequence[str] | None]:
    """The inference function of a Keras model, and the names of its outputs.

    Errors: ModelError if the model does not state its inputs, or its layers fail.
    """
    tf = tensorflow()
    inputs: Sequence[Any] | None = getattr(model, "inputs", None)
    if not inputs:
        raise ModelError(
            f"the Keras model '{model.name}' does not state the shapes of its inputs: pass "
            "tf.function(lambda x: model(x, training=False), "
            "input_signature=[tf.TensorSpec([None, …], name='x')])"
        )
    names: list[str] = list(getattr(model, "input_names", None) or [t.name for t in inputs])
    shapes = [
        options.input_shapes.get(n, tuple(t.shape)) for n, t in zip(names, inputs, strict=True)
    ]
    specs = [
        tf.TensorSpec(shape, tf.as_dtype(t.dtype), name=name)
        for name, shape, t in zip(names, shapes, inputs, strict=True)
    ]
    structure = getattr(model, "_inputs_struct", None)
    if structure is None:
        structure = getattr(model, "_nested_inputs", None)
    if structure is None:
        structure = list(inputs) if len(inputs) > 1 else inputs[0]

    def call(*args: Any) -> Any:
        packed = tf.nest.pack_sequence_as(structure, tf.nest.flatten(list(args)))
        return model(packed, training=False)

    try:
        with quiet(), scope_names(model):
            function = tf.function(call, autograph=False).get_concrete_function(*specs)
    except Exception as error:  # any error of a layer of the user's
        raise ModelError(
            f"the Keras model '{model.name}' cannot be traced: {first_sentence(error)}"
        ) from error
    outputs: list[str] = list(getattr(model, "output_names", None) or ())
    unique = len(set(outputs)) == len(outputs) == len(function.outputs)
    return function, outputs if unique else None
