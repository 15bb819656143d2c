"""One line of Rust for each kernel: the whole table.

A printing function gets a call whose buffers have names, and says which function of tf-layers runs
it with which static facts and arguments. What a kernel cannot do is refused where it is selected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects.builtin import f32

from tfrc.backend_rust import rust
from tfrc.backend_rust.calls import Call, Operand, Printed, activation, chain
from tfrc.backend_rust.options import EmitError
from tfrc.ir.dtype import TENSORFLOW_NAME
from tfrc.ir.rt import PACKED, REGISTER_TILE
from tfrc.ir.shape import Dim, Shape, count, text

Print = Callable[[Call], Printed]

PRINTERS: dict[str, Print] = {}
"""Kernel of the `rt` dialect → how a call of it is printed."""


FUNCTIONS = frozenset(
    "all any argmax argmin avg_pool2d batch_matmul broadcast broadcast_to channel columns "
    "concat conv1d conv2d conv2d_backprop_filter conv2d_winograd conv3d conv3d_backprop_filter "
    "copy_columns cumsum depthwise_conv2d depthwise_conv2d_backprop_filter dynamic_conv1d "
    "dynamic_conv2d dynamic_conv3d gather integer layer_norm layer_norm_in_place layers "
    "log_softmax log_softmax_in_place map map_any map_any_in_place map_columns map_in_place "
    "math matmul max_pool2d max_pool2d_grad middle mirror_pad one_hot pack pack_transposed "
    "packed_len pad random_bits random_key random_normal random_truncated_normal random_uniform "
    "reduce reduce_any resize_bilinear resize_nearest rows same scalar segment_sum simd slice "
    "softmax "
    "softmax_in_place split tile transpose".split()
)
"""What tf-layers exports under a lower-case name, so that no variable hides it."""


def prints(*kernels: str) -> Callable[[Print], Print]:
    """Register the printing function of some kernels."""

    def register(function: Print) -> Print:
        PRINTERS.update(dict.fromkeys(kernels, function))
        return function

    return register


F32_ONLY = frozenset(
    "conv1d conv2d conv2d_winograd conv3d dynamic_conv1d dynamic_conv2d dynamic_conv3d "
    "conv2d_backprop_filter conv3d_backprop_filter depthwise_conv2d "
    "depthwise_conv2d_backprop_filter pack matmul batch_matmul max_pool max_pool_grad avg_pool "
    "softmax log_softmax layer_norm".split()
)
"""Kernels that compute on f32 and on nothing else."""


IN_COLUMNS = frozenset(
    "conv1d conv2d conv2d_winograd conv3d dynamic_conv1d dynamic_conv2d dynamic_conv3d matmul map "
    "copy".split()
)
"""Kernels that work on columns of a wider tensor."""


def print_call(call: Call) -> Printed:
    """The call in Rust. EmitError for a kernel, or an element type of it, that does not exist."""
    if call.kernel not in PRINTERS:
        raise EmitError(f"rt.call @{call.kernel}: there is no such kernel in tf-layers")
    for operand in call.operands if call.kernel in F32_ONLY else ():
        if operand.element != f32:
            raise EmitError(
                f"rt.call @{call.kernel}: its {operand.role} is {TENSORFLOW_NAME[operand.element]},"
                " but tf-layers has this kernel for float32 only: cast the model to float32"
            )
    for operand in (*call.operands, *call.outs) if call.kernel not in IN_COLUMNS else ():
        if operand.columns:
            raise EmitError(f"rt.call @{call.kernel}: its {operand.role} cannot be rt.columns")
    return PRINTERS[call.kernel](call)


def squeezed(values: Sequence[int]) -> str:
    """`3` for one value, else `[3, 3]`."""
    return rust.integer(values[0]) if len(values) == 1 else rust.array(values)


def with_activation(call: Call) -> tuple[str, str, bool]:
    """The builder for the activation, which most kernels have not."""
    return ("activation", activation(call.activation), call.activation is not None)


def rows_of_product(call: Call) -> list[tuple[str, str, bool]]:
    """The builders for a residual that lies in the output, and for columns of the output."""
    residual, columns = call.named("residual"), call.out.columns
    return [
        ("accumulate", "", residual is not None and residual.in_place),
        ("columns", ", ".join(map(rust.integer, columns or ())), columns is not None),
    ]


def with_register_tile(call: Call) -> tuple[str, str, bool]:
    """The builder for the register tile that was measured to be the fastest, if one was."""
    tile = call.ints(REGISTER_TILE) if REGISTER_TILE in call.static else ()
    return ("register_tile", rust.array(tile), bool(tile))


def conv_params(call: Call, filter: Sequence[int]) -> str:
    """`Conv2d::new([8, 8, 1], 16, [3, 3]).pads([1, 1, 1, 1])` for a filter of that shape."""
    image = [int(d) for d in call.operand("input").shape[1:]]
    *kernel, _, channels = filter
    strides, dilations, pads = map(call.ints, ("strides", "dilations", "pads"))
    groups = call.number("groups", 1)
    return chain(
        f"Conv{len(kernel)}d::new({rust.array(image)}, {rust.integer(channels)}, "
        f"{squeezed(kernel)})",
        ("strides", squeezed(strides), set(strides) != {1}),
        ("dilations", squeezed(dilations), set(dilations) != {1}),
        ("pads", rust.array(pads), any(pads)),
        ("groups", rust.integer(groups), groups != 1),
        with_register_tile(call),
        with_activation(call),
        *rows_of_product(call),
    )


@prints(
    *("conv1d", "conv2d", "conv3d", "dynamic_conv1d", "dynamic_conv2d", "dynamic_conv3d"),
    "conv2d_winograd",
)
def conv(call: Call) -> Printed:
    """`conv2d(threads, &CONV, input, filter, Some(bias), None, scratch, out)`."""
    params = conv_params(call, call.operand("filter").static())
    uses = activation_use(call)
    if call.kernel == "conv2d_winograd":
        params = f"WinogradConv2d::new({params}, {rust.integer(call.number('tile'))})"
        uses |= {"Conv2d"}
    return Printed(
        call.kernel,
        [
            call.operand("input").slice,
            call.operand("filter").slice,
            call.option("bias"),
            call.option("residual"),
            call.scratch_slice,
            call.out.slice,
        ],
        params,
        threads=True,
        uses=uses,
    )


@prints("conv2d_backprop_filter", "conv3d_backprop_filter")
def conv_backprop_filter(call: Call) -> Printed:
    """`conv2d_backprop_filter(threads, &CONV, input, gradient, scratch, out)`."""
    operands = [call.operand("input").slice, call.operand("gradient").slice]
    params = conv_params(call, call.out.static())
    arguments = [*operands, call.scratch_slice, call.out.slice]
    return Printed(call.kernel, arguments, params, threads=True)


def activation_use(call: Call) -> frozenset[str]:
    """`Activation`, if the call names one."""
    return frozenset({"Activation"} if call.activation is not None else set[str]())


def depthwise_params(call: Call, filter: Sequence[int]) -> str:
    """`DepthwiseConv2d::new([8, 8, 4], [3, 3]).pads([1, 1, 1, 1])` for a filter of that shape."""
    image = [int(d) for d in call.operand("input").shape[1:]]
    kh, kw, _, multiplier = filter
    strides, dilations, pads = map(call.ints, ("strides", "dilations", "pads"))
    return chain(
        f"DepthwiseConv2d::new({rust.array(image)}, {rust.array([kh, kw])})",
        ("strides", rust.array(strides), set(strides) != {1}),
        ("dilations", rust.array(dilations), set(dilations) != {1}),
        ("pads", rust.array(pads), any(pads)),
        ("multiplier", rust.integer(multiplier), multiplier != 1),
        with_activation(call),
    )


@prints("depthwise_conv2d")
def depthwise_conv2d(call: Call) -> Printed:
    """`depthwise_conv2d(threads, &DEPTHWISE, input, filter, Some(bias), out)`."""
    arguments = [call.operand("input").slice, call.operand("filter").slice, call.option("bias")]
    return Printed(
        call.kernel,
        [*arguments, call.out.slice],
        depthwise_params(call, call.operand("filter").static()),
        threads=True,
        uses=activation_use(call),
    )


@prints("depthwise_conv2d_backprop_filter")
def depthwise_conv2d_backprop_filter(call: Call) -> Printed:
    """`depthwise_conv2d_backprop_filter(threads, &DEPTHWISE, input, gradient, out)`."""
    operands = [call.operand("input").slice, call.operand("gradient").slice]
    params = depthwise_params(call, call.out.static())
    return Printed(call.kernel, [*operands, call.out.slice], params, threads=True)


@prints("matmul")
def matmul(call: Call) -> Printed:
    """`matmul(threads, &DENSE, lhs, rhs, Some(bias), None, out)`."""
    k, n = call.dims(PACKED) if PACKED in call.static else call.operand("rhs").shape
    new = f"Matmul::new({rust.dim(k)}, {rust.dim(n)})"
    params = chain(new, with_register_tile(call), with_activation(call), *rows_of_product(call))
    arguments = [call.operand("lhs").slice, call.operand("rhs").slice]
    epilogue = [call.option("bias"), call.option("residual")]
    return Printed(
        "matmul",
        [*arguments, *epilogue, call.out.slice],
        params,
        threads=True,
        uses=activation_use(call),
    )


@prints("pack")
def pack(call: Call) -> Printed:
    """`pack(k, n, input, out)`."""
    matrix, is_transposed = call.operand("input"), call.flag("transpose")
    k, n = reversed(matrix.shape) if is_transposed else matrix.shape
    name = "pack_transposed" if is_transposed else "pack"
    return Printed(name, [rust.dim(k), rust.dim(n), matrix.slice, call.out.slice])


@prints("batch_matmul")
def batch_matmul(call: Call) -> Printed:
    """`batch_matmul(threads, &SCORES, lhs, rhs, scratch, out)`."""
    lhs, rhs = call.operand("lhs"), call.operand("rhs")
    transpose_a, transpose_b = call.flag("transpose_lhs"), call.flag("transpose_rhs")
    columns = call.out.shape[-1]
    depth = lhs.shape[-2 if transpose_a else -1]
    # A matrix on the right that all share is one product with more rows.
    is_one = rhs.rank == 2 and not transpose_a
    rows = count(lhs.shape[:-1]) if is_one else call.out.shape[-2]
    batch = Dim(0, 1) if is_one else count(call.out.shape[:-2])
    counts = [Dim(0, 1) if is_one else count(x.shape[:-2]) for x in (lhs, rhs)]
    if any(c not in (batch, Dim(0, 1)) for c in counts):
        raise EmitError(
            f"rt.call @batch_matmul: {text(lhs.shape)} and {text(rhs.shape)} broadcast within the "
            "batch, for which there is no kernel"
        )
    steps = [
        "0" if c != batch else rust.product(x.shape[-2:])
        for c, x in zip(counts, (lhs, rhs), strict=True)
    ]
    params = chain(
        f"BatchMatmul::new({rust.dim(rows)}, {rust.dim(depth)}, {rust.dim(columns)})",
        ("transpose_a", "true", transpose_a),
        ("transpose_b", "true", transpose_b),
        ("strides", ", ".join(steps), "0" in steps),
        with_activation(call),
    )
    return Printed(
        "batch_matmul",
        [lhs.slice, rhs.slice, call.scratch_slice, call.out.slice],
        params,
        threads=True,
        uses=activation_use(call),
    )


@prints("max_pool", "avg_pool", "max_pool_grad")
def pool(call: Call) -> Printed:
    """`max_pool2d(threads, &POOL, input, out)`; one spatial dimension is an image of height 1.

    The operands of `max_pool2d_grad` are the input and a gradient.
    """
    x = call.operand("input")
    *spatial, channels = (int(d) for d in x.shape[1:])
    window, strides, pads = map(call.ints, ("window", "strides", "pads"))
    rank = len(window)
    if rank > 2:
        raise EmitError(f"rt.call @{call.kernel}: there is no kernel for {rank} dimensions")
    ones = [1] * (2 - rank)
    zeros = [0] * (2 - rank)
    sides = [*zeros, *pads[:rank], *zeros, *pads[rank:]]
    lists = ([*ones, *spatial, channels], [*ones, *window], [*ones, *strides], sides)
    return Printed(
        call.kernel.replace("pool", "pool2d"),
        [*(operand.slice for operand in call.operands), call.out.slice],
        f"Pool2d::new({', '.join(map(rust.array, lists))})",
        threads=True,
    )


def around(shape: Shape, axes: Sequence[int]) -> tuple[Dim, Dim]:
    """The number of elements in neighbouring axes, and behind them.

    EmitError if an axis of several elements lies between them, for which there is no kernel.
    """
    if not axes:
        return Dim(0, 1), Dim(0, 1)
    between = [shape[i] for i in range(axes[0], axes[-1]) if i not in axes]
    if any(dim != Dim(0, 1) for dim in between):
        raise EmitError(f"no kernel reduces the axes {list(axes)} of {text(shape)} at once")
    return count(shape[axes[0] : axes[-1] + 1]), count(shape[axes[-1] + 1 :])


REDUCTIONS = {"sum": "Sum", "mean": "Mean", "max": "Max", "min": "Min", "prod": "Prod"}
"""Kernel → variant of `tf_layers::Reduction`."""


@prints(*REDUCTIONS)
def reduce(call: Call) -> Printed:
    """`reduce(threads, &POOL, input, out)`."""
    x = call.operand("input")
    reduced, inner = around(x.shape, call.ints("axes"))
    if rust.TYPES[x.element] != "f32":
        return reduce_any(call, reduced, inner)
    reduction = f"Reduction::{REDUCTIONS[call.kernel]}"
    return Printed(
        "reduce",
        [x.slice, call.out.slice],
        f"Reduce::new({reduction}, {rust.dim(reduced)}, {rust.dim(inner)})",
        threads=True,
        uses=frozenset({"Reduction"}),
    )


def reduce_any(call: Call, reduced: Dim, inner: Dim) -> Printed:
    """`reduce_any(reduced, inner, input, out, 0, |a, b| …)` for other types than f32."""
    x = call.operand("input")
    type_ = rust.TYPES[x.element]
    is_float = x.element in rust.FLOATS
    folds = {
        "sum": ("0.0", "|a, b| a + b") if is_float else ("0", f"{type_}::wrapping_add"),
        "prod": ("1.0", "|a, b| a * b") if is_float else ("1", f"{type_}::wrapping_mul"),
        "max": (f"{type_}::{'NEG_INFINITY' if is_float else 'MIN'}", f"{type_}::max"),
        "min": (f"{type_}::{'INFINITY' if is_float else 'MAX'}", f"{type_}::min"),
    }
    if call.kernel not in folds:
        raise EmitError(f"rt.call @{call.kernel}: there is no such reduction of {type_}")
    start, fold = folds[call.kernel]
    sizes = [rust.dim(reduced), rust.dim(inner)]
    return Printed("reduce_any", [*sizes, x.slice, call.out.slice, start, fold])


@prints("any", "all")
def any_or_all(call: Call) -> Printed:
    """`any(reduced, inner, input, out)`."""
    x = call.operand("input")
    reduced, inner = around(x.shape, call.ints("axes"))
    return Printed(call.kernel, [rust.dim(reduced), rust.dim(inner), x.slice, call.out.slice])


@prints("arg_max", "arg_min")
def arg(call: Call) -> Printed:
    """`argmax(length, inner, input, out)`."""
    x = call.operand("input")
    length, inner = around(x.shape, [call.number("axis")])
    sizes = [rust.dim(length), rust.dim(inner)]
    return Printed(call.kernel.replace("_", ""), [*sizes, x.slice, call.out.slice])


@prints("softmax", "log_softmax")
def softmax(call: Call) -> Printed:
    """`softmax(threads, &SOFTMAX, input, out)`."""
    x = call.operand("input")
    length, inner = around(x.shape, [call.number("axis")])
    params = f"Softmax::new({rust.dim(length)}, {rust.dim(inner)})"
    if x.in_place:
        return Printed(f"{call.kernel}_in_place", [call.out.slice], params, threads=True)
    return Printed(call.kernel, [x.slice, call.out.slice], params, threads=True)


@prints("layer_norm")
def layer_norm(call: Call) -> Printed:
    """`layer_norm(threads, &NORM, input, scale, offset, out)`."""
    x = call.operand("input")
    params = f"LayerNorm::new({rust.dim(x.shape[-1])}, {rust.floating(call.real('epsilon'))})"
    arguments = [call.operand("scale").slice, call.operand("offset").slice, call.out.slice]
    if x.in_place:
        return Printed("layer_norm_in_place", arguments, params, threads=True)
    return Printed("layer_norm", [x.slice, *arguments], params, threads=True)


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
    """`transpose(&SWAP, input, out)`."""
    x = call.operand("input")
    permutation = rust.array(call.ints("permutation"))
    params = f"Transpose::new({rust.dims(x.shape)}, {permutation})"
    return Printed("transpose", [x.slice, call.out.slice], params, rank=x.rank)


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


def form(x: Operand, out: Operand) -> tuple[str, str]:
    """How an operand of a map runs along the output: a function of tf-layers and its call."""
    if x.columns:
        return "columns", f"columns({columns(x)}, {x.slice})"
    if x.length == out.length:
        return "same", f"same({x.slice})"
    if x.length == Dim(0, 1):
        return "scalar", f"scalar({x.slice})"
    shape = ((Dim(0, 1),) * (out.rank - x.rank) + x.shape)[-out.rank :]
    kept = [i for i, d in enumerate(shape) if d != Dim(0, 1)]
    equal = [i for i, d in enumerate(shape) if d == out.shape[i]]
    first, last = kept[0], kept[-1]
    if all(i in equal for i in range(first, out.rank)):
        return "channel", f"channel({x.slice})"
    if all(i in equal for i in range(last + 1)):
        return "rows", f"rows({x.slice}, {rust.dim(count(out.shape[last + 1 :]))})"
    repeated = [i for i in range(out.rank) if i not in equal]
    lo, hi = repeated[0], repeated[-1]
    if all(shape[i] == Dim(0, 1) for i in range(lo, hi + 1)):
        sizes = count(out.shape[lo : hi + 1]), count(out.shape[hi + 1 :])
        return "middle", f"middle({x.slice}, {', '.join(map(rust.dim, sizes))})"
    return "broadcast", f"broadcast({x.slice}, {rust.dims(shape)}, {rust.dims(out.shape)})"


MAX_OPERANDS = 6
"""The most operands of `map_any`."""


@prints("map")
def map_(call: Call) -> Printed:
    """`map(threads, &MulAdd, [same(x), channel(y)], out)`, or `map_any` for other types."""
    assert call.body is not None, "a map has a body"
    in_place = [x for x in call.operands if x.in_place]
    others = [x for x in call.operands if not x.in_place]
    order = iter(range(int(bool(in_place)), len(call.operands) + 1))
    positions = [0 if x.in_place else next(order) for x in call.operands]
    forms = [form(x, call.out) for x in others]
    texts = [expression for _, expression in forms]
    uses = frozenset(name for name, _ in forms)
    if call.body.is_vector:
        function = "map_in_place" if in_place else "map"
        region, operands = f"&{call.body.vector(positions)}", rust.listing(texts)
        arguments = [region, call.out.slice, operands] if in_place else [region, operands]
        arguments += [] if in_place else [call.out.slice]
        if call.out.columns:
            function = "map_columns"
            arguments.insert(-1, columns(call.out))
        if any(x.columns for x in (*others, call.out)):
            uses |= {"Columns"}
        return Printed(function, arguments, threads=True, uses=uses)
    if len(others) > MAX_OPERANDS:
        raise EmitError(f"a map of {len(others)} operands that are not all float32 is too large")
    closure = call.body.closure(positions, bool(in_place))
    if rust.mentions(closure, "integer"):
        uses |= {"integer"}
    operands = rust.tuple_or_one(texts)
    if in_place:
        return Printed("map_any_in_place", [call.out.slice, operands, closure], uses=uses)
    return Printed("map_any", [operands, call.out.slice, closure], uses=uses)
