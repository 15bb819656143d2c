"""Buffers: for random graphs, every combination of the flags gives the same numbers.

Memory is poisoned before a buffer's birth and after its death, so a life that is too short, an
overlap in the arena or a spoiled operand shows in the outputs.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from calls import count_calls
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from tfrc.compiler.pass_manager import parse_passes
from tfrc.ir import nn, reference, rt, rt_reference
from tfrc.ir.rt import POOLS
from tfrc.ir.shape import Dim, N, count, shape_of, tensor
from tfrc.ir.tf import location
from tfrc.ir.weights import CompilerContext, WeightStore
from tfrc.passes import PIPELINES
from tfrc.passes.aliases import root
from tfrc.passes.elementwise_to_map import ElementwiseToMapPass
from tfrc.passes.free_early import FreeEarlyPass
from tfrc.passes.in_place import InPlacePass
from tfrc.passes.memory_statistics import memory_statistics, planned_buffers
from tfrc.passes.micro_batch import examples_are_independent
from tfrc.passes.ordering import Task, Tasks
from tfrc.passes.packing import Extent, Life, plan, widest_cut
from tfrc.passes.plan_arena import PlanArenaPass
from tfrc.passes.row_bands import RowBandsPass
from tfrc.passes.schedule import SchedulePass
from tfrc.passes.select_kernels import SelectKernelsPass


def weight(block: Block, *shape: int) -> SSAValue:
    array = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    constant = nn.ConstantOp.of(array)
    block.add_op(constant)
    return constant.result


def random_function(draw: st.DrawFn) -> FuncOp:
    """A graph of residuals, fans, concats, slices, pads and reshapes on [N, 4, 6] and [2, 4, 6].

    Among them are residual blocks, cells of branches and of pools that a concat joins, and what a
    dense block does: a concat with something computed of the rest.
    """
    shapes = [(N, 4, 6), (N, 4, 6), (2, 4, 6)]
    block = Block(arg_types=[tensor(f32, shape) for shape in shapes])
    values: list[SSAValue] = list(block.args)

    def add(op: Operation) -> SSAValue:
        block.add_op(op)
        return op.results[0]

    for _ in range(draw(st.integers(1, 14))):
        x = values[draw(st.integers(0, len(values) - 1))]
        same = [v for v in values if v.type == x.type]
        y = same[draw(st.integers(0, len(same) - 1))]
        shape = shape_of(x)
        last = len(shape) - 1
        op: Operation | None = None
        match draw(st.sampled_from(KINDS)):
            case "relu":
                op = nn.ReluOp(x)
            case "add":
                op = nn.AddOp(x, y)
            case "softmax":
                op = nn.SoftmaxOp(x, draw(st.integers(0, last)))
            case "layer_norm" if int(shape[-1]) > 1:
                channels = int(shape[-1])
                op = nn.LayerNormOp(x, weight(block, channels), weight(block, channels), 1e-3)
            case "weight":
                op = nn.MulOp(x, weight(block, int(shape[-1])))
            case "matmul":
                channels = int(shape[-1])
                op = nn.MatMulOp(x, weight(block, channels, channels), residual=y)
            case "scores" if len(shape) == 3:
                scores = add(nn.BatchMatMulOp(x, y, transpose_rhs=True))
                op = nn.BatchMatMulOp(scores, x, transpose_lhs=True)
            case "conv" if len(shape) == 3:
                kernel = weight(block, 3, int(shape[2]), 2)
                op = nn.Conv1DOp(x, kernel, strides=[1], pads=[2, 1], bias=weight(block, 2))
            case "block" if len(shape) == 3:
                channels = int(shape[2])
                kernel = weight(block, 3, channels, channels)
                op = nn.Conv1DOp(add(nn.ReluOp(x)), kernel, strides=[1], pads=[1, 1], residual=y)
            case "bands" if len(shape) == 3:
                channels = int(shape[2])
                image, residual = (
                    add(nn.ReshapeOp(value, (*shape[:2], Dim(0, 1), shape[2]))) for value in (x, y)
                )
                wide = weight(block, 1, 1, channels, 3)
                image = add(nn.Conv2DOp(image, wide, strides=[1, 1], pads=[0] * 4))
                taps = weight(block, 3, 1, 3, 1)
                image = add(nn.DepthwiseConv2DOp(image, taps, strides=[1, 1], pads=[1, 0, 1, 0]))
                narrow, bias = weight(block, 1, 1, 3, channels), weight(block, channels)
                epilogue = {"bias": bias, "residual": residual if draw(st.booleans()) else None}
                conv = nn.Conv2DOp(image, narrow, strides=[1, 1], pads=[0] * 4, **epilogue)
                image = add(conv)
                if draw(st.booleans()):
                    image = add(nn.MulOp(image, add(nn.MeanOp(image, [1, 2], keep_dims=True))))
                op = nn.ReshapeOp(image, shape)
            case "cell" if count(shape).at(1) < 2000:
                channels = int(shape[-1])
                first = add(nn.MatMulOp(x, weight(block, channels, channels)))
                second = add(nn.MatMulOp(y, weight(block, channels, 3)))
                op = nn.ConcatOp([first, second, add(nn.MulOp(first, y)), x], last)
            case "pools" if len(shape) == 3 and count(shape).at(1) < 2000:
                around = {"window": [3], "strides": [1], "pads": [1, 1]}
                first = add(nn.MatMulOp(x, weight(block, int(shape[2]), int(shape[2]))))
                mean = add(nn.AvgPoolOp(first, pad_zeros=draw(st.booleans()), **around))
                largest = add(nn.MaxPoolOp(y, pad_zeros=draw(st.booleans()), **around))
                parts = [largest, first, add(nn.SubOp(mean, first)), add(nn.AddOp(mean, largest))]
                op = nn.ConcatOp(draw(st.permutations(parts)), last)
            case "grow" if count(shape).at(1) < 2000:
                channels = int(shape[-1])
                scaled = add(nn.MulOp(x, weight(block, channels)))
                residual = add(nn.MatMulOp(y, weight(block, channels, 2)))
                kernel = weight(block, channels, 2)
                grown = add(nn.MatMulOp(scaled, kernel, residual=residual))
                op = nn.ConcatOp([x, grown], last)
            case "reshape" if len(shape) == 3:
                op = nn.ReshapeOp(x, (shape[0], shape[1] * shape[2]))
            case "concat" if count(shape).at(1) < 2000:
                op = nn.ConcatOp([x, y, x], draw(st.integers(0, last)))
            case "slice" if len(shape) == 3 and int(shape[1]) > 2:
                op = nn.SliceOp(x, (0, 1, 0), (shape[0], Dim(0, 2), shape[2]))
            case "slice" | "row" if shape[0].at(1) > 1 and shape[0].scale != 1:
                begin = draw(st.integers(0, 1))
                op = nn.SliceOp(x, (begin, *[0] * last), (shape[0] - 1, *shape[1:]))
            case "pad":
                zeros = [0] * last
                op = nn.PadOp(x, [*zeros, 1], [*zeros, 2], FloatAttr(0.5, f32))
            case _:
                op = nn.TransposeOp(x, [*range(1, last + 1), 0]) if shape[0].is_static else None
        if op is not None:
            values.append(add(op))
    computed = draw(st.integers(1, 3))
    returned = [values[draw(st.integers(0, len(values) - 1))] for _ in range(computed)]
    block.add_op(ReturnOp(*returned))
    types = [value.type for value in block.args], [value.type for value in returned]
    return FuncOp("f", types, Region(block))


KINDS = (
    "relu add softmax layer_norm weight matmul scores conv block bands cell pools grow reshape "
    "concat slice row pad transpose"
).split()


@st.composite
def modules(draw: st.DrawFn) -> ModuleOp:
    return ModuleOp([random_function(draw)])


def only_function(module: ModuleOp) -> FuncOp:
    (function,) = (op for op in module.ops if isinstance(op, FuncOp))
    return function


AFTER_LEGALIZING = {
    level: [
        "row-bands{large=0}" if spec == "row-bands" else spec
        for spec in specs[specs.index("legalize-tf") + 1 : specs.index("in-place")]
    ]
    for level, specs in PIPELINES.items()
}
"""The passes between `nn` operations as they are legalized and the memory plan.

