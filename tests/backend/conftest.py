"""Small planned modules with random weights, and crates made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func, FuncOp
from xdsl.dialects.memref import MemRef
from xdsl.ir import SSAValue
from xdsl.parser import Parser
from xdsl.passes import ModulePass

from tfrc.backend_rust import Features
from tfrc.backend_rust.signatures import tensor_names, written
from tfrc.ir import nn, rt, rt_reference
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import at, element_of, shape_of, static_shape
from tfrc.ir.weights import CompilerContext, WeightStore
from tfrc.passes.elementwise_to_map import ElementwiseToMapPass
from tfrc.passes.free_early import FreeEarlyPass
from tfrc.passes.in_place import InPlacePass
from tfrc.passes.plan_arena import PlanArenaPass
from tfrc.passes.row_bands import RowBandsPass
from tfrc.passes.select_kernels import SelectKernelsPass

Array = NDArray[Any]
HERE = Path(__file__).parent


def draw(value: SSAValue, n: int, rng: np.random.Generator) -> Array:
    """Random elements for a buffer: around 0, integers 1 to 9: indices and divisors."""
    shape, dtype = at(shape_of(value), n), numpy_dtype(element_of(value))
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(dtype.kind != "b", 2 if dtype.kind == "b" else 10, shape).astype(dtype)


@dataclass(frozen=True)
class Planned:
    """A module at the end of the rt level, with its weights."""

    module: ModuleOp
    weights: WeightStore

    @property
    def functions(self) -> list[FuncOp]:
        return [op for op in self.module.ops if isinstance(op, FuncOp)]

    def features(self, n: int) -> dict[str, Features]:
        """Random inputs of all functions, and what the reference makes of them."""
        rng = np.random.default_rng(1)
        features: dict[str, Features] = {}
        for function in self.functions:
            outs = written(function)
            ins = [a for a in function.args if a not in outs]
            arrays = [draw(argument, n, rng) for argument in ins]
            results = rt_reference.run(function, arrays, self.weights, arena=True)
            names = tensor_names(function, list(function.args), "x")
            features[function.sym_name.data] = Features(
                dict(zip(names, arrays, strict=False)),
                dict(zip(names[len(ins) :], results, strict=True)),
            )
        return features


PASSES = (
    ElementwiseToMapPass,
    SelectKernelsPass,
    RowBandsPass,
    InPlacePass,
    FreeEarlyPass,
    PlanArenaPass,
)
"""What makes a planned module of one in the `nn` dialect."""


def parse(text: str, passes: Sequence[type[ModulePass]]) -> Planned:
    """The module of a text, planned; every weight that it names is random."""
    ctx = CompilerContext()
    for dialect in (Builtin, Func, MemRef, nn.NN, rt.RT):
        ctx.load_dialect(dialect)
    module = Parser(ctx, text).parse_module()
    module.verify()
    rng = np.random.default_rng(0)
    for op in module.walk():
        if isinstance(op, rt.WeightOp | nn.WeightOp) and op.key not in ctx.weights:
            array = rng.normal(size=static_shape(op.result)) / 2
            ctx.weights.add(op.key, array.astype(numpy_dtype(element_of(op.result))))
        if isinstance(op, nn.VariableOp):
            array = rng.integers(0, 2, static_shape(op.type))
            ctx.weights.add(op.key, array.astype(numpy_dtype(element_of(op.type))))
    if "rt.call" not in text:
        for each in passes:
            each().apply(ctx, module)
        module.verify()
    return Planned(module, ctx.weights)


UNARY = {
    "f32": "neg abs sign exp expm1 log log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh asinh "
    "acosh atanh tanh sigmoid erf erfc floor ceil round relu relu6 selu softplus softsign swish "
    "hard_swish hard_sigmoid gelu gelu_tanh",
    "f64": "neg abs sign exp expm1 log log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh asinh "
    "acosh atanh tanh sigmoid floor ceil round relu relu6 softplus softsign swish hard_swish "
    "hard_sigmoid",
    "i32": "neg abs sign relu relu6",
    "i64": "neg abs sign relu relu6",
    "i1": "logical_not",
}
FLOAT_BINARY = "add sub mul div floor_div floor_mod truncate_mod maximum minimum pow atan2"
INTEGER_BINARY = (
    "add sub mul div floor_div floor_mod truncate_mod maximum minimum pow "
    "bitwise_and bitwise_or bitwise_xor"
)
BINARY = {
    "f32": FLOAT_BINARY,
    "f64": FLOAT_BINARY,
    "i32": INTEGER_BINARY,
    "i64": INTEGER_BINARY,
    "i1": "logical_and logical_or",
}
COMPARE = {
    type_: "equal not_equal" + (" less less_equal greater greater_equal" * (type_ != "i1"))
    for type_ in UNARY
}
PREDICATES = {"f32": "is_nan is_inf is_finite", "f64": "is_nan is_inf is_finite"}


def elementwise(type_: str) -> str:
    """A function that returns each elementwise operation on `type_`, by itself."""
    tensor, bools = f"tensor<?x5x{type_}>", "tensor<?x5xi1>"
    lines: list[str] = []
    outs: list[tuple[str, str]] = []

    def add(text: str, result: str) -> None:
        lines.append(f"%{len(lines)} = {text}")
        outs.append((f"%{len(lines) - 1}", result))

    for name in UNARY[type_].split():
        add(f"nn.{name} %x : {tensor}", tensor)
    for name in BINARY[type_].split():
        add(f"nn.{name} %x, %y : {tensor}", tensor)
    for name in COMPARE[type_].split():
        add(f"nn.{name} %x, %y : {tensor}", bools)
    for name in PREDICATES.get(type_, "").split():
        add(f"nn.{name} %x : ({tensor}) -> {bools}", bools)
    if type_.startswith("f"):
        for name in ("elu", "leaky_relu"):
            add(f"nn.{name} %x alpha = 3.000000e-01 : {tensor}", tensor)
    add(f"nn.select %b, %x, %y : {bools}, {tensor}, {tensor}", tensor)
    for other in UNARY:
        target = f"tensor<?x5x{other}>"
        add(f"nn.cast %x : {tensor} to {target}", target)
    arguments = f"%x: {tensor}, %y: {tensor}, %b: {bools}"
    values, types = (", ".join(part) for part in zip(*outs, strict=True))
    body = "\n".join([*lines, f"func.return {values} : {types}"])
    return f"func.func @{type_}({arguments}) -> ({types}) {{\n{body}\n}}\n"


@pytest.fixture
def planned() -> Callable[[str], Planned]:
    """`planned("mlp")` is tests/backend/mlp.mlir; a text that is no name is a module itself.

    `without` are passes that do not run.
    """

    def get(name_or_text: str, without: Sequence[type[ModulePass]] = ()) -> Planned:
        passes = [each for each in PASSES if each not in without]
        if name_or_text == "elementwise":
            return parse("".join(map(elementwise, UNARY)), passes)
        path = HERE / f"{name_or_text}.mlir"
        return parse(path.read_text() if name_or_text.isidentifier() else name_or_text, passes)

    return get
