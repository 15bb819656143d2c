"""Runs a function of the `rt` dialect in NumPy, on poisoned memory.

With `arena`, buffers lie at their planned offsets in one block of bytes, so that a plan in which
two living buffers overlap gives wrong numbers; without, each has bytes of its own. Bytes are poison
before a buffer is born and after it has died: a use of either shows as NaN or as -1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.dialects.memref import AllocOp, DeallocOp
from xdsl.ir import Attribute, Operation, SSAValue

from tfrc.ir import rt
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.reference import REFERENCE, State, apply, batch_size
from tfrc.ir.reference_elementwise import evaluate_body
from tfrc.ir.shape import DimsAttr, at, element_of, shape_of
from tfrc.ir.weights import WeightStore
from tfrc.ir.winograd import conv1d_winograd, conv2d_winograd

Array = NDArray[Any]
POISON = 0xFF
"""Every byte of memory that holds nothing: NaN as a float, -1 as an integer."""

VARIADIC = frozenset({"inputs"})
"""Operand names that stand for a list."""

METHODS: dict[str, Callable[..., Array]] = {
    "conv1d_winograd": conv1d_winograd,
    "conv2d_winograd": conv2d_winograd,
}
"""Kernels that compute an operation of another name in a way of their own."""

Observer = Callable[[Operation, Array], None]


class Memory:
    """The buffers of one run for the batch size `n`."""

    def __init__(self, function: FuncOp, n: int, arena: bool):
        self.n = n
        self.block: Array | None = None
        size = function.attributes.get(rt.ARENA)
        if arena:
            assert isinstance(size, DimsAttr), "plan-arena has not run"
            self.block = np.full(size.dims[0].at(n), POISON, np.uint8)

    def allocate(self, op: AllocOp) -> Array:
        """The poisoned bytes of a buffer, as an array of its shape."""
        shape, dtype = self.layout(op.memref)
        size = int(np.prod(shape)) * dtype.itemsize
        if self.block is None:
            raw = np.full(size, POISON, np.uint8)
        else:
            offset = op.attributes[rt.OFFSET]
            assert isinstance(offset, DimsAttr)
            start = offset.dims[0].at(self.n)
            raw = self.block[start : start + size]
            assert raw.size == size, f"{op.memref.name_hint} ends behind the arena"
        raw[:] = POISON
        return raw.view(dtype).reshape(shape)

    def layout(self, value: SSAValue | Attribute) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and dtype of a buffer."""
        return at(shape_of(value), self.n), numpy_dtype(element_of(value))


def results(op: rt.CallOp, buffers: dict[SSAValue, Array], n: int) -> list[Array]:
    """What a kernel call computes from its input buffers, for each of its outputs."""
    if op.kernel_name == "row_bands":
        return row_bands(op, [buffers[value] for value in op.ins], n)
    return [call(op, buffers, n)]


def call(op: rt.CallOp, buffers: dict[SSAValue, Array], n: int) -> Array:
    """What a kernel with one output computes."""
    operands = [(name, buffers[value]) for name, value in op.named_ins]
    if op.kernel_name == "copy":
        return operands[0][1]
    if op.kernel_name == "pack":
        return pack(op, operands[0][1], n)
    if op.kernel_name == "map":
        assert op.body is not None
        return evaluate_body(op.body.block, [array for _, array in operands])
    named: dict[str, Any] = {}
    for name, array in operands:
        if name in VARIADIC:
            named.setdefault(name, []).append(array)
        else:
            named[name] = array
    name, static = op.kernel_name.removeprefix(rt.DYNAMIC), dict(op.static.data)
    static.pop(rt.REGISTER_TILE, None)
    packed = static.pop(rt.PACKED, None)
    if isinstance(packed, DimsAttr):
        extents = at(packed.dims, n)
        named["rhs"] = named["rhs"][: prod(extents)].reshape(extents)
    meaning = METHODS[name] if name in METHODS else REFERENCE[name]
    return apply(meaning, named, static, op.outs[0].type, n)


def row_bands(op: rt.CallOp, operands: Sequence[Array], n: int) -> list[Array]:
    """What the calls of the body compute, one by one and on whole images."""
    assert op.body is not None
    arguments = op.body.block.args
    inner: dict[SSAValue, Array] = dict(zip(arguments, operands, strict=False))
    for each in op.inner_calls:
        inner[each.outs[0]] = call(each, inner, n)
    return [inner[value] for value in arguments[-len(op.outs) :]]


def pack(op: rt.CallOp, matrix: Array, n: int) -> Array:
    """The elements of a matrix, row by row, and zeros: how they lie is the kernel's own affair."""
    packed = np.zeros(at(shape_of(op.outs[0]), n), matrix.dtype)
    rows = matrix.T if "transpose" in op.static.data else matrix
    packed[: matrix.size] = rows.reshape(-1)
    return packed


def run(
    function: FuncOp,
    arguments: Sequence[Array],
    weights: WeightStore,
    *,
    arena: bool = False,
    observe: Observer | None = None,
    state: State | None = None,
) -> list[Array]:
    """The outputs for these inputs; `observe` sees each call and what it wrote.

    Variables lie in `state`, and are written there.
    """
    state = state if state is not None else {}
    inputs = len(arguments)
    n = batch_size(list(function.args[:inputs]), arguments)
    memory = Memory(function, n, arena)
    buffers: dict[SSAValue, Array] = {}
    for formal, actual in zip(function.args, arguments, strict=False):
        buffers[formal] = actual.copy()
    outputs = function.args[inputs:]
    for output in outputs:
        shape, dtype = memory.layout(output)
        raw = np.full(int(np.prod(shape)) * dtype.itemsize, POISON, np.uint8)
        buffers[output] = raw.view(dtype).reshape(shape)
    for op in function.body.block.ops:
        match op:
            case rt.WeightOp():
                buffers[op.result] = weights[op.key]
            case rt.VariableOp():
                if op.key not in state:
                    state[op.key] = np.array(weights[op.key])
                buffers[op.result] = state[op.key]
            case rt.SizeOp():
                pass
            case AllocOp():
                buffers[op.memref] = memory.allocate(op)
            case DeallocOp():
                buffers[op.memref].reshape(-1).view(np.uint8)[...] = POISON
            case rt.ViewOp():
                start = op.offset.dims[0].at(n)
                shape, _ = memory.layout(op.result)
                flat = buffers[op.source].reshape(-1)
                buffers[op.result] = flat[start : start + int(np.prod(shape))].reshape(shape)
            case rt.ColumnsOp():
                width = int(shape_of(op.result)[-1])
                buffers[op.result] = buffers[op.source][..., op.begin : op.begin + width]
            case rt.CallOp() if any(bool(buffers[c]) != expected for c, expected in op.when):
                pass
            case rt.CallOp():
                written = [np.array(result) for result in results(op, buffers, n)]
                for scratch in op.scratch:
                    buffers[scratch].reshape(-1).view(np.uint8)[...] = POISON
                for out, result in zip(op.outs, written, strict=True):
                    buffers[out][...] = result
                if observe is not None:
                    observe(op, written[0])
            case ReturnOp():
                return [buffers[output] for output in outputs]
            case _:
                raise AssertionError(f"{op.name} is not an operation of rt")
    raise AssertionError("every function returns")
