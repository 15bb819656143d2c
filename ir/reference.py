"""What each `nn` operation means, as the plainest possible NumPy. Slow, and always right.

Each meaning is a function of named operands and attributes, so that it serves the `nn` operation
and the `rt.call` of the same name alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    UnitAttr,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.nn.activation import ActivationAttr
from tfrc.ir.nn.base import get_ints
from tfrc.ir.nn.elementwise_kinds import ElementwiseOp
from tfrc.ir.reference_elementwise import activate, elementwise, evaluate_body
from tfrc.ir.reference_gradients import (
    conv_backprop_filter,
    depthwise_conv2d_backprop_filter,
    max_pool3d_grad,
    max_pool_grad,
    padded,
    segment_sum,
)
from tfrc.ir.reference_random import random, random_key
from tfrc.ir.shape import DimsAttr, at, element_of, shape_of
from tfrc.ir.weights import WeightStore

Array = NDArray[Any]


@dataclass(frozen=True)
class Result:
    """The static shape and dtype that an operation's result must have."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def epilogue(
    x: Array, bias: Array | None, residual: Array | None, activation: ActivationAttr | None
) -> Array:
    """`activation(x + bias + residual)`."""
    if bias is not None:
        x = x + bias
    if residual is not None:
        x = x + residual
    return activate(x, activation)