Images of any size run in bands.
"""


@given(modules(), st.sampled_from([1, 2, 5]), st.sampled_from(sorted(AFTER_LEGALIZING)))
@settings(max_examples=60, deadline=None)
def test_flags_do_not_change_the_numbers(module: ModuleOp, n: int, level: str) -> None:
    """Bit for bit with each other, and within rounding with the graph as it was.

    Levels fuse and reorder sums: 1e-5 of the largest magnitude, which few of these graphs reach.
    """
    rng = np.random.default_rng(0)
    shapes = [(n, 4, 6), (n, 4, 6), (2, 4, 6)]
    arguments = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    expected = reference.run(only_function(module), arguments, WeightStore())
    ctx = CompilerContext()
    run_passes(ctx, module, parse_passes(AFTER_LEGALIZING[level]))
    runs: list[list[reference.Array]] = []
    for in_place, free_early in product([False, True], repeat=2):
        planned = module.clone()
        passes = [*[InPlacePass()] * in_place, *[FreeEarlyPass()] * free_early]
        run_passes(ctx, planned, [*passes, PlanArenaPass()])
        function = only_function(planned)
        for arena in (False, True):
            runs.append(rt_reference.run(function, arguments, ctx.weights, arena=arena))
    for actual, wanted in zip(runs[0], expected, strict=True):
        scale = np.abs(wanted).max(initial=0)
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-5 * scale)
    for outputs in runs[1:]:
        for actual, wanted in zip(outputs, runs[0], strict=True):
            np.testing.assert_array_equal(actual, wanted)


def plan_module(module: ModuleOp) -> tuple[CompilerContext, FuncOp]:
    """All passes on buffers."""
    ctx = CompilerContext()
    passes = [ElementwiseToMapPass(), SelectKernelsPass(), RowBandsPass(large=0)]
    passes += [InPlacePass(), FreeEarlyPass()]
    run_passes(ctx, module, [*passes, PlanArenaPass()])
    return ctx, only_function(module)


@given(modules())
@settings(max_examples=100, deadline=None)
def test_independent_examples_may_run_a_few_at_a_time(module: ModuleOp) -> None:
    ctx, function = plan_module(module)
    if not examples_are_independent(function):
        return
    rng = np.random.default_rng(0)
    a, b, shared = (rng.standard_normal((n, 4, 6)).astype(np.float32) for n in (5, 5, 2))
    whole = rt_reference.run(function, [a, b, shared], ctx.weights)
    cuts = slice(0, 2), slice(2, 5)
    parts = [rt_reference.run(function, [a[c], b[c], shared], ctx.weights) for c in cuts]
    for expected, *pieces in zip(whole, *parts, strict=True):
        # NumPy's products of other numbers of rows round otherwise.
        np.testing.assert_allclose(np.concatenate(pieces), expected, rtol=1e-4, atol=1e-4)


def calls(function: FuncOp) -> list[rt.CallOp]:
    return [op for op in function.body.block.ops if isinstance(op, rt.CallOp)]


def runs_in_parts(function: FuncOp) -> bool:
    kernels = {op.kernel_name for op in calls(function)}
    return len(kernels) > 3 and examples_are_independent(function)


def runs_in_bands(function: FuncOp) -> bool:
    bands = [op for op in calls(function) if op.kernel_name == "row_bands"]
    return any("residual" in dict(op.named_ins) for op in bands)


def takes_means_in_bands(function: FuncOp) -> bool:
    return any(op.kernel_name == "row_bands" and len(op.outs) > 1 for op in calls(function))


def adds_in_place(function: FuncOp) -> bool:
    return any(
        dict(op.named_ins).get("residual") is op.outs[0]
        and not isinstance(op.outs[0].owner, rt.ColumnsOp)
        for op in calls(function)
    )


def adds_in_columns(function: FuncOp) -> bool:
    return any(
        dict(op.named_ins).get("residual") is op.outs[0]
        and isinstance(op.outs[0].owner, rt.ColumnsOp)
        for op in calls(function)
    )


def maps_beside_columns(function: FuncOp) -> bool:
    return any(
        isinstance(value.owner, rt.ColumnsOp)
        and isinstance(op.outs[0].owner, rt.ColumnsOp)
        and root(value) is root(op.outs[0])
        for op in calls(function)
        if op.kernel_name == "map"
        for value in op.ins
    )


def pools_columns(function: FuncOp) -> bool:
    pools = [op for op in calls(function) if op.kernel_name in POOLS]
    reads = any(isinstance(op.ins[0].owner, rt.ColumnsOp) for op in pools)
    return reads and any(isinstance(op.outs[0].owner, rt.ColumnsOp) for op in pools)


def reads_columns(function: FuncOp) -> bool:
    kernels = {op.kernel_name for op in calls(function)}
    return "concat" not in kernels and any(
        isinstance(value.owner, rt.ColumnsOp) for op in calls(function) for value in op.ins
    )


def test_such_functions_exist() -> None:
    """What the random functions are for is among them."""
    missing = [
        runs_in_parts,
        adds_in_place,
        adds_in_columns,
        reads_columns,
        maps_beside_columns,
        pools_columns,
        runs_in_bands,
        takes_means_in_bands,
    ]

    @given(modules())
    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    def search(module: ModuleOp) -> None:
        if missing:
            function = plan_module(module)[1]
            missing[:] = [form for form in missing if not form(function)]

    search()
    assert not missing


def run_passes(ctx: CompilerContext, module: ModuleOp, passes: Sequence[ModulePass]) -> None:
    for each in passes:
        each.apply(ctx, module)
        module.verify()


@given(modules())
@settings(max_examples=50, deadline=None)
def test_each_step_lowers_the_peak(module: ModuleOp) -> None:
    """In-place kernels, early frees and the order never cost memory."""
    ctx = CompilerContext()
    run_passes(ctx, module, [ElementwiseToMapPass()])
    given_order, scheduled = module.clone(), module
    run_passes(ctx, given_order, [SelectKernelsPass()])
    run_passes(ctx, scheduled, [SchedulePass(), SelectKernelsPass()])
    before = memory_statistics(only_function(given_order))
    after = memory_statistics(only_function(scheduled))
    assert before.peak_memdrop <= before.peak_neither
    assert before.peak_both <= before.peak_inplace <= before.peak_neither
    assert after.arena >= after.peak_both


def test_the_picture_of_a_plan_names_what_lies_in_each_buffer() -> None:
    block = Block(arg_types=[tensor(f32, (N, 4, 6))])
    x = block.args[0]
    conv = nn.Conv1DOp(x, weight(block, 3, 6, 6), strides=[1], pads=[1, 1])
    relu, result = nn.ReluOp(conv.result), nn.SumOp(conv.result, [1])
    for op, name in ((conv, "conv"), (relu, "relu"), (result, "sum")):
        op.location = location(name)
    result.operands[0] = relu.result
    block.add_ops([conv, relu, result, ReturnOp(result.result)])
    types = [x.type], [result.result.type]
    module = ModuleOp([FuncOp("f", types, Region(block))])
    passes = [ElementwiseToMapPass(), SelectKernelsPass(), InPlacePass(), FreeEarlyPass()]
    run_passes(CompilerContext(), module, [*passes, PlanArenaPass()])
    tensor_buffer, scratch = planned_buffers(only_function(module), 2)
    assert (tensor_buffer.node, tensor_buffer.size) == ("conv → relu", 2 * 96)
    assert (scratch.node, scratch.size, scratch.scratch) == ("conv", 2 * 6 * 6 * 4, True)
    assert tensor_buffer.begin < scratch.begin < scratch.end < tensor_buffer.end


def random_tasks(reads: list[list[int]], sizes: list[int]) -> Tasks:
    return Tasks(
        [
            Task(tuple(dict.fromkeys(j % i for j in each)) if i else (), size)
            for i, (each, size) in enumerate(zip(reads, sizes, strict=False))
        ]
    )


@given(
    st.lists(st.lists(st.integers(0, 1000), max_size=3), min_size=1, max_size=80),
    st.lists(st.integers(0, 100), min_size=80, max_size=80),
)
@settings(deadline=None)
def test_an_order_respects_what_is_read_and_is_not_worse(
    reads: list[list[int]], sizes: list[int]
) -> None:
    tasks = random_tasks(reads, sizes)
    order = tasks.order()
    position = {i: p for p, i in enumerate(order)}
    assert sorted(order) == list(range(len(tasks.tasks)))
    for i, task in enumerate(tasks.tasks):
        assert all(position[j] < position[i] for j in task.reads)
    given_order = range(len(tasks.tasks))
    assert tasks.profile(order).peak <= tasks.profile(given_order).peak


def life(one: int, scale: int, begin: int, length: int) -> Life:
    return Life((64 * max(one, scale), 64 * scale), begin, begin + length)


lives = st.builds(
    life, st.integers(1, 50), st.integers(0, 50), st.integers(0, 30), st.integers(0, 10)
)


def at(extent: Extent, n: int) -> int:
    one, scale = extent
    return one + scale * (n - 1)


@given(st.lists(lives, max_size=25))
@settings(max_examples=40, deadline=None)
def test_a_plan_is_disjoint_for_every_batch(buffers: list[Life]) -> None:
    packing = plan(buffers)
    bound = widest_cut(buffers)
    assert all(at(offset, 0) >= 0 for offset in packing.offsets)
    for n in (1, 2, 7, 1000):
        places = [
            (at(offset, n), at(offset, n) + at(buffer.size, n))
            for offset, buffer in zip(packing.offsets, buffers, strict=True)
        ]
        for i, a in enumerate(buffers):
            for j, b in enumerate(buffers[:i]):
                if a.overlaps(b):
                    assert places[i][1] <= places[j][0] or places[j][1] <= places[i][0]
        assert max((end for _, end in places), default=0) <= at(packing.arena, n)
    assert all(a >= b for a, b in zip(packing.arena, bound, strict=True))


def test_a_chain_needs_two_buffers() -> None:
    chain = [Life((64, 64), i, i + 1) for i in range(10)]
    assert plan(chain).arena == widest_cut(chain) == (128, 128)


def test_a_static_buffer_lies_between_those_that_grow() -> None:
    """Scratch in the gap beside small buffers costs nothing for any batch."""
    buffers = [Life((640, 640), 0, 3), Life((640, 640), 4, 7), Life((320, 0), 2, 2)]
    buffers += [Life((640, 640), 2, 5)]
    assert plan(buffers).arena == widest_cut(buffers)


def test_buffers_lie_around_the_middle_of_those_before() -> None:
    """Each of two threads then writes what it wrote before; scratch is no thread's."""
    chain = [Life((640, 640), 0, 1), Life((640, 640), 1, 2), Life((320, 320), 2, 3)]
    chain += [Life((128, 128), 3, 4), Life((64, 0), 5, 5, is_scratch=True)]
    offsets = plan(chain).offsets
    middles = [offset[0] + life.size[0] / 2 for offset, life in zip(offsets, chain, strict=True)]
    # To the cache line.
    assert abs(middles[2] - middles[0]) < 64
    assert abs(middles[3] - middles[1]) < 64
    assert offsets[4] == (0, 0)


