"""Run convolutions that follow one another in bands of lines: what lies between stays in the cache.

    %0 = memref.alloc(%N) : memref<?x112x112x96xf32>
    rt.call @conv2d(input = %x, filter = %v) -> %0 …
    rt.call @depthwise_conv2d(input = %0, filter = %w) -> %out …
    =>
    %0 = memref.alloc() : memref<…xf32>
    rt.call @row_bands(input = %x, filter_0 = %v, filter_1 = %w) -> %out scratch(%0) {rows = 4} … {
      ^bb0(%x, %v, %w, %between, %out):
        rt.call @conv2d(input = %x, filter = %v) -> %between …
        rt.call @depthwise_conv2d(input = %between, filter = %w) -> %out …
        nn.yield %out
    }

The body is what the kernel computes; of a buffer between two of its calls only the lines of a band
exist. Legal for a buffer that one call writes and one reads, as its image. The earlier calls move
down to the last: nothing writes what they read. All numbers keep their bits.

The mean over height and width of the last result, as squeeze-and-excite takes it, is a second
result: it is computed of the lines of a band while they are in the cache.

    rt.call @depthwise_conv2d(input = %0, filter = %w) -> %1 …
    rt.call @mean(input = %1) -> %2 {axes = [1, 2], …}
    =>
    rt.call @row_bands(input = %x, filter_0 = %v, filter_1 = %w) -> %1, %2 scratch(%0) … {
      ^bb0(%x, %v, %w, %between, %out, %mean):
        …
        rt.call @mean(input = %out) -> %mean {axes = [1, 2], …}
        nn.yield %out
    }

It adds the sums of lines, so that it differs from the mean of all pixels at once by rounding.

It is worth it for a buffer that the second-level cache does not hold, and for small filters, which
every band reads again. Measured on Zen 4 (1 MiB of that cache), with little and with much written
between two runs, in µs, for a 1×1, a depthwise 3×3 and a 1×1 convolution:

    image, channels             layer by layer    in bands of 4
    112×112, 16 → 96 → 24, /2     890 … 1900        790
    56×56, 24 → 144 → 24          640 … 1000        630
    56×56, 24 → 144 → 32, /2      410 …  450        330
    28×28, 32 → 192 → 32          230               230

The mean costs, after the bands and within them, 23 and 17 µs for 112×112×32, 29 and 16 for
56×56×144; EfficientNetB0, which has four, is 60 µs of 9.6 ms faster. The result of a depthwise
convolution that is no part of bands is in the second-level cache when it ends, and its mean stays a
call of its own: 3.5 µs for 14×14×480, and 3.9 with the convolution.

The scale of squeeze-and-excite and the convolution that reads it do not run in bands. The scale is
in place, and a whole image comes out of the third-level cache as fast as its lines do. In µs, with
bands of so many KiB:

    scale, 1×1 convolution    layer by layer    384    128     32
    112×112, 32 → 16               156          156    158    173
    56×56, 96 → 24                 217          217    220    235
    56×56, 144 → 24                329          323    326    344
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, f32, i64
from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import AllocOp, DeallocOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass

from tfrc.ir import nn, rt
from tfrc.ir.dtype import size_of
from tfrc.ir.shape import Dim, buffer, count, element_of, shape_of
from tfrc.passes.matching import fused_location

LARGE = 2**20
"""Bytes of an image between two calls that are worth a band: those that leave the cache."""

BAND = 512 * 2**10
"""Bytes of the lines of a band: half of a second-level cache of 1 MiB.

