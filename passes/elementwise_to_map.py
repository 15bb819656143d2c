"""Turn each elementwise operation on tensors into an `nn.map`.

    %1 = nn.mul %x, %six : …        %1 = nn.map(%x) : … {
                                =>    ^bb0(%a: f32):
                                        %c = nn.constant 6.0 : f32
                                        %b = nn.mul %a, %c : f32
                                        nn.yield %b : f32
                                    }

A constant whose elements are all equal becomes a scalar in the body, unless it is what gives the
result its shape. An operand that occurs twice is read once. There is one kernel for all maps, and
one form for `fuse-maps` to work on.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern

from tfrc.ir import nn
from tfrc.ir.shape import broadcast, element_of, shape_of
from tfrc.passes.matching import Number, replace, scalar_attr, splat


def scalar_operands(op: Operation) -> dict[SSAValue, Number]:
    """The operands that are one number throughout and do not decide the result's shape."""
    shape = shape_of(op.results[0])
    scalars: dict[SSAValue, Number] = {}
    for operand in op.operands:
        number = splat(operand)
        if number is None:
            continue
        rest = [v for v in op.operands if v is not operand and v not in scalars]
        if rest and broadcast(*map(shape_of, rest)) == shape:
            scalars[operand] = number
    return scalars


class ElementwiseToMap(RewritePattern):
    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, nn.ElementwiseOp) or not isinstance(op.results[0].type, TensorType):
            return
        scalars = scalar_operands(op)
        inputs = list(dict.fromkeys(v for v in op.operands if v not in scalars))
        block = Block(arg_types=[element_of(value) for value in inputs])
        inner: dict[SSAValue, SSAValue] = dict(zip(inputs, block.args, strict=True))
        for value, number in scalars.items():
            constant = nn.ConstantOp(scalar_attr(number, element_of(value)))
            block.add_op(constant)
            inner[value] = constant.result
        body = type(op).create(
            operands=[inner[value] for value in op.operands],
            result_types=[element_of(op.results[0])],
            properties=op.properties,
            attributes=op.attributes,
            location=op.location,
        )
        block.add_ops([body, nn.YieldOp(body.results[0])])
        replace(rewriter, op, nn.MapOp(inputs, block))


@dataclass(frozen=True)
class ElementwiseToMapPass(ModulePass):
    """Turn each elementwise operation on tensors into an `nn.map`."""

    name = "elementwise-to-map"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(ElementwiseToMap(), apply_recursively=False).rewrite_module(op)
