"""Ways to compute a convolution or matrix product, of which `-O3` takes the fastest.

A layer is what decides about the time of an operation, and a `Way` one of those that the kernels
have: a sum over the filter in register tiles of some shape, or Winograd's minimal filtering. How
long each takes, in microseconds, the context's `measure` says; the first `direct` way is that of
the kernel's own rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.dialects.builtin import f32
from xdsl.ir import Operation

from tfrc.ir import nn
from tfrc.ir.nn.base import get_ints
from tfrc.ir.nn.linear import ConvOp
from tfrc.ir.shape import count, element_of, shape_of

FEW_ROWS = 14
"""Matrices with fewer rows than a register tile are bound by the memory, whatever the tile."""

WORTH = 0.97
"""The share of the time of what the rules choose that a measured way has to stay below."""


def layer_of(op: Operation) -> str | None:
    """What decides about the time of `op`, a convolution or a matrix product, for a batch of one.

    In words: the name of the operation and its numbers. None if there is only one way to compute
    it.
    """
    match op:
        case ConvOp() if element_of(op.result) == f32:
            numbers = [int(d) for d in shape_of(op.input)[1:]]
            *kernel, _, filters = map(int, shape_of(op.filter))
            numbers += [filters, *kernel]
            for attribute in (op.strides, op.dilations, op.pads):
                numbers += get_ints(attribute)
            numbers.append(int(op.groups.value.data))
            return " ".join([op.name.removeprefix("nn."), *map(str, numbers)])
        case nn.MatMulOp() if element_of(op.result) == f32:
            rows = count(shape_of(op.lhs)[:-1]).at(1)
            k, n = (shape_of(value)[-1].at(1) for value in (op.lhs, op.result))
            return f"matmul {rows} {k} {n}" if rows >= FEW_ROWS else None
        case _:
            return None


@dataclass(frozen=True)
class Way:
    """How a kernel computes a layer.

    `direct 14x32` has the rows and columns of its register tiles, `winograd 4` the size of its
    tiles of pixels.
    """

    register_tile: tuple[int, int] | None = None
    winograd_tile: int | None = None

    @staticmethod
    def parse(text: str) -> Way:
        """What `text` names. Errors: ValueError if it names no way."""
        if direct := re.fullmatch(r"direct (\d+)x(\d+)", text):
            return Way(register_tile=(int(direct[1]), int(direct[2])))
        if winograd := re.fullmatch(r"winograd ([24])", text):
            return Way(winograd_tile=int(winograd[1]))
        raise ValueError(f"'{text}' is no way to compute a layer")


def fastest(times: Mapping[str, float], winograd: int | None, exact: bool) -> Way | None:
    """The way to take; None for that of the rules.

    `winograd` is the tile that the rules choose, and `exact` rules out all of them.
    """
    allowed = {way: time for way, time in times.items() if not (exact and "winograd" in way)}
    direct = next((way for way in allowed if way.startswith("direct")), None)
    usual = direct if exact or winograd is None else f"winograd {winograd}"
    best = min(allowed, key=allowed.__getitem__, default=None)
    if best is None or usual is None or allowed[best] >= WORTH * allowed.get(usual, 0.0):
        return None
    return Way.parse(best)
