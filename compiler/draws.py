"""Inputs for a model that nobody has described: what its own graph says they may be.

Floats are normal, or fill the range that the model rescales to one; bools fair, bytes uniform; an
integer that selects rows of a table stays inside the smallest table that it selects from.
"""

from __future__ import annotations

import math

import numpy as np
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue

from tfrc.compiler.errors import ModelError
from tfrc.compiler.module import argument_names, functions
from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import at, element_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.ir.weights import Array

DEFAULT_LIMIT = 10
"""Integers that index nothing are drawn below this."""

BATCH = 2
"""The batch size of drawn inputs: the smallest that tells a batch from a single example."""

LARGEST = 2**30
"""Elements of a drawn input; more are not worth a machine's memory."""

LABELLED = "SparseSoftmaxCrossEntropyWithLogits"
GATHERS = frozenset({"Gather", "GatherV2", "ResourceGather", LABELLED, "nn.gather"})
"""Operations whose operand 1 selects from operand 0."""

CARRIERS = frozenset(
    "Identity Cast Reshape ExpandDims Squeeze Transpose StridedSlice Slice ConcatV2 Pack Unpack "
    "Split SplitV Tile ReverseV2 BroadcastTo Select SelectV2 Maximum Minimum Add AddV2 "
    "nn.cast nn.reshape nn.transpose nn.slice nn.concat nn.tile nn.reverse nn.broadcast_to "
    "nn.select nn.maximum nn.minimum nn.add".split()
)
"""Operations whose result holds elements of their operands (a sum: indices that count from the
end)."""

RESCALED = 10.0
"""An input that is divided by this or more at once holds pixels or the like, not unit numbers."""

Inputs = dict[str, dict[str, Array]]
"""Signature → input → array."""


def draw_inputs(module: ModuleOp, seed: int = 0, batch: int = BATCH) -> Inputs:
    """An array for each input of each signature of a `tf` or `nn` module; a seed gives the same.

    Errors: ModelError for an element type of which there is no natural draw (strings).
    """
    result: Inputs = {}
    for signature, function in functions(module).items():
        rng = np.random.default_rng(seed)
        result[signature] = {}
        for name, argument in zip(argument_names(function), function.args, strict=True):
            if not isinstance(argument.type, TensorType):
                raise ModelError(f"input '{name}' of '{signature}' has the type {argument.type}")
            try:
                dtype = numpy_dtype(element_of(argument))
            except ValueError as error:
                raise ModelError(f"input '{name}' of '{signature}': {error}") from None
            shape = at(shape_of(argument), batch)
            if math.prod(shape) > LARGEST:
                sizes = "x".join(map(str, shape))
                raise ModelError(f"input '{name}' of '{signature}', {sizes}, is too large to draw")
            limit = input_range(argument) if dtype.kind == "f" else index_limit(argument)
            result[signature][name] = draw(rng, dtype, shape, limit)
    return result


def draw(
    rng: np.random.Generator,
    dtype: np.dtype[np.generic],
    shape: tuple[int, ...],
    limit: float | None,
) -> Array:
    """An array of that type and shape, of numbers from 0 up to `limit` if there is one."""
    match dtype.kind:
        case "b":
            return rng.integers(0, 2, shape).astype(dtype)
        case "i" | "u":
            usual = 256 if dtype == np.uint8 else DEFAULT_LIMIT
            return rng.integers(0, int(limit or usual), shape).astype(dtype)
        case "c":
            return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
        case _:
            return (
                rng.normal(size=shape) if limit is None else rng.uniform(0, limit, shape)
            ).astype(dtype)


def index_limit(value: SSAValue) -> int | None:
    """The size of the smallest table that `value`, moved but not changed, selects from."""
    limits: list[int] = []
    todo, seen = [value], {value}
    while todo:
        for use in todo.pop().uses:
            op = use.operation
            name = op.op.data if isinstance(op, NodeOp) else op.name
            if name in GATHERS and use.index == 1:
                limits += _table_size(op)
            elif name in CARRIERS:
                fresh = [result for result in op.results if result not in seen]
                seen.update(fresh)
                todo += fresh
    return min(limits, default=None)


def input_range(value: SSAValue) -> float | None:
    """What a float input is divided by before anything else, if that is `RESCALED` or more."""
    for use in value.uses:
        op = use.operation
        name = op.op.data if isinstance(op, NodeOp) else op.name
        others = [v.owner for v in op.operands if v is not value]
        if name in ("Identity", "Cast"):
            return input_range(op.results[0])
        if len(others) == 1 and isinstance(others[0], nn.ConstantOp) and others[0].array.size == 1:
            factor = float(others[0].array.item())
            if name in ("Mul", "nn.mul") and 0 < factor <= 1 / RESCALED:
                return 1 / factor
            if name in ("RealDiv", "Div", "nn.div") and factor >= RESCALED:
                return factor
    return None


def _table_size(op: Operation) -> list[int]:
    """How many rows the table of a gather has, if that is known."""
    table = op.operands[0]
    if not isinstance(table.type, TensorType):
        return []
    axis = 0
    if isinstance(op, nn.GatherOp):
        axis = int(op.axis.value.data)
    elif isinstance(op, NodeOp) and op.op.data == LABELLED:
        axis = 1
    elif len(op.operands) > 2 and isinstance(op.operands[2].owner, nn.ConstantOp):
        axis = int(op.operands[2].owner.array)
    size = shape_of(table)[axis]
    return [int(size)] if size.is_static else []
