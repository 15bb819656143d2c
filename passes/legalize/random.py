"""Random numbers that a seed determines, or the state of an op's own generator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import i32, i64
from xdsl.ir import Attribute, SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import is_float, size_of, ui32, ui64
from tfrc.ir.nn.random import Distribution
from tfrc.ir.shape import Dim, Shape, count, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.state import handle_of
from tfrc.passes.legalize.table import (
    LEGALIZATIONS,
    Builder,
    Legalization,
    Refusal,
    Results,
    legalizes,
)

PHILOX, AUTO = 1, 3
"""TensorFlow's numbers for its algorithms. On CPU it takes Philox where it may choose."""

RESERVED = 256
"""Blocks of the generator that a stateful op takes for each number (random_op.cc)."""


def _key_and_counter(b: Builder, seed: SSAValue) -> tuple[SSAValue, SSAValue]:
    both = b.insert(nn.RandomKeyOp(seed)).result
    return b.slice(both, [0], [1]), b.slice(both, [1], [2])


@legalizes("StatelessRandomGetKeyCounter")
def stateless_random_get_key_counter(node: NodeOp, b: Builder) -> Results:
    """`nn.random_key`, cut into key and counter."""
    return _key_and_counter(b, b.tensor(0))


@legalizes("StatelessRandomGetKeyCounterAlg")
def stateless_random_get_key_counter_alg(node: NodeOp, b: Builder) -> Results:
    """`nn.random_key`, cut into key and counter; the algorithm is Philox."""
    return *_key_and_counter(b, b.tensor(0)), b.scalar(PHILOX, i32)


@legalizes("StatelessRandomGetAlg")
def stateless_random_get_alg(node: NodeOp, b: Builder) -> Results:
    """Philox, as on CPU."""
    return b.scalar(PHILOX, i32)


@legalizes("RngReadAndSkip")
def rng_read_and_skip(node: NodeOp, b: Builder) -> Results:
    """The state of a `tf.random.Generator`, counter and key, whose counter then goes on."""
    algorithm = b.int(1, "algorithm")
    if algorithm != PHILOX:
        raise Refusal(f"its algorithm is {algorithm}: on CPU there is Philox ({PHILOX}) alone")
    handle = handle_of(node)
    state = b.variables.read(handle)
    blocks = b.insert(nn.MulOp(b.reshape(b.tensor(2), [1]), b.scalar(RESERVED, ui64))).result
    low = b.cast(b.slice(state, [0], [1]), ui64)
    beyond = b.insert(nn.LessOp(b.insert(nn.AddOp(low, blocks)).result, low)).result
    rest = int(shape_of(state)[0]) - 1
    taken = b.pad(b.cast(blocks, i64), [0], [rest])
    carry = b.pad(b.cast(beyond, i64), [1], [rest - 1])
    after = b.insert(nn.AddOp(state, b.insert(nn.AddOp(taken, carry)).result)).result
    b.variables.assign(handle, after)
    return state


def _state(b: Builder, shape: Shape) -> tuple[SSAValue, SSAValue]:
    """Key and counter of the op's own generator, which it then takes further."""
    node = b.node
    if "key" not in node.attrs.data:
        raise Refusal("its generator has no variable: import the model again")
    try:
        blocks = count(shape) * RESERVED
    except ValueError as error:
        raise Refusal(f"its shape is not linear in the batch size: {error}") from None
    counter = b.variables.read(node)
    taken = b.numbers([blocks, Dim(0, 0)], (2,), ui64)
    b.variables.assign(node, b.insert(nn.AddOp(counter, taken)).result)
    return b.array(np.array([b.get_int("seed")]).astype(np.uint64), ui64), counter


def _generator(b: Builder, shape: Shape) -> tuple[SSAValue, SSAValue]:
    """Key and counter: the op's own, or operands 1 and 2 with an algorithm, or made of a seed,
    operand 1."""
    if not b.node.op.data.startswith("Stateless"):
        return _state(b, shape)
    if not b.node.op.data.endswith("V2"):
        return _key_and_counter(b, b.tensor(1))
    algorithm = b.int(3, "algorithm")
    if algorithm not in (PHILOX, AUTO):
        raise Refusal(f"its algorithm is {algorithm}: on CPU there is Philox ({PHILOX}) alone")
    return b.tensor(1), b.tensor(2)


def _random(b: Builder, distribution: Distribution, element: Attribute) -> SSAValue:
    shape = b.dims(0, "shape")
    return b.insert(nn.RandomOp(*_generator(b, shape), distribution, shape, element)).result


def _floats(distribution: Distribution) -> Legalization:
    def legalization(node: NodeOp, b: Builder) -> Results:
        return _random(b, distribution, b.result_element(0))

    legalization.__doc__ = f"`nn.random` numbers, {distribution}."
    return legalization


DISTRIBUTIONS: Mapping[str, Distribution] = {
    "RandomUniform": Distribution.Uniform,
    "RandomStandardNormal": Distribution.Normal,
    "TruncatedNormal": Distribution.TruncatedNormal,
    "StatelessRandomUniform": Distribution.Uniform,
    "StatelessRandomUniformV2": Distribution.Uniform,
    "StatelessRandomNormal": Distribution.Normal,
    "StatelessRandomNormalV2": Distribution.Normal,
    "StatelessTruncatedNormal": Distribution.TruncatedNormal,
    "StatelessTruncatedNormalV2": Distribution.TruncatedNormal,
}
"""Ops that draw floating-point numbers."""

LEGALIZATIONS.update({op: _floats(each) for op, each in DISTRIBUTIONS.items()})


def _bits(b: Builder) -> SSAValue:
    """Random bits in unsigned integers as wide as the result."""
    element = b.result_element(0)
    if is_float(element) or size_of(element) not in (4, 8):
        raise Refusal(f"it draws {element}s: integers of 32 and 64 bits are supported")
    return _random(b, Distribution.Bits, ui32 if size_of(element) == 4 else ui64)


@legalizes("StatelessRandomUniformFullInt", "StatelessRandomUniformFullIntV2")
def stateless_random_uniform_full_int(node: NodeOp, b: Builder) -> Results:
    """`nn.random` bits."""
    return b.cast(_bits(b), b.result_element(0))


@legalizes("RandomUniformInt", "StatelessRandomUniformInt", "StatelessRandomUniformIntV2")
def random_uniform_int(node: NodeOp, b: Builder) -> Results:
    """`low + bits mod (high - low)`."""
    operands = len(node.inputs)
    low, high = b.tensor(operands - 2), b.tensor(operands - 1)
    bits = _bits(b)
    element = b.result_element(0)
    wide = ui32 if size_of(element) == 4 else ui64
    size = b.cast(b.insert(nn.SubOp(high, low)).result, wide)
    within = b.cast(b.insert(nn.TruncateModOp(bits, size)).result, element)
    return b.insert(nn.AddOp(low, within)).result
