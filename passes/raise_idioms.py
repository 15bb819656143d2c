"""Recognise operations that a framework wrote out as arithmetic.

    %1 = nn.add %x, %three : …
    %2 = nn.relu6 %1 : …                =>    %4 = nn.hard_swish %x : …
    %3 = nn.div %2, %six : …
    %4 = nn.mul %x, %3 : …

An activation with a name can be part of the kernel before it, softmax and layer norm have kernels
that read their input once or twice instead of five times. `IDIOMS` is the table of how Keras 3,
tf_keras and TensorFlow spell each; `canonicalize` has put constants to the right before. A match
must hold all uses of its inner results, and its numbers must be the idiom's to float32's accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.nn.base import get_ints
from tfrc.ir.nn.elementwise_kinds import UnaryOp
from tfrc.ir.shape import Dim, element_of, shape_of
from tfrc.passes.expressions import Match, Node, match, parse
from tfrc.passes.matching import Replacement, Rules, is_per_channel
from tfrc.passes.rules.products import flattened

RULES = Rules()

Build = Callable[[Match], Replacement | None]


def unary(cls: type[UnaryOp]) -> Build:
    """`cls` of ?x."""
    return lambda m: cls(m["x"])


def leaky_relu(m: Match) -> Replacement | None:
    """A maximum is a leaky ReLU if the slope is below 1; a difference of ReLUs always is."""
    return nn.LeakyReluOp(m["x"], float(m.numbers["a"]))


def leaky_relu_by_maximum(m: Match) -> Replacement | None:
    """`max(x, a·x)`, where a > 1 would swap the two sides."""
    return leaky_relu(m) if 0 <= m.numbers["a"] <= 1 else None


def elu(m: Match) -> Replacement | None:
    """ELU with alpha = 1."""
    return nn.EluOp(m["x"], 1.0)


def filled(number: float, x: SSAValue) -> nn.ConstantOp:
    """A vector of `number`, one for each position of the last axis of `x`."""
    element = element_of(x)
    array = np.full(int(shape_of(x)[-1]), number, numpy_dtype(element))
    return nn.ConstantOp.of(array, element)


def layer_norm(m: Match) -> Replacement | None:
    """`nn.layer_norm` of ?x, with ?g and ?b for scale and offset where the pattern has them.

    If dimensions of extent 1 follow the axis, it is the last one of a reshape of ?x.
    """
    x = m["x"]
    shape = shape_of(x)
    rows = shape[: max(axis for axis, dim in enumerate(shape) if dim != Dim(0, 1)) + 1]
    given = {name: m.values.get(name) for name in ("g", "b")}
    last_is_one = rows != shape
    if not rows[-1].is_static or (last_is_one and any(given.values())):
        return None
    if any(v is not None and not is_per_channel(v, rows[-1]) for v in given.values()):
        return None
    flatten = [nn.ReshapeOp(x, rows)] if last_is_one else []
    rows_of_x = flatten[0].result if flatten else x
    operations: list[Operation] = [*flatten]
    vectors: dict[str, SSAValue] = {}
    for name, neutral in (("g", 1.0), ("b", 0.0)):
        value = given[name]
        if value is None:
            constant = filled(neutral, rows_of_x)
            made, vector = [constant], constant.result
        else:
            made, vector = flattened(value)
        operations.extend(made)
        vectors[name] = vector
    epsilon = float(m.numbers["epsilon"])
    norm = nn.LayerNormOp(rows_of_x, vectors["g"], vectors["b"], epsilon)
    unflatten = [nn.ReshapeOp(norm.result, shape)] if last_is_one else []
    return [*operations, norm, *unflatten]


SQRT_2, SQRT_HALF, SQRT_2_OVER_PI = math.sqrt(2), math.sqrt(0.5), math.sqrt(2 / math.pi)
CUBIC = f"(mul (add ?x (mul (mul (mul ?x ?x) ?x) 0.044715)) {SQRT_2_OVER_PI})"
CENTRED = "(sub ?x (mean ?x))"
INVERSE = f"(rsqrt (add (mean (mul {CENTRED} {CENTRED})) #epsilon))"
SCALE = f"(mul {INVERSE} ?g)"

IDIOMS: tuple[tuple[str, Build], ...] = (
    ("(maximum ?x 0)", unary(nn.ReluOp)),
    ("(minimum (relu ?x) 6)", unary(nn.Relu6Op)),
    ("(relu (minimum ?x 6))", unary(nn.Relu6Op)),
    ("(maximum ?x (mul ?x #a))", leaky_relu_by_maximum),
    ("(sub (relu ?x) (mul (relu (neg ?x)) #a))", leaky_relu),
    ("(select (greater ?x 0) ?x (mul ?x #a))", leaky_relu),
    ("(select (greater_equal ?x 0) ?x (mul ?x #a))", leaky_relu),
    ("(select (greater ?x 0) ?x (expm1 ?x))", elu),
    ("(div (relu6 (add ?x 3)) 6)", unary(nn.HardSigmoidOp)),
    (f"(mul (relu6 (add ?x 3)) {1 / 6})", unary(nn.HardSigmoidOp)),
    ("(mul ?x (hard_sigmoid ?x))", unary(nn.HardSwishOp)),
    ("(div (mul ?x (relu6 (add ?x 3))) 6)", unary(nn.HardSwishOp)),
    (f"(mul (mul ?x (relu6 (add ?x 3))) {1 / 6})", unary(nn.HardSwishOp)),
    (f"(mul (mul ?x {1 / 6}) (relu6 (add ?x 3)))", unary(nn.HardSwishOp)),
    ("(div 1 (add (exp (neg ?x)) 1))", unary(nn.SigmoidOp)),
    ("(mul ?x (sigmoid ?x))", unary(nn.SwishOp)),
    ("(log (add (exp ?x) 1))", unary(nn.SoftplusOp)),
    ("(log1p (exp ?x))", unary(nn.SoftplusOp)),
    ("(div ?x (add (abs ?x) 1))", unary(nn.SoftsignOp)),
    ("(div 1 (sqrt ?x))", unary(nn.RsqrtOp)),
    *(
        (f"(mul (mul ?x 0.5) {gate})", unary(nn.GeluOp))
        for gate in (
            f"(erfc (mul ?x {-SQRT_HALF}))",
            f"(erfc (div (neg ?x) {SQRT_2}))",
            f"(add (erf (mul ?x {SQRT_HALF})) 1)",
            f"(add (erf (div ?x {SQRT_2})) 1)",
        )
    ),
    (f"(mul (mul ?x (add (erf (div ?x {SQRT_2})) 1)) 0.5)", unary(nn.GeluOp)),
    (f"(mul (mul ?x (add (erf (mul ?x {SQRT_HALF})) 1)) 0.5)", unary(nn.GeluOp)),
    (f"(mul ?x (mul (add (erf (div ?x {SQRT_2})) 1) 0.5))", unary(nn.GeluOp)),
    (f"(mul (mul ?x 0.5) (add (tanh {CUBIC}) 1))", unary(nn.GeluTanhOp)),
    (f"(mul ?x (mul (add (tanh {CUBIC}) 1) 0.5))", unary(nn.GeluTanhOp)),
    (f"(add (mul ?x {SCALE}) (add (mul (neg (mean ?x)) {SCALE}) ?b))", layer_norm),
    (f"(add (mul ?x {SCALE}) (mul (neg (mean ?x)) {SCALE}))", layer_norm),
    (f"(add (mul ?x {SCALE}) (sub ?b (mul (mean ?x) {SCALE})))", layer_norm),
    (f"(add (mul ?x {INVERSE}) (add (mul (neg (mean ?x)) {INVERSE}) ?b))", layer_norm),
    (f"(add (mul ?x {INVERSE}) (mul (neg (mean ?x)) {INVERSE}))", layer_norm),
    (f"(mul {CENTRED} {INVERSE})", layer_norm),
    (f"(mul {CENTRED} {SCALE})", layer_norm),
)
"""Patterns, the more special ones first, and what makes the operation that they stand for."""


def raise_idiom(pattern: Node, build: Build, op: Operation) -> Replacement | None:
    """What `build` makes if `pattern` matches `op`."""
    found = match(pattern, op)
    return None if found is None else build(found)


for text, build in IDIOMS:
    pattern = parse(text)
    assert isinstance(pattern, Node)
    RULES.on(pattern.cls)(partial(raise_idiom, pattern, build))


@RULES.on(nn.DivOp)
def softmax(op: nn.DivOp) -> Replacement | None:
    """`e^(x - max x) / Σ e^(x - max x)`, both over one axis."""
    exp, total = op.lhs.owner, op.rhs.owner
    if not isinstance(exp, nn.ExpOp) or not isinstance(total, nn.SumOp):
        return None
    shifted = exp.input.owner
    if total.input is not exp.result or not isinstance(shifted, nn.SubOp):
        return None
    largest = shifted.rhs.owner
    if not isinstance(largest, nn.MaxOp) or largest.input is not shifted.lhs:
        return None
    axes = get_ints(total.axes)
    if len(axes) != 1 or largest.axes != total.axes or largest.keep_dims != total.keep_dims:
        return None
    if not total.keep_dims.value.data:
        return None
    inner = (exp, total, shifted, largest)
    if any(use.operation not in (*inner, op) for each in inner for use in each.result.uses):
        return None
    return nn.SoftmaxOp(shifted.lhs, axes[0])


@dataclass(frozen=True)
class RaiseIdiomsPass(ModulePass):
    """Recognise operations that a framework wrote out as arithmetic."""

    name = "raise-idioms"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([RULES])).rewrite_module(op)