def _windows(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """Windows over the spatial axes of a padded `[N, spatial…, C]`: `[N, out…, C, kernel…]`."""
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    axes = tuple(range(1, 1 + len(kernel)))
    windows = sliding_window_view(x, extents, axis=axes)  # pyright: ignore
    steps = tuple(slice(None, None, s) for s in strides)
    taps = tuple(slice(None, None, d) for d in dilations)
    return windows[(slice(None), *steps, slice(None), *taps)]


def conv(
    *,
    input: Array,
    filter: Array,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    groups: int,
    bias: Array | None = None,
    residual: Array | None = None,
    activation: ActivationAttr | None = None,
    result: Result,
) -> Array:
    """`nn.conv1d`, `nn.conv2d`, `nn.conv3d`: one group at a time."""
    kernel = filter.shape[:-2]
    x = padded(input.astype(np.float64), pads, 0)
    windows = _windows(x, kernel, strides, dilations)
    rank = len(kernel)
    c_in, c_out = filter.shape[-2], filter.shape[-1] // groups
    parts: list[Array] = []
    for g in range(groups):
        channels = slice(g * c_in, (g + 1) * c_in)
        window = windows[(slice(None), *[slice(None)] * rank, channels)]
        weights = np.moveaxis(filter[..., g * c_out : (g + 1) * c_out], -2, 0).astype(np.float64)
        parts.append(np.tensordot(window, weights, rank + 1))
    return epilogue(np.concatenate(parts, -1), bias, residual, activation)


def depthwise_conv2d(
    *,
    input: Array,
    filter: Array,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    bias: Array | None = None,
    residual: Array | None = None,
    activation: ActivationAttr | None = None,
    result: Result,
) -> Array:
    """`nn.depthwise_conv2d`: tap by tap."""
    kh, kw, channels, multiplier = filter.shape
    x = padded(input.astype(np.float64), pads, 0)
    n, h, w, _ = result.shape
    out = np.zeros((n, h, w, channels, multiplier))
    for i in range(kh):
        for j in range(kw):
            y0, x0 = i * dilations[0], j * dilations[1]
            tap = x[:, y0 : y0 + (h - 1) * strides[0] + 1 : strides[0]]
            tap = tap[:, :, x0 : x0 + (w - 1) * strides[1] + 1 : strides[1]]
            out += tap[..., None] * filter[i, j]
    return epilogue(out.reshape(n, h, w, channels * multiplier), bias, residual, activation)


def matmul(
    *,
    lhs: Array,
    rhs: Array,
    transpose_lhs: bool = False,
    transpose_rhs: bool = False,
    bias: Array | None = None,
    residual: Array | None = None,
    activation: ActivationAttr | None = None,
    result: Result,
) -> Array:
    """`nn.matmul`."""
    a = np.swapaxes(lhs, -1, -2) if transpose_lhs else lhs
    b = np.swapaxes(rhs, -1, -2) if transpose_rhs else rhs
    wide = np.float64 if a.dtype.kind == "f" else a.dtype
    return epilogue(a.astype(wide) @ b.astype(wide), bias, residual, activation)


def batch_matmul(
    *,
    lhs: Array,
    rhs: Array,
    transpose_lhs: bool = False,
    transpose_rhs: bool = False,
    heads_lhs: bool = False,
    heads_rhs: bool = False,
    heads_result: bool = False,
    result: Result,
) -> Array:
    """`nn.batch_matmul`."""
    a = np.swapaxes(lhs, -2, -3) if heads_lhs else lhs
    b = np.swapaxes(rhs, -2, -3) if heads_rhs else rhs
    product = matmul(
        lhs=a, rhs=b, transpose_lhs=transpose_lhs, transpose_rhs=transpose_rhs, result=result
    )
    return np.swapaxes(product, -2, -3) if heads_result else product


def max_pool(
    *,
    input: Array,
    window: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    pad_zeros: bool = False,
    result: Result,
) -> Array:
    """`nn.max_pool`."""
    lowest = -np.inf if input.dtype.kind == "f" else np.iinfo(input.dtype).min
    around = 0 if pad_zeros else lowest
    windows = _windows(padded(input, pads, around), window, strides, [1] * len(window))
    return windows.max(axis=tuple(range(-len(window), 0)))


def avg_pool(
    *,
    input: Array,
    window: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    pad_zeros: bool = False,
    result: Result,
) -> Array:
    """`nn.avg_pool`."""
    taps = tuple(range(-len(window), 0))
    ones = [1] * len(window)
    total = _windows(padded(input.astype(np.float64), pads, 0), window, strides, ones).sum(taps)
    inside = padded(np.ones((1, *input.shape[1:-1], 1)), pads, int(pad_zeros))
    return total / _windows(inside, window, strides, ones).sum(taps)


def _reduction(reduce: Callable[..., Array]) -> Callable[..., Array]:
    def run(*, input: Array, axes: Sequence[int], keep_dims: bool, result: Result) -> Array:
        wide = input.astype(np.float64) if input.dtype == np.float32 else input
        if not axes:
            return input
        return reduce(wide, axis=tuple(axes), keepdims=keep_dims)

    return run


def _arg(reduce: Callable[..., Array]) -> Callable[..., Array]:
    def run(*, input: Array, axis: int, result: Result) -> Array:
        return reduce(input, axis=axis)

    return run


def softmax(*, input: Array, axis: int, result: Result) -> Array:
    """`nn.softmax`."""
    x = input.astype(np.float64)
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)


