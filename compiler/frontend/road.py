"""From a `Source` to a module: the road that every format takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import generators, references
from tfrc.compiler.frontend.emit import Emitter, value_type
from tfrc.compiler.frontend.graph import Graph, flatten
from tfrc.compiler.frontend.options import (
    Imported,
    ImportOptions,
    InputShape,
    SignatureInfo,
    TensorInfo,
    spell_shape,
)
from tfrc.compiler.frontend.runner import SessionRunner
from tfrc.compiler.frontend.shapes import SCALAR_PRODUCER, Inferred, Sizes, infer
from tfrc.compiler.frontend.source import Signature, Source, Variable
from tfrc.compiler.frontend.tensorflow import (
    Proto,
    dtype_name,
    first_sentence,
    quiet,
    sizes,
    tensorflow,
)
from tfrc.compiler.frontend.variables import freeze, written_by
from tfrc.ir.dtype import FROM_TENSORFLOW
from tfrc.ir.shape import shape_of
from tfrc.ir.tf import OtherType, PartialType, ResourceType, UnrankedType, VariantType

T = TypeVar("T")


def import_source(source: Source, options: ImportOptions) -> Imported:
    """The module of the signatures that `options` choose.

    A signature that cannot be imported is left out with a warning if others can.
    Errors: ModelError if none can, or one that was asked for.
    """
    with quiet():
        return _Import(source, options).run()


class _Import:
    def __init__(self, source: Source, options: ImportOptions):
        self.source = source
        self.options = options
        self.nodes: Mapping[str, Proto] = {node.name: node for node in source.graph_def.node}
        self.emitter = Emitter(source.description)
        self.infos: dict[str, SignatureInfo] = {}
        self.warnings = list(source.warnings)

    def run(self) -> Imported:
        chosen = self.chosen()
        self.check_shape_options(chosen)
        generators.seed(self.source)
        self.emitter.reserve(signature.name for signature in chosen)
        graphs = self.each(chosen, self.graph)
        attached = map(generators.attach, graphs.values())
        self.warnings += [warning for warning in attached if warning is not None]
        # What one signature writes is no constant for another.
        written = {v for graph in graphs.values() for v in written_by(graph)}
        done = self.each(list(graphs), lambda s: self.signature(s, graphs[s], written))
        return Imported(
            self.emitter.module(),
            self.emitter.weights,
            self.infos,
            SessionRunner(
                self.source, {signature.name: signature for signature in done}, self.emitter.keys
            ),
            self.source.description,
            self.warnings + self.emitter.warnings,
            self.source.layers,
        )

    def graph(self, signature: Signature) -> Graph:
        """The graph of a signature, whose variables are resources."""
        graph = flatten(self.source, signature)
        references.resolve(graph, self.source.description)
        return graph

    def each(
        self, signatures: Sequence[Signature], step: Callable[[Signature], T]
    ) -> dict[Signature, T]:
        """`step` of each signature; one that fails is left out if it was not asked for."""
        done: dict[Signature, T] = {}
        failures: list[ModelError] = []
        for signature in signatures:
            try:
                done[signature] = step(signature)
            except ModelError as error:
                failures.append(error)
                self.warnings.append(f"signature '{signature.name}' is left out: {error}")
        if failures and (self.options.signatures or not done):
            raise failures[0]
        return done

    def chosen(self) -> list[Signature]:
        by_name = {signature.name: signature for signature in self.source.signatures}
        for name in self.options.signatures:
            if name not in by_name:
                raise ModelError(
                    f"{self.source.description} has no signature '{name}': "
                    f"it has {', '.join(by_name)}"
                )
        return [by_name[name] for name in self.options.signatures or by_name]

    def check_shape_options(self, chosen: Sequence[Signature]) -> None:
        names = {name for signature in chosen for name in signature.inputs}
        for name in self.options.input_shapes:
            if name not in names and name.removesuffix(":0") not in names:
                raise ModelError(
                    f"--input-shape {name}: {self.source.description} has no such input: "
                    f"its inputs are {', '.join(sorted(names))}"
                )

    def signature(self, signature: Signature, graph: Graph, written: set[Variable]) -> None:
        where = self.source.description
        freeze(graph, written)
        inputs = [self.input(signature, name) for name in signature.inputs]
        types = infer(graph, inputs, self.source.graph_def.versions, where)
        self.emitter.signature(graph, types)
        self.infos[signature.name] = SignatureInfo(
            signature.name,
            {
                name: _info(value_type(types[arg][0]))
                for name, arg in zip(signature.inputs, graph.args, strict=True)
            },
            {
                name: _info(value_type(types[node][index]))
                for name, (node, index) in zip(signature.outputs, graph.results, strict=True)
            },
            bool(written_by(graph)),
        )

    def input(self, signature: Signature, name: str) -> Inferred:
        """The type of an input, with the shape that the user gave.

        Errors: ModelError if a dimension other than the first is not known.
        """
        dtype, declared = self.declared(name, signature.inputs[name])
        if declared is None:
            declared = signature.shapes.get(name)
        if dtype_name(dtype) not in FROM_TENSORFLOW:
            raise ModelError(
                f"input '{name}' of {self.source.description} has the type {dtype_name(dtype)}, "
                "which no input can have: cut the graph after it with --inputs"
            )
        given = self.options.input_shapes
        if name in given or f"{name}:0" in given:
            shape = given[name] if name in given else given[f"{name}:0"]
            return Inferred(dtype, self.fitting(name, declared, shape))
        if declared is None:
            raise ModelError(
                f"input '{name}' of {self.source.description} has no shape: "
                f"give it with --input-shape {name}=N,… ({name}= for a scalar)"
            )
        if None in declared[1:]:
            raise ModelError(
                f"input '{name}' of {self.source.description} has the shape "
                f"[{', '.join('?' if d is None else str(d) for d in declared)}], and only the "
                f"first dimension may stay unknown: give the others, for example "
                f"--input-shape {name}={spell_shape(_example(declared))}"
            )
        return Inferred(dtype, declared)

    def fitting(self, name: str, declared: Sizes, given: InputShape) -> InputShape:
        if None in given[1:] or any(d is not None and d < 1 for d in given):
            raise ModelError(
                f"--input-shape {name}={spell_shape(given)}: sizes are at least 1, and only the "
                "first dimension may be N"
            )
        if declared is not None and (
            len(declared) != len(given)
            or any(d not in (None, g) for d, g in zip(declared[1:], given[1:], strict=True))
        ):
            text = ", ".join("?" if d is None else str(d) for d in declared)
            raise ModelError(
                f"--input-shape {name}={spell_shape(given)} does not fit the model: "
                f"'{name}' has the shape [{text}]"
            )
        return given

    def declared(self, name: str, tensor: str) -> tuple[int, Sizes]:
        """The type and shape that the model states for an input."""
        node_name, _, index = tensor.partition(":")
        node = self.nodes[node_name]
        if node.op not in ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault"):
            return self.cut(name, node_name, int(index or 0))
        dtype = node.attr["dtype"].type
        shape = sizes(node.attr["shape"].shape) if "shape" in node.attr else None
        old = self.source.graph_def.versions.producer < SCALAR_PRODUCER
        return dtype, None if shape == () and old else shape

    def cut(self, name: str, node: str, index: int) -> tuple[int, Sizes]:
        """The type and shape of a tensor inside the graph, as TensorFlow infers them."""
        tf = tensorflow()
        graph: Any = tf.Graph()
        try:
            part = tf.compat.v1.graph_util.extract_sub_graph(self.source.graph_def, [node])
            with graph.as_default():
                (operation,) = tf.import_graph_def(part, name="", return_elements=[node])
            output = operation.outputs[index]
        except (ValueError, IndexError, tf.errors.OpError) as error:
            raise ModelError(
                f"the graph cannot be cut at '{name}': {first_sentence(error)}"
            ) from error
        shape = None if output.shape.rank is None else tuple(output.shape.as_list())
        return output.dtype.base_dtype.as_datatype_enum, shape


def _example(declared: tuple[int | None, ...]) -> list[int | None]:
    """A full shape for the error message: images are often 224 x 224 with 3 channels."""
    usual = (None, 224, 224, 3) if len(declared) == 4 else (None, *[128] * (len(declared) - 1))
    return [
        size if size is not None else guess for size, guess in zip(declared, usual, strict=True)
    ]


def _info(type_: Any) -> TensorInfo:
    if isinstance(type_, UnrankedType | PartialType):
        return TensorInfo(type_.element_type, None)
    if isinstance(type_, ResourceType | VariantType | OtherType):
        return TensorInfo(type_, None)
    return TensorInfo(type_.element_type, shape_of(type_))