def test_the_work_of_an_order_is_linear_in_the_tasks() -> None:
    def calls(count: int) -> int:
        rng = np.random.default_rng(0)
        reads = (np.arange(count)[:, None] - rng.integers(1, 30, (count, 2))).clip(0).tolist()
        return count_calls(random_tasks(reads, rng.integers(1, 100, count).tolist()).order)

    assert calls(2_000) < 5 * calls(500)


def test_the_work_of_a_plan_is_no_more_than_linear() -> None:
    def calls(count: int) -> int:
        rng = np.random.default_rng(0)
        buffers = [
            Life((64 * size, 64 * size), i, i + span)
            for i, (size, span) in enumerate(rng.integers(1, 20, (count, 2)).tolist())
        ]
        return count_calls(lambda: plan(buffers))

    assert calls(16_000) < 5 * calls(4_000)


@pytest.mark.parametrize("poison", ["early", "overlap"])
def test_a_broken_plan_is_noticed(poison: str) -> None:
    """The interpreter catches what it is for: a buffer that dies early, and two that overlap."""
    block = Block(arg_types=[tensor(f32, (N, 8))])
    a = nn.ReluOp(block.args[0])
    b = nn.SoftmaxOp(a.result, 1)
    c = nn.AddOp(a.result, b.result)
    block.add_ops([a, b, c, ReturnOp(c.result)])
    type_ = block.args[0].type
    module = ModuleOp([FuncOp("f", ([type_], [type_]), Region(block))])
    ctx = CompilerContext()
    for each in (ElementwiseToMapPass(), SelectKernelsPass(), FreeEarlyPass(), PlanArenaPass()):
        each.apply(ctx, module)
    function = only_function(module)
    allocations = [op for op in function.body.block.ops if op.name == "memref.alloc"]
    assert len(allocations) == 2
    if poison == "overlap":
        allocations[1].attributes = dict(allocations[0].attributes)
    else:
        frees = [
            op
            for op in function.body.block.ops
            if op.name == "memref.dealloc" and op.operands[0] is allocations[0].results[0]
        ]
        calls = [op for op in function.body.block.ops if op.name == "rt.call"]
        frees[0].detach()
        function.body.block.insert_op_after(frees[0], calls[0])
    x = np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8)
    relu = np.maximum(x, 0)
    e = np.exp(relu - relu.max(-1, keepdims=True))
    expected = relu + e / e.sum(-1, keepdims=True)
    (actual,) = rt_reference.run(function, [x], ctx.weights, arena=True)
    assert not np.allclose(actual, expected, rtol=1e-5)
