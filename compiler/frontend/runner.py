"""TensorFlow itself as the reference: the model's own graph in a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend.generators import GENERATORS, node_defs
from tfrc.compiler.frontend.source import Signature, Source, Variable
from tfrc.compiler.frontend.tensorflow import first_sentence, quiet, tensorflow
from tfrc.ir.weights import Array

_HANDLES = ("VarHandleOp", "VariableV2", "Variable")


class SessionRunner:
    """Runs the signatures of a `Source`; see `options.Runner`.

    The graph is TensorFlow's, before any of this package's transformations, and is not optimised.
    """

    def __init__(
        self,
        source: Source,
        signatures: Mapping[str, Signature],
        keys: Mapping[Variable, str],
    ):
        """`keys`: what the module calls the variables."""
        self.source = source
        self.signatures = signatures
        self.keys = keys
        self.session: Any = None
        self.inputs: Mapping[str, Any] = {}
        """Placeholders by the tensor that they feed."""
        self.initializers: list[tuple[Any, Any, Any]] = []
        self.draws = False
        """Whether nodes keep generators of random numbers."""
        self.values: dict[str, Any] = {}
        """What reads each variable, by the variable's name in the module."""

    def __call__(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if signature not in self.signatures:
            names = ", ".join(self.signatures)
            raise ModelError(f"there is no signature '{signature}'; the model has {names}")
        chosen = self.signatures[signature]
        if set(inputs) != set(chosen.inputs):
            raise ModelError(
                f"signature '{signature}' takes {', '.join(chosen.inputs) or 'no inputs'}, "
                f"but {', '.join(inputs) or 'none'} are given"
            )
        tf = tensorflow()
        try:
            session = self.session or self.start()
            feeds = {self.inputs[chosen.inputs[name]]: array for name, array in inputs.items()}
            fetches = {
                "out": {name: self.inputs.get(t, t) for name, t in chosen.outputs.items()},
                "effects": list(chosen.effects),
            }
            with quiet():
                result = session.run(fetches, feeds)["out"]
        except (ValueError, TypeError, tf.errors.OpError) as error:
            raise ModelError(
                f"TensorFlow cannot run '{signature}': {first_sentence(error)}"
            ) from error
        return {name: np.asarray(array) for name, array in result.items()}

    def reset(self) -> None:
        """Give every variable its initial value again."""
        if self.session is None:
            self.start()
            return
        if self.draws:
            # A generator begins anew with its kernel, and that with the session.
            self.session.close()
            self.session = self.open(self.session.graph)
        for assign, placeholder, value in self.initializers:
            self.session.run(assign, {placeholder: value})

    def variables(self) -> dict[str, Array]:
        """The value that every variable has by now, by its name in the module."""
        session = self.session or self.start()
        return {key: np.asarray(value) for key, value in session.run(self.values).items()}

    def start(self) -> Any:
        """Import the graph, set the variables and return the session."""
        tf = tensorflow()
        graph_def = self.needed()
        handles: list[str] = []
        for node in graph_def.node:
            if node.op in _HANDLES and node.name in self.source.variables:
                # Two variables of one name would otherwise share their storage.
                node.attr["shared_name"].s = self.source.variables[node.name].key.encode()
                handles.append(node.name)
            node.ClearField("device")
            node.attr.pop("_class", None)
        self.draws = any(node.op in GENERATORS for node in node_defs(graph_def))
        values = {name: self.source.variables[name].read() for name in handles}
        graph: Any = tf.Graph()
        with quiet(), graph.as_default():
            # An input may be fed in another shape than the model states.
            self.inputs = {
                tensor: tf.compat.v1.placeholder(dtype) for tensor, dtype in self.dtypes(graph_def)
            }
            tf.import_graph_def(graph_def, name="", input_map=self.inputs)
            for name, value in values.items():
                handle = graph.get_tensor_by_name(f"{name}:0")
                placeholder = tf.compat.v1.placeholder(value.dtype, value.shape)
                variable = self.source.variables[name]
                key = self.keys.get(variable, variable.key)
                if handle.dtype == tf.resource:
                    dtype = tf.as_dtype(value.dtype)
                    self.values[key] = tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype)
                    assign = tf.raw_ops.AssignVariableOp(resource=handle, value=placeholder)
                else:
                    self.values[key] = handle
                    assign = tf.raw_ops.Assign(ref=handle, value=placeholder)
                self.initializers.append((assign, placeholder, value))
            self.session = self.open(graph)
        self.reset()
        return self.session

    def open(self, graph: Any) -> Any:
        """A session that runs the graph as it is."""
        tf = tensorflow()
        config = tf.compat.v1.ConfigProto()
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        config.graph_options.optimizer_options.opt_level = -1
        return tf.compat.v1.Session(graph=graph, config=config)

    def dtypes(self, graph_def: Any) -> list[tuple[str, Any]]:
        """The inputs of all signatures and their types."""
        graph: Any = tensorflow().Graph()
        with graph.as_default():
            tensorflow().import_graph_def(graph_def, name="")
        tensors = {t for s in self.signatures.values() for t in s.inputs.values()}
        return [(t, graph.get_tensor_by_name(t).dtype) for t in sorted(tensors)]

    def needed(self) -> Any:
        """The part of the model's graph that the signatures use."""
        names = {
            tensor.split(":")[0]
            for s in self.signatures.values()
            for tensor in (*s.inputs.values(), *s.outputs.values(), *s.effects)
        }
        with quiet():
            return tensorflow().compat.v1.graph_util.extract_sub_graph(
                self.source.graph_def, sorted(names)
            )
