"""Choose a kernel for each `nn` operation, and give each value a buffer.

    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
      %w = nn.weight @w : tensor<4x2xf32>
      %0 = nn.matmul %x, %w …
      %1 = nn.softmax %0 axis = 1 …
      func.return %1
    }
    =>
    func.func @f(%x: memref<?x4xf32>, %out: memref<?x2xf32>) {
      %N = rt.size <N> : index
      %w = rt.weight @w packing "panels" : memref<4x2xf32>
      %0 = memref.alloc(%N) : memref<?x2xf32>
      rt.call @matmul(lhs = %x, rhs = %w) -> %0 …
      rt.call @softmax(input = %0) -> %out {axis = 1} …
      memref.dealloc %0
      func.return
    }

Legal on any function of `nn` operations without elementwise operations on tensors, which
`elementwise-to-map` removes. A result is computed straight into the output that returns it; an
input or a constant that is returned, and a value that is returned twice, is copied. A reshape is a
view. A variable is memory that is there already; what is assigned to it is copied into it at the
end, when nothing reads the old value any more. Every buffer is its own allocation and ends before
the return: `in-place` and `free-early` change that.

A matrix of weights that is known at run time only is packed once, before the first product with it:

    rt.call @pack(input = %w) -> %w_packed …
    rt.call @matmul(lhs = %x, rhs = %w_packed) -> %0 {packed = #nn.dims<4, 2>} …

What is only ever selected under a condition (`demand.py`) becomes a call that runs under it. If it
does not run, its buffer holds anything, and so does what is computed from that, and what selects
takes the other value:

    rt.call @conv2d(…) -> %0 when(%c) …
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FunctionType, ModuleOp, UnitAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.dialects.memref import AllocOp, DeallocOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from tfrc.ir import nn, rt
from tfrc.ir.nn.base import get_ints
from tfrc.ir.nn.linear import EpilogueOp
from tfrc.ir.shape import Dim, Shape, buffer, element_of, shape_of, tensor
from tfrc.ir.weights import WeightStore, measure_of, weights_of
from tfrc.passes.aliases import root
from tfrc.passes.demand import Demand
from tfrc.passes.kernels import (
    Packing,
    Selected,
    has_epilogue_kernel,
    named_operands,
    packed_length,
    select,
)

Select = Callable[[Operation], Selected]

NAME = "tf.name"
"""The attribute of an argument or result that holds its name in the signature."""


@dataclass
class Lowering:
    """One function on its way from values to buffers."""

    function: FuncOp
    weights: WeightStore
    block: Block
    select: Select = select
    buffers: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    constants: dict[tuple[SSAValue, Packing], SSAValue] = field(
        default_factory=dict[tuple[SSAValue, Packing], SSAValue]
    )
    sizes: dict[Dim, SSAValue] = field(default_factory=dict[Dim, SSAValue])
    allocations: list[SSAValue] = field(default_factory=list[SSAValue])
    size_ops: list[rt.SizeOp] = field(default_factory=list[rt.SizeOp])
    direct: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    variables: dict[str, rt.VariableOp] = field(default_factory=dict[str, rt.VariableOp])
    packs: dict[tuple[SSAValue, bool], SSAValue] = field(
        default_factory=dict[tuple[SSAValue, bool], SSAValue]
    )
    demand: Demand = field(init=False)

    def __post_init__(self) -> None:
        self.demand = Demand(self.function.body.block)

    def insert(self, op: Operation) -> None:
        """Append an operation to the new body."""
        self.block.add_op(op)

    def size(self, dim: Dim) -> SSAValue:
        """The index value of a dimension that depends on the batch."""
        if dim not in self.sizes:
            op = rt.SizeOp(dim)
            op.result.name_hint = "N" if dim == Dim(1, 0) else None
            self.size_ops.append(op)
            self.sizes[dim] = op.result
        return self.sizes[dim]

    def allocate(self, element: Attribute, shape: Shape, hint: str | None) -> SSAValue:
        """A new buffer."""
        dynamic = [self.size(dim) for dim in shape if not dim.is_static]
        op = AllocOp(dynamic, [], buffer(element, shape))
        op.memref.name_hint = hint
        self.insert(op)
        self.allocations.append(op.memref)
        return op.memref

    def destination(self, result: SSAValue) -> SSAValue:
        """Where `result` is to be computed: an output argument, or a buffer of its own."""
        target = self.direct.get(result)
        if target is None:
            return self.allocate(element_of(result), shape_of(result), result.name_hint)
        type_ = buffer(element_of(result), shape_of(result))
        if target.type == type_:
            return target
        view = rt.ViewOp(target, type_, Dim(0, 0))
        view.result.name_hint = result.name_hint
        self.insert(view)
        return view.result

    def read(self, value: SSAValue, packing: Packing = Packing.PLAIN) -> SSAValue:
        """The buffer that holds `value`; a constant is read in the order `packing`."""
        op = value.owner
        if isinstance(op, nn.ReadOp):
            return self.variable(op.key, value)
        if not isinstance(op, nn.WeightOp | nn.ConstantOp):
            return self.buffers[value]
        if (value, packing) not in self.constants:
            key = op.key if isinstance(op, nn.WeightOp) else self._store(op)
            type_ = buffer(element_of(value), shape_of(value))
            weight = rt.WeightOp(key, type_, None if packing is Packing.PLAIN else packing.value)
            weight.result.name_hint = value.name_hint
            weight.location = op.location
            self.insert(weight)
            self.constants[value, packing] = weight.result
        return self.constants[value, packing]

    def packed(self, value: SSAValue, is_transposed: bool, op: Operation) -> SSAValue:
        """A matrix, or its transpose, in panels: packed once for all products with it."""
        if (value, is_transposed) not in self.packs:
            k, n = reversed(shape_of(value)) if is_transposed else shape_of(value)
            hint = f"{value.name_hint}_packed" if value.name_hint else None
            out = self.allocate(element_of(value), (packed_length(k, n),), hint)
            static = {"transpose": UnitAttr()} if is_transposed else {}
            source = [("input", self.read(value))]
            maker = value.owner if isinstance(value.owner, Operation) else op
            self.insert(rt.CallOp("pack", source, [out], static, loc=maker.location))
            self.packs[value, is_transposed] = out
        return self.packs[value, is_transposed]

    def variable(self, key: str, value: SSAValue) -> SSAValue:
        """The memory of a variable, which `value` is read from or assigned to."""
        if key not in self.variables:
            op = rt.VariableOp(key, buffer(element_of(value), shape_of(value)))
            op.result.name_hint = value.name_hint
            self.variables[key] = op
        return self.variables[key].result

    def assign(self, assignments: Sequence[nn.AssignOp]) -> None:
        """Copy each value into its variable, as if all at once."""
        written = {op.key for op in assignments}
        sources: list[tuple[nn.AssignOp, SSAValue]] = []
        for op in assignments:
            source = self.read(op.value)
            owner = root(source).owner
            if isinstance(owner, rt.VariableOp) and owner.key == op.key:
                continue
            if isinstance(owner, rt.VariableOp) and owner.key in written:
                kept = self.allocate(element_of(source), shape_of(source), source.name_hint)
                self.insert(rt.CallOp("copy", [("input", source)], [kept], {}, loc=op.location))
                source = kept
            sources.append((op, source))
        for op, source in sources:
            target = self.variable(op.key, op.value)
            self.insert(rt.CallOp("copy", [("input", source)], [target], {}, loc=op.location))

    def _store(self, op: nn.ConstantOp) -> str:
        return self.weights.share(op.result.name_hint or "constant", op.array)

    def lower(self, op: Operation) -> None:
        """Append what computes one operation."""
        match op:
            case nn.WeightOp() | nn.ConstantOp() | nn.ReadOp() | nn.AssignOp():
                return
            case nn.ReshapeOp():
                type_ = buffer(element_of(op.result), shape_of(op.result))
                view = rt.ViewOp(self.read(op.input), type_, Dim(0, 0))
                view.result.name_hint = op.result.name_hint
                view.location = op.location
                self.insert(view)
                self.buffers[op.result] = view.result
            case nn.MapOp():
                ins = [("inputs", self.read(value)) for value in op.inputs]
                out = self.destination(op.result)
                body, when = op.body.clone(), self.conditions(op)
                self.insert(rt.CallOp("map", ins, [out], {}, when=when, body=body, loc=op.location))
                self.buffers[op.result] = out
            case _:
                self._call(op)

    def conditions(self, op: Operation) -> list[tuple[SSAValue, bool]]:
        """The buffers of the conditions under which `op` is to run, of those known by then."""
        known = (
            (value, expected)
            for value, expected in self.demand.of(op)
            if value in self.buffers or isinstance(value.owner, nn.ReadOp)
        )
        return [(self.read(value), expected) for value, expected in known]

    def _call(self, op: Operation) -> None:
        (result,) = op.results
        selected = self.select(op)
        ins = [
            (name, self.packed(value, selected.packs[name], op))
            if name in selected.packs
            else (name, self.read(value, selected.packings.get(name, Packing.PLAIN)))
            for name, value in named_operands(op)
        ]
        out = self.destination(result)
        scratch = [
            self.allocate(element_of(result), (count,), "scratch") for count in selected.scratch
        ]
        call = rt.CallOp(
            selected.name,
            ins,
            [out],
            selected.static,
            scratch=scratch,
            when=self.conditions(op),
            loc=op.location,
        )
        self.insert(call)
        self.buffers[result] = out


def _direct(function: FuncOp, returned: Sequence[SSAValue]) -> dict[SSAValue, int]:
    """The values that can be computed straight into an output: value → index of the output.

    A returned reshape passes the output on to the value that it reshapes, unless that is an output
    already.
    """
    direct: dict[SSAValue, int] = {}
    for i, value in enumerate(returned):
        source = value
        while isinstance(source.owner, nn.ReshapeOp):
            source = source.owner.input
        computed = isinstance(source.owner, Operation) and not isinstance(
            source.owner, nn.WeightOp | nn.ConstantOp | nn.ReadOp
        )
        if computed and source not in direct:
            direct[source] = i
    return direct


def lower_function(function: FuncOp, weights: WeightStore, select: Select = select) -> FuncOp:
    """The function on buffers, with the kernels that `select` chooses."""
    returns = function.body.block.last_op
    assert isinstance(returns, ReturnOp)
    returned = list(returns.arguments)
    types = [buffer(element_of(v), shape_of(v)) for v in (*function.args, *returned)]
    block = Block(arg_types=types)
    inputs, outputs = block.args[: len(function.args)], block.args[len(function.args) :]
    lowering = Lowering(function, weights, block, select)
    for new, old in zip(inputs, function.args, strict=True):
        new.name_hint = old.name_hint
        lowering.buffers[old] = new
    names = _signature_names(function, len(returned))
    for i, output in enumerate(outputs):
        output.name_hint = f"out{i}" if len(outputs) > 1 else "out"
    direct = _direct(function, returned)
    lowering.direct = {value: outputs[i] for value, i in direct.items()}
    for op in function.body.block.ops:
        if not isinstance(op, ReturnOp):
            lowering.lower(op)
    written = {i: value for value, i in direct.items()}
    for i, (value, output) in enumerate(zip(returned, outputs, strict=True)):
        if i not in written:
            source = lowering.read(value)
            lowering.insert(rt.CallOp("copy", [("input", source)], [output], {}))
    lowering.assign([op for op in function.body.block.ops if isinstance(op, nn.AssignOp)])
    for allocation in lowering.allocations:
        lowering.insert(DeallocOp.get(allocation))
    lowering.insert(ReturnOp())
    first = block.first_op
    assert first is not None
    block.insert_ops_before([*lowering.size_ops, *lowering.variables.values()], first)
    new = FuncOp(
        function.sym_name.data,
        FunctionType.from_lists(types, []),
        Region(block),
        visibility=function.sym_visibility,
        arg_attrs=ArrayAttr(DictionaryAttr(entry) for entry in names),
    )
    new.location = function.location
    return new


def _signature_names(function: FuncOp, outputs: int) -> list[Mapping[str, Attribute]]:
    """The attributes of all arguments of the new function: those of the arguments and results."""
    empty = DictionaryAttr({})
    args = list(function.arg_attrs) if function.arg_attrs else [empty] * len(function.args)
    results = list(function.res_attrs) if function.res_attrs else [empty] * outputs
    return [attrs.data for attrs in (*args, *results)]


ACTIVATIONS: dict[str, type[nn.ElementwiseOp]] = {
    op.name.removeprefix("nn."): op for op in nn.ELEMENTWISE
}


def without_epilogue(op: EpilogueOp) -> EpilogueOp:
    """The product of `op` alone."""
    match op:
        case nn.MatMulOp():
            transposes = op.transpose_lhs is not None, op.transpose_rhs is not None
            return nn.MatMulOp(
                op.lhs, op.rhs, transpose_lhs=transposes[0], transpose_rhs=transposes[1]
            )
        case nn.DepthwiseConv2DOp():
            return nn.DepthwiseConv2DOp(
                op.input,
                op.filter,
                strides=get_ints(op.strides),
                pads=get_ints(op.pads),
                dilations=get_ints(op.dilations),
            )
        case _:
            raise AssertionError(f"the kernel of {op.name} has an epilogue")


def split_epilogue(op: EpilogueOp) -> None:
    """Move bias, residual and activation of `op` into a map of their own."""
    extra = [value for value in (op.bias, op.residual) if value is not None]
    bare = without_epilogue(op)
    bare.location = op.location
    block = Block(arg_types=[element_of(value) for value in (op.result, *extra)])
    total: SSAValue = block.args[0]
    for argument in block.args[1:]:
        add = nn.AddOp(total, argument)
        block.add_op(add)
        total = add.result
    if op.activation is not None:
        alpha = op.activation.parameter
        properties = {} if alpha is None else {"alpha": op.activation.alpha}
        activation = ACTIVATIONS[op.activation.kind.data].create(
            operands=[total], result_types=[total.type], properties=properties
        )
        block.add_op(activation)
        total = activation.results[0]
    block.add_op(nn.YieldOp(total))
    chain = nn.MapOp([bare.result, *extra], block)
    chain.location = op.location
    chain.result.name_hint = op.result.name_hint
    Rewriter.replace_op(op, [bare, chain], [chain.result])


def transpose_weight(op: nn.MatMulOp, weights: WeightStore) -> None:
    """Store the transpose of a constant `rhs` that is read transposed, so that it can be packed."""
    rhs = op.rhs.owner
    if op.transpose_rhs is None or op.transpose_lhs is not None:
        return
    match rhs:
        case nn.WeightOp() if rhs.key in weights:
            array = weights[rhs.key].T
            key = f"{rhs.key}.transposed"
            if key not in weights:
                weights.add(key, np.ascontiguousarray(array))
        case nn.ConstantOp():
            array = rhs.array.T
            hint = rhs.result.name_hint or "constant"
            key = weights.share(f"{hint}.transposed", np.ascontiguousarray(array))
        case _:
            return
    weight = nn.WeightOp(key, tensor(element_of(rhs.result), array.shape))
    weight.location = rhs.location
    weight.result.name_hint = rhs.result.name_hint
    block = op.parent_block()
    assert block is not None
    block.insert_op_before(weight, op)
    op.operands[1] = weight.result
    op.transpose_rhs = None


@dataclass(frozen=True)
class SelectKernelsPass(ModulePass):
    """Choose a kernel for each operation, and give each value a buffer."""

    name = "select-kernels"

    exact_convolution: bool = False
    """Whether convolutions sum the products themselves, without Winograd's transforms."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        choose = partial(select, exact_convolution=self.exact_convolution, measure=measure_of(ctx))
        for function in [f for f in op.ops if isinstance(f, FuncOp)]:
            for each in list(function.body.block.ops):
                if isinstance(each, nn.MatMulOp):
                    transpose_weight(each, weights_of(ctx))
                if isinstance(each, EpilogueOp) and not has_epilogue_kernel(each):
                    split_epilogue(each)
            lowered = lower_function(function, weights_of(ctx), choose)
            op.body.block.insert_op_before(lowered, function)
            function.detach()
            function.erase(safe_erase=False)