Where it is 2 MiB (Redwood Cove), MobileNetV2 takes 0.98 of the time that it takes with 384 KiB, and
as long with 768.
"""

FILTER = 256 * 2**10
"""Bytes of a filter that every band may read again."""

FEWEST = 2
"""Lines of a band, below which there are more calls than they are worth. Even."""

SHARE = 4
"""Lines that do not fit into `BAND` are worth it as well if they are 1/4 of the images at most."""

STAGES = frozenset({"conv2d", "depthwise_conv2d"})
"""Kernels that compute a line of the result from some lines of the image."""


@dataclass(frozen=True)
class Lines:
    """How the lines of a call's result follow from those of its image."""

    height: int
    """Lines of the result."""
    line: int
    """Elements of one."""
    reach: int
    """Lines of the image from the first to the last one that a line is computed from."""
    stride: int
    padded: int
    """Elements of a line of the image with its zeros, if the kernel copies it."""

    @staticmethod
    def of(call: rt.CallOp) -> Lines:
        """Those of a call in `STAGES`."""
        operands = dict(call.named_ins)
        _, _, width, channels = shape_of(operands["input"])
        _, height, columns, filters = shape_of(call.outs[0])
        strides, dilations, pads = map(call.ints, ("strides", "dilations", "pads"))
        kernel = int(shape_of(operands["filter"])[0])
        copies = call.kernel_name == "conv2d" and any(pads)
        return Lines(
            int(height),
            int(columns) * int(filters),
            (kernel - 1) * dilations[0] + 1,
            strides[0],
            (pads[1] + int(width) + pads[3]) * int(channels) if copies else 0,
        )

    def needed(self, rows: int) -> int:
        """Lines of the image, zeros included, that so many lines are computed from."""
        return (rows - 1) * self.stride + self.reach


def scratch(stages: Sequence[Lines], rows: int) -> int:
    """Elements of scratch for bands of so many lines, as tf-layers documents them."""
    windows = padded = 0
    for i, stage in reversed(list(enumerate(stages))):
        rows = min(rows, stage.height)
        if i < len(stages) - 1:
            windows += rows * stage.line
        rows = stage.needed(rows)
        padded = max(padded, rows * stage.padded)
    return windows + padded


def best_rows(stages: Sequence[Lines]) -> int | None:
    """How many lines a band has: as many as its share of the cache holds, and the fewest at least.

    An even number, as depthwise convolutions compute two lines at once. None if these are too large
    a part of the images.
    """
    heights = [*range(FEWEST, stages[-1].height, 2), stages[-1].height]
    fitting = [rows for rows in heights if scratch(stages, rows) * size_of(f32) <= BAND]
    rows = max([min(heights), *fitting])
    images = sum(stage.height * stage.line for stage in stages[:-1])
    return rows if fitting[-1:] == [rows] or scratch(stages, rows) * SHARE <= images else None


def is_stage(call: rt.CallOp) -> bool:
    """Whether a call may run in bands: each line has some of its image, and small filters."""
    if call.kernel_name not in STAGES or call.when or element_of(call.outs[0]) != f32:
        return False
    weights = shape_of(dict(call.named_ins)["filter"])
    pads, reach = call.ints("pads"), Lines.of(call).reach
    return (
        call.number("groups", 1) == 1
        and min(pads) >= 0
        and max(pads[0], pads[2]) < reach
        and int(count(weights)) * size_of(f32) <= FILTER
    )


def follower(call: rt.CallOp, large: int) -> rt.CallOp | None:
    """The call in whose bands `call` may run: the one that reads its large result, as its image."""
    (out,) = call.outs
    if not isinstance(out.owner, AllocOp) or not is_stage(call):
        return None
    if image_bytes(call) < large or "residual" in dict(call.named_ins):
        return None
    uses = [use.operation for use in out.uses]
    readers = [each for each in uses if each is not call and not isinstance(each, DeallocOp)]
    if len(readers) != 1:
        return None
    (reader,) = readers
    if not isinstance(reader, rt.CallOp) or dict(reader.named_ins).get("input") is not out:
        return None
    return reader if is_stage(reader) else None


def mean_of(call: rt.CallOp) -> rt.CallOp | None:
    """The call that computes the mean over height and width of a call's result, if there is one."""
    (out,) = call.outs
    for use in out.uses:
        reader = use.operation
        if (
            isinstance(reader, rt.CallOp)
            and reader.kernel_name == "mean"
            and reader.ints("axes") == (1, 2)
            and not reader.when
            and isinstance(reader.outs[0].owner, AllocOp | Block)
        ):
            return reader
    return None


def image_bytes(call: rt.CallOp) -> int:
    """Bytes of one image of a call's result."""
    return int(count(shape_of(call.outs[0])[1:])) * size_of(f32)


