"""Pools, reductions, softmax and normalization."""

from __future__ import annotations

from collections.abc import Sequence

from tfrc.backend_rust import rust
from tfrc.backend_rust.calls import Call, Printed, chain, with_columns
from tfrc.backend_rust.kernels.registry import prints
from tfrc.backend_rust.options import EmitError
from tfrc.ir.shape import Dim, Shape, count, text


@prints("max_pool", "avg_pool", "max_pool_grad", "max_pool3d_grad")
def pool(call: Call) -> Printed:
    """`max_pool2d(threads, &POOL, input, out)`; one spatial dimension is an image of height 1.

    The operands of `max_pool2d_grad` are the input and a gradient.
    """
    x = call.operand("input")
    *spatial, channels = (int(d) for d in x.shape[1:])
    window, strides, pads = map(call.ints, ("window", "strides", "pads"))
    rank = len(window)
    axes = 3 if rank == 3 or call.kernel == "max_pool3d_grad" else 2
    if rank > 3 or (call.kernel, rank) == ("max_pool_grad", 3):
        raise EmitError(f"rt.call @{call.kernel}: there is no kernel for {rank} dimensions")
    ones = [1] * (axes - rank)
    zeros = [0] * (axes - rank)
    sides = [*zeros, *pads[:rank], *zeros, *pads[rank:]]
    lists = ([*ones, *spatial, channels], [*ones, *window], [*ones, *strides], sides)
    new = "with_zeros" if call.flag("pad_zeros") else "new"
    params = chain(
        f"Pool{axes}d::{new}({', '.join(map(rust.array, lists))})",
        with_columns("input_columns", x),
        with_columns("columns", call.out),
    )
    arguments = [*(operand.slice for operand in call.operands), call.out.slice]
    function = call.kernel.replace("3d", "").replace("pool", f"pool{axes}d")
    return Printed(function, arguments, params, threads=True)


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
