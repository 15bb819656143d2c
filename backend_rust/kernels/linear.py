"""Convolutions and matrix products."""

from __future__ import annotations

from collections.abc import Sequence

from tfrc.backend_rust import rust
from tfrc.backend_rust.calls import Call, Printed, activation, chain, with_columns
from tfrc.backend_rust.kernels.registry import prints
from tfrc.backend_rust.options import EmitError
from tfrc.ir.rt import PACKED, REGISTER_TILE
from tfrc.ir.shape import Dim, count, swap_heads, text


def squeezed(values: Sequence[int]) -> str:
    """`3` for one value, else `[3, 3]`."""
    return rust.integer(values[0]) if len(values) == 1 else rust.array(values)


def with_activation(call: Call) -> tuple[str, str, bool]:
    """The builder for the activation, which most kernels have not."""
    return ("activation", activation(call.activation), call.activation is not None)


def rows_of_product(call: Call) -> list[tuple[str, str, bool]]:
    """The builders for a residual that lies in the output, and for columns of the output."""
    residual = call.named("residual")
    return [
        ("accumulate", "", residual is not None and residual.in_place),
        with_columns("columns", call.out),
    ]


def with_register_tile(call: Call) -> tuple[str, str, bool]:
    """The builder for the register tile that was measured to be the fastest, if one was."""
    tile = call.ints(REGISTER_TILE) if REGISTER_TILE in call.static else ()
    return ("register_tile", rust.array(tile), bool(tile))


def conv_params(call: Call, filter: Sequence[int]) -> str:
    """`Conv2d::new([8, 8, 1], 16, [3, 3]).pads([1, 1, 1, 1])` for a filter of that shape."""
    image = [int(d) for d in call.operand("input").shape[1:]]
    *kernel, _, channels = filter
    strides, dilations, sides = map(call.ints, ("strides", "dilations", "pads"))
    pads, crop = [max(side, 0) for side in sides], [max(-side, 0) for side in sides]
    groups = call.number("groups", 1)
    return chain(
        f"Conv{len(kernel)}d::new({rust.array(image)}, {rust.integer(channels)}, "
        f"{squeezed(kernel)})",
        ("strides", squeezed(strides), set(strides) != {1}),
        ("dilations", squeezed(dilations), set(dilations) != {1}),
        ("pads", rust.array(pads), any(pads)),
        ("crop", rust.array(crop), any(crop)),
        ("groups", rust.integer(groups), groups != 1),
        with_register_tile(call),
        with_activation(call),
        *rows_of_product(call),
    )


@prints(
    *("conv1d", "conv2d", "conv3d", "dynamic_conv1d", "dynamic_conv2d", "dynamic_conv3d"),
    *("conv1d_winograd", "conv2d_winograd"),
)
def conv(call: Call) -> Printed:
    """`conv2d(threads, &CONV, input, filter, Some(bias), None, scratch, out)`."""
    params = conv_params(call, call.operand("filter").static())
    uses = activation_use(call)
    if call.kernel.endswith("_winograd"):
        layer = params.split("::", 1)[0]
        params = f"Winograd{layer}::new({params}, {rust.integer(call.number('tile'))})"
        uses |= {layer}
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


@prints("row_bands")
def row_bands(call: Call) -> Printed:
    """`row_bands(threads, &BANDS, input, [(filter_0, Some(bias_0)), …], None, scratch, out, None)`.

    Its static facts are `RowBands::new([Stage::Conv2d(…), …], 4)`, with `.mean()` if it has a
    second result: the last argument.
    """
    stages: list[str] = []
    operands: list[str] = []
    uses = {"Stage"}
    for i, stage in enumerate(call.stages):
        params = conv_params if stage.kernel == "conv2d" else depthwise_params
        layer = params(stage, stage.operand("filter").static())
        struct = layer.split("::", 1)[0]
        stages.append(f"Stage::{struct}({layer})")
        operands.append(f"({call.operand(f'filter_{i}').slice}, {call.option(f'bias_{i}')})")
        uses |= {struct} | activation_use(stage)
    out, *mean = call.outs
    new = f"RowBands::new({rust.listing(stages)}, {rust.integer(call.number('rows'))})"
    return Printed(
        "row_bands",
        [
            call.operand("input").slice,
            rust.listing(operands),
            call.option("residual"),
            call.scratch_slice,
            out.slice,
            f"Some({mean[0].slice})" if mean else "None",
        ],
        chain(new, ("mean", "", bool(mean))),
        threads=True,
        rank=len(stages),
        uses=frozenset(uses),
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
    beside = [call.flag(f"heads_{side}") for side in ("lhs", "rhs", "result")]
    left, right, out = (
        swap_heads(x.shape, each) for x, each in zip((lhs, rhs, call.out), beside, strict=True)
    )
    columns = out[-1]
    depth = left[-2 if transpose_a else -1]
    # A matrix on the right that all share is one product with more rows.
    is_one = rhs.rank == 2 and not transpose_a and not any(beside)
    rows = count(left[:-1]) if is_one else out[-2]
    batch = Dim(0, 1) if is_one else count(out[:-2])
    counts = [Dim(0, 1) if is_one else count(x[:-2]) for x in (left, right)]
    if any(c not in (batch, Dim(0, 1)) for c in counts):
        raise EmitError(
            f"rt.call @batch_matmul: {text(left)} and {text(right)} broadcast within the "
            "batch, for which there is no kernel"
        )
    if any(beside) and any(c != batch for c in counts):
        raise EmitError(
            f"rt.call @batch_matmul: {text(left)} and {text(right)} broadcast, for which there is "
            "no kernel if matrices lie side by side"
        )
    steps = [
        "0" if c != batch else rust.product(x[-2:])
        for c, x in zip(counts, (left, right), strict=True)
    ]
    flags = ", ".join("true" if each else "false" for each in beside)
    params = chain(
        f"BatchMatmul::new({rust.dim(rows)}, {rust.dim(depth)}, {rust.dim(columns)})",
        ("transpose_a", "true", transpose_a),
        ("transpose_b", "true", transpose_b),
        ("strides", ", ".join(steps), "0" in steps),
        ("heads", f"{rust.dim(out[-3])}, [{flags}]" if any(beside) else "", any(beside)),
        with_activation(call),
    )
    return Printed(
        "batch_matmul",
        [lhs.slice, rhs.slice, call.scratch_slice, call.out.slice],
        params,
        threads=True,
        uses=activation_use(call),
    )
