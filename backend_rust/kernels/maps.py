"""Elementwise regions over operands that broadcast."""

from __future__ import annotations

from tfrc.backend_rust import rust
from tfrc.backend_rust.calls import Call, Operand, Printed
from tfrc.backend_rust.kernels.movement import columns
from tfrc.backend_rust.kernels.registry import prints
from tfrc.backend_rust.options import EmitError
from tfrc.ir.shape import Dim, count


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
    """`map(threads, &MulAdd, [same(x), channel(y)], out)`, or `map_any` for other types.

    Operands in the result come first: what it is computed over, or other columns of what it is in.
    """
    assert call.body is not None, "a map has a body"
    in_place = [x for x in call.operands if x.in_place]
    beside = [x for x in call.operands if x.beside]
    others = [x for x in call.operands if not (x.in_place or x.beside)]
    held = len(beside) + int(bool(in_place))
    order = {True: iter(range(held)), False: iter(range(held, held + len(others)))}
    positions = [0 if x.in_place else next(order[x.beside]) for x in call.operands]
    forms = [form(x, call.out) for x in others]
    texts = [expression for _, expression in forms]
    uses = frozenset(name for name, _ in forms)
    if call.body.is_vector:
        function = "map_in_place" if in_place else "map"
        region, operands = f"&{call.body.vector(positions)}", rust.listing(texts)
        arguments = [region, call.out.slice, operands] if in_place else [region, operands]
        arguments += [] if in_place else [call.out.slice]
        if call.out.columns:
            function = "map_columns_beside" if beside else "map_columns"
            arguments.insert(-1, columns(call.out))
            if beside:
                arguments.insert(1, rust.array(x.columns[0] for x in beside if x.columns))
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
