"""Fuse an `nn.map` into the one that reads its result.

    %1 = nn.map(%x) … { exp }                %2 = nn.map(%x, %y) … {
    %2 = nn.map(%1, %y) … { add }      =>      ^bb0(%a: f32, %b: f32):
                                                 %c = nn.exp %a : f32
                                                 %d = nn.add %c, %b : f32
                                                 nn.yield %d : f32
                                             }

One loop reads `%x` and `%y` once; `%1` is never stored. The producer must have the shape of the
consumer's result, or each of its elements would be computed once for every repetition, and no
other use. A producer that is trivially cheap and read by maps alone is copied into each of them.
A fused map reads at most eight tensors, so that their addresses and the body's values stay in
registers. An input that both read is one input. What runs on vectors of f32 stays apart from what
casts to or from other types; a comparison joins the selection that it is for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, f32, i1
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from tfrc.ir import nn
from tfrc.ir.shape import element_of, shape_of
from tfrc.passes.matching import fused_location

MAX_INPUTS = 8
"""Streams that a fused loop reads: about what a core's prefetchers follow."""

MAX_MIXED_INPUTS = 6
"""Tensors of other types than f32, or of several, that the loop on single numbers takes."""

MAX_BODY = 64
"""Operations in a fused body: beyond that, registers spill and nothing is won."""

CHEAP = (
    nn.ConstantOp,
    nn.AddOp,
    nn.SubOp,
    nn.MulOp,
    nn.NegOp,
    nn.AbsOp,
    nn.MaximumOp,
    nn.MinimumOp,
    nn.ReluOp,
    nn.Relu6Op,
    nn.CastOp,
    nn.YieldOp,
)
"""Operations of about one instruction: doing them again costs less than a load."""

MAX_COPIED = 4
"""Body operations (with constants and the yield) that are copied into several consumers."""

MAX_COPIES = 4
"""Consumers that a producer is copied into."""


def body_size(op: nn.MapOp) -> int:
    """How many operations the body holds."""
    return len(op.body.block.ops)


def is_cheap(op: nn.MapOp) -> bool:
    """Whether the body is plain arithmetic."""
    return all(isinstance(inner, CHEAP) for inner in op.body.block.ops)


def is_cheap_to_copy(producer: nn.MapOp) -> bool:
    """Whether each reader can compute `producer` again instead of loading its result.

    It may read one tensor of the result's shape only, so that a reader loads no more than before.
    """
    shape = shape_of(producer.result)
    large = [value for value in producer.inputs if shape_of(value) == shape]
    return (
        len(large) == 1
        and len(list(islice(producer.result.uses, MAX_COPIES + 1))) <= MAX_COPIES
        and body_size(producer) <= MAX_COPIED
        and is_cheap(producer)
        and all(
            isinstance(use.operation, nn.MapOp)
            and shape_of(use.operation.result) == shape
            and fits(producer, use.operation)
            for use in producer.result.uses
        )
    )


def fits(producer: nn.MapOp, consumer: nn.MapOp) -> bool:
    """Whether the two together stay within the limits of one map.

    A map on vectors of f32 that does more than plain arithmetic does not become one of mixed types,
    whose loop takes single numbers.
    """
    inputs = {*producer.inputs, *consumer.inputs} - {producer.result}
    vector = is_vector(inputs, consumer.result, producer, consumer)
    loses = any(
        is_vector(op.inputs, op.result, op) and not is_cheap(op) for op in (producer, consumer)
    )
    return (
        len(inputs) <= (MAX_INPUTS if vector else MAX_MIXED_INPUTS)
        and (vector or not loses)
        and body_size(producer) + body_size(consumer) <= MAX_BODY
        and producer.parent is consumer.parent
    )


def is_vector(inputs: Iterable[SSAValue], result: SSAValue, *maps: nn.MapOp) -> bool:
    """Whether a map of the bodies of `maps` runs on vectors: of f32, with bools only in between."""
    if any(element_of(value) != f32 for value in (*inputs, result)):
        return False
    return all(
        value.type == f32 or (value.type == i1 and not isinstance(op, nn.ConstantOp))
        for each in maps
        for op in each.body.block.ops
        for value in op.results
    )


def can_fuse(producer: Operation | Block, consumer: nn.MapOp) -> bool:
    """Whether `producer` may become part of the body of `consumer`."""
    return (
        isinstance(producer, nn.MapOp)
        and shape_of(producer.result) == shape_of(consumer.result)
        and fits(producer, consumer)
        and (
            all(use.operation is consumer for use in producer.result.uses)
            or is_cheap_to_copy(producer)
        )
    )


def named_arguments(op: nn.MapOp) -> dict[SSAValue, BlockArgument]:
    """The argument of the body for each input; those of an input that occurs twice become one."""
    block = op.body.block
    arguments: dict[SSAValue, BlockArgument] = {}
    for value, argument in zip(op.inputs, block.args, strict=True):
        if value in arguments:
            argument.replace_all_uses_with(arguments[value])
            block.erase_arg(argument)
        else:
            arguments[value] = argument
    return arguments


def fuse(producer: nn.MapOp, consumer: nn.MapOp) -> nn.MapOp:
    """The map that does the work of both. The body of `consumer` moves into it."""
    block = consumer.body.block
    arguments = named_arguments(consumer)
    first = _first(block)
    constants = {op.value: op.result for op in block.ops if isinstance(op, nn.ConstantOp)}

    inner: dict[SSAValue, SSAValue] = {}
    for value, formal in zip(producer.inputs, producer.body.block.args, strict=True):
        if value not in arguments:
            arguments[value] = block.insert_arg(element_of(value), len(block.args))
            arguments[value].name_hint = formal.name_hint
        inner[formal] = arguments[value]
    for op in producer.body.block.ops:
        if isinstance(op, nn.YieldOp):
            arguments[producer.result].replace_all_uses_with(inner[op.value])
        elif isinstance(op, nn.ConstantOp) and op.value in constants:
            inner[op.result] = constants[op.value]
        else:
            copy = op.clone(inner)
            block.insert_op_before(copy, first)
            inner.update(zip(op.results, copy.results, strict=True))
    # A constant of the consumer may now have a reader in front of it.
    for constant in reversed(list(constants.values())):
        constant.op.detach()
        block.insert_op_before(constant.op, _first(block))
    block.erase_arg(arguments.pop(producer.result))
    body = consumer.detach_region(consumer.body)
    fused = nn.MapOp(list(arguments), body)
    fused.location = fused_location((producer, consumer))
    return fused


def _first(block: Block) -> Operation:
    first = block.first_op
    assert first is not None, "a body ends in nn.yield"
    return first


class FuseMaps(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MapOp, rewriter: PatternRewriter, /) -> None:
        for value in op.inputs:
            producer = value.owner
            if isinstance(producer, nn.MapOp) and can_fuse(producer, op):
                rewriter.replace(op, fuse(producer, op))
                if producer.result.first_use is None:
                    rewriter.erase(producer)
                return


@dataclass(frozen=True)
class FuseMapsPass(ModulePass):
    """Fuse chains of elementwise operations into one loop each."""

    name = "fuse-maps"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        # Consumers first: each operation then moves once, however long the chain.
        PatternRewriteWalker(FuseMaps(), walk_reverse=True).rewrite_module(op)
