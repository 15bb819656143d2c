"""Passes on `nn` keep the meaning: the reference gives the same numbers before and after."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calls import count_calls
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, FloatAttr, FunctionType, ModuleOp, f32
from xdsl.dialects.func import Func, FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.transforms.dead_code_elimination import DeadCodeElimination

from tfrc.ir import nn, reference
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import N, at, element_of, shape_of, tensor
from tfrc.ir.weights import CompilerContext, WeightStore
from tfrc.passes.canonicalize import CanonicalizePass
from tfrc.passes.elementwise_to_map import ElementwiseToMapPass
from tfrc.passes.fold_batch_norm import FoldBatchNormPass
from tfrc.passes.fuse_activation import FuseActivationPass
from tfrc.passes.fuse_epilogue import FuseEpiloguePass
from tfrc.passes.fuse_heads import FuseHeadsPass
from tfrc.passes.fuse_maps import FuseMapsPass
from tfrc.passes.raise_idioms import RaiseIdiomsPass
from tfrc.passes.remove_transposes import RemoveTransposesPass
from tfrc.passes.split_reductions import SplitReductionsPass
from tfrc.passes.squeeze_conv1d import SqueezeConv1DPass

PASSES: tuple[ModulePass, ...] = (
    CanonicalizePass(),
    CommonSubexpressionElimination(),
    RaiseIdiomsPass(),
    SqueezeConv1DPass(),
    RemoveTransposesPass(),
    FoldBatchNormPass(),
    FuseActivationPass(),
    FuseEpiloguePass(),
    ElementwiseToMapPass(),
    FuseMapsPass(),
    FuseHeadsPass(),
    SplitReductionsPass(),
    DeadCodeElimination(),
)
"""In the order in which the compiler runs them."""

TOLERANCE = 1e-5
"""Relative to the largest magnitude: what the compiler promises for float32."""

Array = NDArray[Any]


def context(weights: WeightStore | None = None) -> CompilerContext:
    ctx = CompilerContext(weights)
    for dialect in (Builtin, Func, nn.NN):
        ctx.load_dialect(dialect)
    return ctx


def parse(text: str) -> ModuleOp:
    return Parser(context(), text).parse_module()


def function(module: ModuleOp) -> FuncOp:
    return next(op for op in module.ops if isinstance(op, FuncOp))


def random_array(value: SSAValue, rng: np.random.Generator, n: int) -> Array:
    shape, dtype = at(shape_of(value), n), numpy_dtype(element_of(value))
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0, 9, shape).astype(dtype)
    return rng.normal(0, 2, shape).astype(dtype)


def random_weights(module: ModuleOp, rng: np.random.Generator) -> WeightStore:
    weights = {op.key: op for op in module.walk() if isinstance(op, nn.WeightOp)}
    return WeightStore({key: random_array(op.result, rng, 1) for key, op in weights.items()})


def assert_close(actual: Array, expected: Array) -> None:
    assert actual.shape == expected.shape
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected)
        return
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=1e-30)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale)


def check(module: ModuleOp, *passes: ModulePass, n: int = 2, seed: int = 0) -> ModuleOp:
    """Run `passes` one by one; after each, the module verifies and gives the same numbers."""
    module.verify()
    rng = np.random.default_rng(seed)
    weights = random_weights(module, rng)
    arguments = [random_array(argument, rng, n) for argument in function(module).args]
    expected = reference.run(function(module), arguments, weights)
    ctx = context(weights)
    for each in passes:
        each.apply(ctx, module)
        module.verify()
        actual = reference.run(function(module), arguments, weights)
        for a, e in zip(actual, expected, strict=True):
            assert_close(a, e)
    return module


def names(module: ModuleOp) -> list[str]:
    """The operations of the function but constants and the return, without `nn.`."""
    hidden = nn.ConstantOp | nn.WeightOp | ReturnOp
    ops = function(module).body.block.ops
    return [op.name.removeprefix("nn.") for op in ops if not isinstance(op, hidden)]


def f(arguments: str, result: str, body: str) -> ModuleOp:
    """`func.func @f(arguments) -> result { body }`."""
    return parse(f"func.func @f({arguments}) -> {result} {{\n{body}\n}}")


class Graph:
    """A random graph of `nn` operations on `[N, 5, 6, 4]` and what is made from it."""

    def __init__(self, seed: int, size: int):
        self.random = random.Random(seed)
        argument = tensor(f32, (N, 5, 6, 4))
        self.block = Block(arg_types=[argument, argument])
        self.builder = Builder(InsertPoint.at_end(self.block))
        self.values: list[SSAValue] = list(self.block.args)
        self.weights = 0
        for _ in range(size):
            self.step()
        result = self.values[-1]
        self.builder.insert(ReturnOp(result))
        type_ = FunctionType.from_lists([argument, argument], [result.type])
        self.module = ModuleOp([FuncOp("f", type_, Region(self.block))])

    def put(self, op: Operation) -> SSAValue:
        return self.builder.insert(op).results[0]

    def weight(self, *shape: int) -> SSAValue:
        self.weights += 1
        return self.put(nn.WeightOp(f"w{self.weights}", tensor(f32, shape)))

    def number(self) -> SSAValue:
        number = self.random.choice([0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 6.0, 1 / 6])
        return self.put(nn.ConstantOp.of(np.array(number, np.float32)))

    def step(self) -> None:
        choose = self.random.choice
        x = choose(self.values[-3:])
        shape = shape_of(x)
        kind = choose(("unary", "binary", "number", "channel", "move", "linear"))
        match kind:
            case "unary":
                ops = (nn.ReluOp, nn.Relu6Op, nn.NegOp, nn.AbsOp, nn.SigmoidOp, nn.TanhOp)
                y = self.put(choose(ops)(x))
            case "binary":
                same = [v for v in self.values[-9:] if v.type == x.type]
                y = self.put(choose((nn.AddOp, nn.SubOp, nn.MaximumOp))(x, choose(same)))
            case "number":
                y = self.put(choose((nn.AddOp, nn.MulOp, nn.SubOp))(x, self.number()))
            case "channel":
                channels = int(shape[-1])
                c = self.weight(*choose(((channels,), (1, 1, 1, channels))))
                y = self.put(choose((nn.AddOp, nn.MulOp, nn.SubOp))(x, c))
            case "move":
                y = self.movement(x)
            case _:
                y = self.linear(x)
        self.values.append(y)

    def movement(self, x: SSAValue) -> SSAValue:
        kinds = ("transpose", "transpose", "pad", "concat", "slice", "reverse", "tile", "softmax")
        match self.random.choice(kinds):
            case "transpose":
                orders = ((0, 2, 1, 3), (0, 1, 2, 3), (0, 3, 1, 2), (0, 2, 3, 1))
                return self.put(nn.TransposeOp(x, self.random.choice(orders)))
            case "pad":
                pads = self.random.choice(([0, 1, 1, 0], [0, 0, 2, 0], [0, 0, 0, 0]))
                padded = self.put(nn.PadOp(x, pads, pads, FloatAttr(0.0, f32)))
                # So that what follows is often a pool, and often a convolution.
                return self.linear(padded) if self.random.random() < 0.5 else padded
            case "concat":
                return self.put(nn.ConcatOp([x] * self.random.choice((1, 2)), 1))
            case "slice":
                n, h, w, c = shape_of(x)
                begin = self.random.randint(0, int(h) - 1)
                rows = (int(h) - begin + 1) // 2
                return self.put(nn.SliceOp(x, [0, begin, 0, 0], (n, rows, w, c), [1, 2, 1, 1]))
            case "reverse":
                return self.put(nn.ReverseOp(x, [2]))
            case "softmax":
                return self.put(nn.SoftmaxOp(x, 3))
            case _:
                return self.put(nn.TileOp(x, [1, 1, 1, 1]))

    def linear(self, x: SSAValue) -> SSAValue:
        h, w, channels = map(int, shape_of(x)[1:])
        pads = self.random.choice(([0] * 4, [1] * 4))
        match self.random.choice(("conv2d", "depthwise", "matmul", "max_pool", "avg_pool")):
            case "conv2d":
                w = self.weight(1, 1, channels, 4)
                return self.put(nn.Conv2DOp(x, w, strides=[1, 1], pads=pads))
            case "depthwise":
                w = self.weight(1, 1, channels, 1)
                return self.put(nn.DepthwiseConv2DOp(x, w, strides=[1, 1], pads=pads))
            case "matmul":
                return self.put(nn.MatMulOp(x, self.weight(channels, 4)))
            case "max_pool":
                pads = (
                    self.random.choice(([0, 0, 1, 1], [0] * 4)) if min(h, w) > 1 else [0, 0, 1, 1]
                )
                return self.put(nn.MaxPoolOp(x, window=[2, 2], strides=[1, 1], pads=pads))
            case _:
                size = self.random.choice((1, 2)) if min(h, w) > 1 else 1
                pads = [0, 0, size - 1, 0]
                pool = nn.AvgPoolOp(
                    x,
                    window=[size, size],
                    strides=[1, 2],
                    pads=pads,
                    pad_zeros=self.random.random() < 0.5,
                )
                return self.put(pool)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 25))
def test_all_passes_keep_the_meaning(seed: int, size: int) -> None:
    check(Graph(seed, size).module, *PASSES, seed=seed)


FILECHECK = Path(__file__).parent / "filecheck"


def golden_functions() -> list[tuple[ModulePass, FuncOp]]:
    """Each function in the golden file of each pass."""
    return [
        (each, func)
        for each in PASSES
        for func in parse((FILECHECK / f"{each.name.replace('-', '_')}.mlir").read_text()).ops
        if isinstance(func, FuncOp)
    ]


@pytest.mark.parametrize(("each", "func"), golden_functions(), ids=lambda x: identifier(x))
def test_golden_functions_keep_their_meaning(each: ModulePass, func: FuncOp) -> None:
    check(ModuleOp([func.clone()]), each)


def identifier(x: ModulePass | FuncOp) -> str:
    return x.sym_name.data if isinstance(x, FuncOp) else x.name


IDEMPOTENT = [each for each in PASSES if not isinstance(each, CommonSubexpressionElimination)]
"""CSE also erases what is dead, but not what that leaves dead."""


@pytest.mark.parametrize("each", IDEMPOTENT, ids=lambda p: p.name)
def test_a_pass_is_idempotent(each: ModulePass) -> None:
    module = Graph(3, 40).module
    ctx: Context = context()
    each.apply(ctx, module)
    once = str(module)
    each.apply(ctx, module)
    assert str(module) == once


CONV = "strides = [1, 1] pads = [{pad}, {pad}, {pad}, {pad}] dilations = [1, 1]"
IMAGE, KERNEL = "tensor<?x5x5x2xf32>", "tensor<3x3x2x4xf32>"


def conv2d(name: str, x: str, w: str, pad: int, shape: str) -> str:
    """One line: a convolution of an IMAGE with a 3x3x2x4 KERNEL."""
    return (
        f"%{name} = nn.conv2d %{x}, %{w} {CONV.format(pad=pad)} groups = 1"
        f" : {IMAGE}, {KERNEL} -> {shape}\n"
    )


def depthwise(name: str, x: str, w: str, pad: int, shape: str) -> str:
    """One line: a depthwise convolution of an IMAGE with multiplier 4."""
    return (
        f"%{name} = nn.depthwise_conv2d %{x}, %{w} {CONV.format(pad=pad)}"
        f" : {IMAGE}, {KERNEL} -> {shape}\n"
    )


def matmul(name: str, x: str, w: str, pad: int, shape: str) -> str:
    """One line: a product of the last dimension of an IMAGE, with the matrix transposed."""
    return f"%{name} = nn.matmul transpose_rhs %{x}, %{w} : {IMAGE}, tensor<4x2xf32> -> {shape}\n"


PRODUCTS = [
    (conv2d, KERNEL, 4, 3),
    (depthwise, KERNEL, 8, 3),
    (matmul, "tensor<4x2xf32>", 4, 5),
]


@pytest.mark.parametrize(("product", "kernel", "channels", "size"), PRODUCTS)
@pytest.mark.parametrize("vector", ["tensor<{c}xf32>", "tensor<1x1x1x{c}xf32>", "tensor<1xf32>"])
def test_scales_and_offsets_on_both_sides_fold(
    product: Callable[..., str], kernel: str, channels: int, size: int, vector: str
) -> None:
    inner, outer = vector.format(c=2), vector.format(c=channels)
    image = f"tensor<?x{size}x{size}x{channels}xf32>"
    body = f"""
      %w = nn.weight @w : {kernel}
      %a = nn.weight @a : {inner}
      %b = nn.weight @b : {inner}
      %c = nn.weight @c : {outer}
      %d = nn.weight @d : {outer}
      %e = nn.weight @e : {outer}
      %0 = nn.mul %x, %a : {IMAGE}, {inner}
      %1 = nn.sub %0, %b : {IMAGE}, {inner}
      {product("2", "1", "w", 0, image)}
      %3 = nn.sub %2, %c : {image}, {outer}
      %4 = nn.div %3, %d : {image}, {outer}
      %5 = nn.add %4, %e : {image}, {outer}
      func.return %5 : {image}
    """
    module = check(f(f"%x: {IMAGE}", image, body), FoldBatchNormPass())
    large = {op.name for op in module.walk() if op.results and op.results[0].type == op_type(image)}
    assert len(large) == 1


def op_type(text: str) -> object:
    return Parser(context(), text).parse_type()


def test_padding_keeps_the_offset_in_front() -> None:
    image = "tensor<?x5x5x4xf32>"
    body = f"""
      %w = nn.weight @w : {KERNEL}
      %a = nn.weight @a : tensor<2xf32>
      %b = nn.weight @b : tensor<2xf32>
      %0 = nn.add %x, %b : {IMAGE}, tensor<2xf32>
      %1 = nn.mul %0, %a : {IMAGE}, tensor<2xf32>
      {conv2d("2", "1", "w", 1, image)}
      func.return %2 : {image}
    """
    module = check(f(f"%x: {IMAGE}", image, body), FoldBatchNormPass())
    assert names(module)[0] == "add"
    assert names(module)[-1] == "conv2d"


def test_weights_with_two_readers_do_not_fold() -> None:
    image = "tensor<?x3x3x4xf32>"
    body = f"""
      %w = nn.weight @w : {KERNEL}
      %a = nn.weight @a : tensor<4xf32>
      {conv2d("0", "x", "w", 0, image)}
      %1 = nn.mul %0, %a : {image}, tensor<4xf32>
      {conv2d("2", "y", "w", 0, image)}
      %3 = nn.add %1, %2 : {image}
      func.return %3 : {image}
    """
    module = check(f(f"%x: {IMAGE}, %y: {IMAGE}", image, body), FoldBatchNormPass())
    assert names(module) == ["conv2d", "mul", "conv2d", "add"]


def test_a_long_chain_of_maps_is_cut_into_bodies_of_bounded_size() -> None:
    body = "".join(f"%{i + 1} = nn.sin %{i} : tensor<3xf32>\n" for i in range(200))
    text = f"%0 = nn.cos %x : tensor<3xf32>\n{body} func.return %200 : tensor<3xf32>"
    module = check(f("%x: tensor<3xf32>", "tensor<3xf32>", text), *PASSES)
    assert names(module) == ["map"] * 4


def test_a_fused_map_reads_at_most_eight_tensors() -> None:
    arguments = ", ".join(f"%x{i}: tensor<3xf32>" for i in range(20))
    body = "".join(
        f"%{i} = nn.add %{f'x{i}' if i == 0 else i - 1}, %x{i + 1} : tensor<3xf32>\n"
        for i in range(19)
    )
    module = check(
        f(arguments, "tensor<3xf32>", f"{body} func.return %18 : tensor<3xf32>"), *PASSES
    )
    assert names(module) == ["map"] * 3


@pytest.mark.parametrize("each", PASSES, ids=lambda p: p.name)
def test_the_work_is_linear_in_the_operations(each: ModulePass) -> None:
    def calls(operations: int) -> int:
        module = Graph(1, operations).module
        if isinstance(each, FuseMapsPass):
            ElementwiseToMapPass().apply(context(), module)
        return count_calls(lambda: each.apply(context(), module))

    calls(10)
    # Four times as many, and what a random graph makes of it; 16 if it were quadratic.
    assert calls(2_000) < 8 * calls(500)