def chains(calls: Sequence[rt.CallOp], large: int) -> list[list[rt.CallOp]]:
    """The calls that run together in bands: the largest buffers first, while the lines fit."""
    links = [(call, reader) for call in calls if (reader := follower(call, large)) is not None]
    chain_of = {call: [call] for link in links for call in link}
    for call, reader in sorted(links, key=lambda link: -image_bytes(link[0])):
        joined = [*chain_of[call], *chain_of[reader]]
        if best_rows([Lines.of(each) for each in joined]) is not None:
            chain_of.update(dict.fromkeys(joined, joined))
    found = [chain_of[call] for call, _ in links if call is chain_of[call][0]]
    return [chain for chain in found if len(chain) > 1]


def operands_of(chain: Sequence[rt.CallOp]) -> list[tuple[str, SSAValue]]:
    """What the chain reads: the image, filters and biases by their stage, a residual."""
    ins = [("input", dict(chain[0].named_ins)["input"])]
    for i, call in enumerate(chain):
        ins += [(f"{name}_{i}", v) for name, v in call.named_ins if name in ("filter", "bias")]
    return ins + [pair for pair in chain[-1].named_ins if pair[0] == "residual"]


def body_of(chain: Sequence[rt.CallOp], ins: Sequence[tuple[str, SSAValue]]) -> Region:
    """The calls of a chain on the block's arguments: what it reads, and what each call writes."""
    mean = mean_of(chain[-1])
    written = [call.outs[0] for call in (*chain, *([mean] if mean else []))]
    values = [*(value for _, value in ins), *written]
    block = Block(arg_types=[value.type for value in values])
    arguments: Mapping[tuple[str, SSAValue], SSAValue] = {
        (name, value): argument for (name, value), argument in zip(ins, block.args, strict=False)
    }
    results = block.args[len(ins) :]
    for value, argument in zip(values, block.args, strict=True):
        argument.name_hint = value.name_hint
    image = block.args[0]
    for i, (call, result) in enumerate(zip(chain, results, strict=False)):
        read = [
            (name, image if name == "input" else arguments[renamed(name, i), value])
            for name, value in call.named_ins
        ]
        block.add_op(
            rt.CallOp(call.kernel_name, read, [result], call.static.data, loc=call.location)
        )
        image = result
    if mean is not None:
        read = [("input", image)]
        block.add_op(rt.CallOp("mean", read, [block.args[-1]], mean.static.data, loc=mean.location))
    block.add_op(nn.YieldOp(image))
    return Region(block)


def renamed(name: str, stage: int) -> str:
    """What the operand of a stage is called in the call of all."""
    return name if name == "residual" else f"{name}_{stage}"


def fuse(chain: Sequence[rt.CallOp]) -> None:
    """Put one call in place of a chain."""
    stages = [Lines.of(call) for call in chain]
    rows = best_rows(stages)
    last = chain[-1]
    mean = mean_of(last)
    fused = [last, *chain[:-1], *([mean] if mean else [])]
    block = last.parent_block()
    assert rows is not None
    assert block is not None
    ins = operands_of(chain)
    elements = Dim(0, scratch(stages, rows))
    space = AllocOp([], [], buffer(f32, (elements,)))
    space.memref.name_hint = "scratch"
    call = rt.CallOp(
        "row_bands",
        ins,
        [*last.outs, *(mean.outs if mean else [])],
        {"rows": IntegerAttr(rows, i64)},
        scratch=[space.memref],
        body=body_of(chain, ins),
        loc=fused_location(fused),
    )
    if mean is not None and isinstance(mean.outs[0].owner, AllocOp):
        mean.outs[0].owner.detach()
        block.insert_op_before(mean.outs[0].owner, last)
    block.insert_ops_before([space, call], last)
    unused = [value for each in chain for value in each.scratch]
    unused += [each.outs[0] for each in chain[:-1]]
    for each in fused:
        each.detach()
        each.erase()
    for value in unused:
        for use in list(value.uses):
            use.operation.detach()
            use.operation.erase()
        assert isinstance(value.owner, AllocOp)
        value.owner.detach()
        value.owner.erase()
    end = block.last_op
    assert end is not None
    block.insert_op_before(DeallocOp.get(space.memref), end)


@dataclass(frozen=True)
class RowBandsPass(ModulePass):
    """Run convolutions that follow one another in bands of lines."""

    name = "row-bands"

    large: int = LARGE
    """The least bytes of an image between two calls."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in op.ops if isinstance(f, FuncOp)]:
            calls = [each for each in function.body.block.ops if isinstance(each, rt.CallOp)]
            for chain in chains(calls, self.large):
                fuse(chain)
