"""One TensorFlow node on constants, by TensorFlow's own kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr
from xdsl.ir import Attribute

from tfrc.compiler.frontend.attributes import to_python
from tfrc.compiler.frontend.graph import takes_state
from tfrc.compiler.frontend.tensorflow import Proto, execute, op_def, tensorflow
from tfrc.ir.weights import Array


def evaluate(
    op: str, attrs: Mapping[str, Attribute], inputs: Sequence[Array]
) -> list[Array] | None:
    """See `ir.weights.Evaluator`. Ops with state, an effect or chance are refused."""
    definition = op_def(op)
    if definition is None or definition.is_stateful or takes_state(op):
        return None
    tf = tensorflow()
    try:
        known = {attr.name for attr in definition.attr}
        values = {key: to_python(attr) for key, attr in attrs.items() if key in known}
        count = sum(_length(arg, attrs) for arg in definition.output_arg)
        results = execute(op, count, [tf.constant(array) for array in inputs], values)
        # A TensorList has no array.
        return [np.asarray(result) for result in results]
    except (ValueError, TypeError, KeyError, tf.errors.OpError):
        return None


def _length(arg: Proto, attrs: Mapping[str, Attribute]) -> int:
    """How many outputs an output argument stands for."""
    name: str = arg.number_attr or arg.type_list_attr
    match attrs[name] if name else None:
        case IntegerAttr() as number:
            return number.value.data
        case ArrayAttr() as types:
            return len(types)
        case _:
            return 1