def log_softmax(*, input: Array, axis: int, result: Result) -> Array:
    """`nn.log_softmax`."""
    x = input.astype(np.float64)
    with np.errstate(all="ignore"):
        x = x - x.max(axis=axis, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def layer_norm(
    *, input: Array, scale: Array, offset: Array, epsilon: float, result: Result
) -> Array:
    """`nn.layer_norm`."""
    x = input.astype(np.float64)
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * scale + offset


def slice_(*, input: Array, begin: Sequence[int], strides: Sequence[int], result: Result) -> Array:
    """`nn.slice`."""
    index = [
        np.arange(count) * stride + start
        for start, stride, count in zip(begin, strides, result.shape, strict=True)
    ]
    return input[np.ix_(*index)] if index else input


def pad(
    *, input: Array, before: Sequence[int], after: Sequence[int], value: float, result: Result
) -> Array:
    """`nn.pad`."""
    return np.pad(input, list(zip(before, after, strict=True)), constant_values=value)


def mirror_pad(
    *, input: Array, before: Sequence[int], after: Sequence[int], mode: str, result: Result
) -> Array:
    """`nn.mirror_pad`."""
    name = "reflect" if mode == "REFLECT" else "symmetric"
    return np.pad(input, list(zip(before, after, strict=True)), mode=name)


def gather(*, input: Array, indices: Array, axis: int, batch_dims: int, result: Result) -> Array:
    """`nn.gather`; IndexError for an index out of range."""
    if indices.size and (indices.min() < 0 or indices.max() >= input.shape[axis]):
        raise IndexError(f"an index is outside [0, {input.shape[axis]})")
    if batch_dims == 0:
        return np.take(input, indices, axis=axis)
    rows = [
        gather(input=i, indices=j, axis=axis - 1, batch_dims=batch_dims - 1, result=result)
        for i, j in zip(input, indices, strict=True)
    ]
    return np.stack(rows)


def reshape(*, input: Array, result: Result) -> Array:
    """`nn.reshape`."""
    return input.reshape(result.shape)


def broadcast_to(*, input: Array, result: Result) -> Array:
    """`nn.broadcast_to`."""
    return np.broadcast_to(input, result.shape)


def transpose(*, input: Array, permutation: Sequence[int], result: Result) -> Array:
    """`nn.transpose`."""
    return np.transpose(input, permutation)


def concat(*, inputs: Sequence[Array], axis: int, result: Result) -> Array:
    """`nn.concat`."""
    return np.concatenate(inputs, axis)


def tile(*, input: Array, multiples: Sequence[int], result: Result) -> Array:
    """`nn.tile`."""
    return np.tile(input, multiples)


def reverse(*, input: Array, axes: Sequence[int], result: Result) -> Array:
    """`nn.reverse`."""
    return np.flip(input, tuple(axes))


REFERENCE: dict[str, Callable[..., Array]] = {
    "conv1d": conv,
    "conv2d": conv,
    "conv3d": conv,
    "depthwise_conv2d": depthwise_conv2d,
    "matmul": matmul,
    "batch_matmul": batch_matmul,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "sum": _reduction(np.sum),
    "mean": _reduction(np.mean),
    "max": _reduction(np.max),
    "min": _reduction(np.min),
    "prod": _reduction(np.prod),
    "all": _reduction(np.all),
    "any": _reduction(np.any),
    "arg_max": _arg(np.argmax),
    "arg_min": _arg(np.argmin),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "layer_norm": layer_norm,
    "reshape": reshape,
    "broadcast_to": broadcast_to,
    "transpose": transpose,
    "slice": slice_,
    "pad": pad,
    "mirror_pad": mirror_pad,
    "concat": concat,
    "tile": tile,
    "reverse": reverse,
    "gather": gather,
    "segment_sum": segment_sum,
    "conv2d_backprop_filter": conv_backprop_filter,
    "conv3d_backprop_filter": conv_backprop_filter,
    "depthwise_conv2d_backprop_filter": depthwise_conv2d_backprop_filter,
    "max_pool_grad": max_pool_grad,
    "max_pool3d_grad": max_pool3d_grad,
    "random_key": random_key,
    "random": random,
}
"""The meaning of each operation on whole tensors, by its name in `nn` without the prefix."""


def python_value(attr: Attribute, n: int) -> Any:
    """An attribute as a Python value, dimensions taken for the batch size `n`."""
    match attr:
        case DenseArrayBase():
            return get_ints(attr)
        case DimsAttr():
            return at(attr.dims, n)
        case IntegerAttr(type=IntegerType(width=width)) if width.data == 1:
            return bool(attr.value.data)
        case IntegerAttr() | FloatAttr():
            return attr.value.data
        case UnitAttr():
            return True
        case StringAttr():
            return attr.data
        case _:
            return attr


def evaluate(
    name: str,
    operands: Mapping[str, Any],
    attributes: Mapping[str, Attribute],
    result_type: Attribute,
    n: int,
) -> Array:
    """The result of the operation `name` (without `nn.`) for the batch size `n`."""
    return apply(REFERENCE[name], operands, attributes, result_type, n)


def apply(
    meaning: Callable[..., Array],
    operands: Mapping[str, Any],
    attributes: Mapping[str, Attribute],
    result_type: Attribute,
    n: int,
) -> Array:
    """What a function of named operands and attributes computes for the batch size `n`."""
    result = Result(at(shape_of(result_type), n), numpy_dtype(element_of(result_type)))
    values = {key: python_value(attr, n) for key, attr in attributes.items()}
    array = meaning(**operands, **values, result=result)
    return np.asarray(array).astype(result.dtype, copy=False)


@cache
def operand_names(operation: type[Operation]) -> tuple[str, ...]:
    """The names of an operation's operands, as its class defines them."""
    if not issubclass(operation, IRDLOperation):
        return ()
    return tuple(name for name, _ in operation.get_irdl_definition().operands)


def named_operands(op: Operation, values: Sequence[Any]) -> dict[str, Any]:
    """The `values` of an operation's operands under the names of its definition.

    A variadic operand is a list; an optional one that is absent is left out.
    """
    by_value: dict[str, Any] = {}
    position = 0
    for name in operand_names(type(op)):
        field: Any = getattr(op, name)
        if field is None:
            continue
        if isinstance(field, SSAValue):
            by_value[name] = values[position]
            position += 1
        else:
            by_value[name] = list(values[position : position + len(field)])
            position += len(field)
    return by_value


HIDDEN_PROPERTIES = frozenset({"operandSegmentSizes", "resultSegmentSizes"})


def semantic_properties(op: Operation) -> dict[str, Attribute]:
    """The properties that say what an operation does."""
    return {k: v for k, v in op.properties.items() if k not in HIDDEN_PROPERTIES}


def evaluate_op(
    op: Operation, operands: Sequence[Array], weights: Mapping[str, Array], n: int
) -> Array:
    """The result of one `nn` operation."""
    match op:
        case nn.ConstantOp():
            return op.array
        case nn.WeightOp():
            return weights[op.key]
        case nn.MapOp():
            shape = at(shape_of(op.result), n)
            return np.broadcast_to(evaluate_body(op.body.block, operands), shape)
        case ElementwiseOp():
            shape = at(shape_of(op.results[0]), n)
            return np.broadcast_to(elementwise(op, operands), shape)
        case _:
            return evaluate(
                op.name.removeprefix("nn."),
                named_operands(op, operands),
                semantic_properties(op),
                op.results[0].type,
                n,
            )


def batch_size(formals: Sequence[SSAValue], arguments: Sequence[Array]) -> int:
    """N, read off the arguments. 1 if no argument depends on it; ValueError if they disagree."""
    sizes: set[int] = set()
    for formal, actual in zip(formals, arguments, strict=True):
        for dim, size in zip(shape_of(formal), actual.shape, strict=True):
            if dim.scale and (size - dim.offset) % dim.scale == 0:
                sizes.add((size - dim.offset) // dim.scale)
            elif dim.at(1) != size:
                raise ValueError(f"an argument has extent {size} where {dim} is expected")
    if len(sizes) > 1:
        raise ValueError(f"the arguments have different batch sizes: {sorted(sizes)}")
    return sizes.pop() if sizes else 1


Observer = Callable[[Operation, Array], None]

State = dict[str, Array]
"""The values of variables; one that is not there has its initial value."""


def run(
    func: FuncOp,
    arguments: Sequence[Array],
    weights: WeightStore,
    observe: Observer | None = None,
    state: State | None = None,
) -> list[Array]:
    """Evaluate a function of `nn` operations; `observe` sees each operation and its result.

    What the function assigns is in `state` afterwards.
    """
    n = batch_size(func.args, arguments)
    values: dict[SSAValue, Array] = dict(zip(func.args, arguments, strict=True))
    state = state if state is not None else {}
    for op in func.body.block.ops:
        operands = [values[operand] for operand in op.operands]
        match op:
            case ReturnOp():
                return operands
            case nn.AssignOp():
                state[op.key] = np.array(operands[0])
                continue
            case nn.ReadOp():
                result = state.get(op.key, weights[op.key])
            case _:
                result = evaluate_op(op, operands, weights, n)
        values[op.results[0]] = result
        if observe is not None:
            observe(op, result)
    raise AssertionError("every function returns")
