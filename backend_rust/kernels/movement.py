"""What moves elements, and what draws random ones."""

from __future__ import annotations

from tfrc.backend_rust import rust
from tfrc.backend_rust.calls import Call, Operand, Printed, chain
from tfrc.backend_rust.kernels.registry import prints
from tfrc.ir.shape import Dim, count


def columns(x: Operand) -> str:
    """`&Columns::new(64, 32, 256)`: where the elements lie in the slice."""
    assert x.columns is not None, f"{x.role} is a slice of its own"
    first, of = x.columns
    return f"&Columns::new({', '.join(map(rust.integer, (first, int(x.shape[-1]), of)))})"


@prints("copy")
def copy(call: Call) -> Printed:
    """`out.copy_from_slice(input)`, of the standard library; for columns, `copy_columns`."""
    source = call.operand("input").slice
    if call.out.columns:
        arguments = [columns(call.out), source, call.out.slice]
        return Printed("copy_columns", arguments, uses=frozenset({"Columns"}))
    return Printed("copy_from_slice", [source], receiver=call.out.slice)


@prints("transpose")
def transpose(call: Call) -> Printed:
    """`transpose(threads, &SWAP, input, out)`."""
    x = call.operand("input")
    permutation = rust.array(call.ints("permutation"))
    params = f"Transpose::new({rust.dims(x.shape)}, {permutation})"
    return Printed("transpose", [x.slice, call.out.slice], params, threads=True, rank=x.rank)


@prints("slice")
def slice_(call: Call) -> Printed:
    """`slice(&CROP, input, out)`."""
    x = call.operand("input")
    lists = [rust.dims(x.shape), rust.dims(call.dims("begin"))]
    steps = rust.signed_array(call.ints("strides"))
    params = f"Slice::new({', '.join(lists)}, {steps}, {rust.dims(call.out.shape)})"
    return Printed("slice", [x.slice, call.out.slice], params, rank=x.rank)


@prints("reverse")
def reverse(call: Call) -> Printed:
    """`slice(&Slice::reverse(…), input, out)`."""
    x = call.operand("input")
    axes = call.ints("axes")
    flags = rust.listing([rust.boolean(i in axes) for i in range(x.rank)])
    params = f"Slice::reverse({rust.dims(x.shape)}, {flags})"
    return Printed("slice", [x.slice, call.out.slice], params, rank=x.rank)


@prints("pad")
def pad(call: Call) -> Printed:
    """`pad(&BORDER, input, 0.0, out)`."""
    x = call.operand("input")
    value = rust.literal(call.scalar("value"), x.element)
    return Printed("pad", [x.slice, value, call.out.slice], border(call), rank=x.rank)


def border(call: Call) -> str:
    """The shape, and how much is added before and after each axis."""
    x = call.operand("input")
    widths = rust.array(call.ints("before")), rust.array(call.ints("after"))
    return f"Pad::new({rust.dims(x.shape)}, {', '.join(widths)})"


@prints("mirror_pad")
def mirror_pad(call: Call) -> Printed:
    """`mirror_pad(&BORDER, Mirror::Reflect, input, out)`."""
    mirror = f"Mirror::{call.text('mode').capitalize()}"
    x = call.operand("input")
    arguments = [mirror, x.slice, call.out.slice]
    uses = frozenset({"Mirror"})
    return Printed("mirror_pad", arguments, border(call), rank=x.rank, uses=uses)


@prints("broadcast_to")
def broadcast_to(call: Call) -> Printed:
    """`broadcast_to(&REPEAT, input, out)`."""
    x = call.operand("input")
    ones = (Dim(0, 1),) * (call.out.rank - x.rank)
    params = f"BroadcastTo::new({rust.dims((*ones, *x.shape))}, {rust.dims(call.out.shape)})"
    return Printed("broadcast_to", [x.slice, call.out.slice], params, rank=call.out.rank)


@prints("tile")
def tile(call: Call) -> Printed:
    """`tile(&REPEAT, input, out)`."""
    x = call.operand("input")
    params = f"Tile::new({rust.dims(x.shape)}, {rust.dims(call.dims('multiples'))})"
    return Printed("tile", [x.slice, call.out.slice], params, rank=x.rank)


@prints("concat")
def concat(call: Call) -> Printed:
    """`concat(inputs, [16, 8], out)`: the lengths count all from the axis on."""
    axis = call.number("axis")
    inner = [rust.dim(count(x.shape[axis:])) for x in call.operands]
    return Printed("concat", [call.array("inputs"), rust.listing(inner), call.out.slice])


@prints("gather")
def gather(call: Call) -> Printed:
    """`gather(&EMBEDDING, input, indices, out)?`."""
    x, axis, batch_dims = call.operand("input"), call.number("axis"), call.number("batch_dims")
    outer, inner = count(x.shape[batch_dims:axis]), count(x.shape[axis + 1 :])
    params = chain(
        f"Gather::new({rust.dim(outer)}, {rust.dim(x.shape[axis])}, {rust.dim(inner)})",
        ("batched", rust.dim(count(x.shape[:batch_dims])), batch_dims > 0),
    )
    arguments = [x.slice, call.operand("indices").slice, call.out.slice]
    return Printed("gather", arguments, params, fallible=True)


@prints("segment_sum")
def segment_sum(call: Call) -> Printed:
    """`segment_sum(threads, &ROWS, input, indices, out)?`."""
    segments, *inner = call.out.shape
    params = chain(
        f"SegmentSum::new({rust.dim(segments)}, {rust.dim(count(tuple(inner)))})",
        ("skip_negative", "true", call.flag("skip_negative")),
    )
    arguments = [call.operand("input").slice, call.operand("indices").slice, call.out.slice]
    return Printed("segment_sum", arguments, params, threads=True, fallible=True)


@prints("random_key")
def random_key(call: Call) -> Printed:
    """`random_key(seed, out)`."""
    return Printed("random_key", [call.operand("seed").slice, call.out.slice])


@prints("random")
def random(call: Call) -> Printed:
    """`random_uniform(threads, key, counter, out)`."""
    arguments = [call.operand("key").slice, call.operand("counter").slice, call.out.slice]
    return Printed(f"random_{call.text('distribution')}", arguments, threads=True)
