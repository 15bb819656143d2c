"""One example in one vector: all inputs of a signature, one after the other.

Inputs of the vector's own type are parts of it. Others are converted into arrays on the stack, so
that a run allocates nothing; only those that are too large for it stand on the heap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerType

from tfrc.backend_rust import rust
from tfrc.backend_rust.tensor import Tensor
from tfrc.ir.dtype import size_of

FLOATS, INTEGERS = "fill_floats", "fill_integers"
"""Functions of the crate that convert numbers of f64."""

STACK = 1 << 16
"""Bytes of a converted input that stand on the stack: threads have two megabytes of it, or more."""


@dataclass(frozen=True)
class FeatureVector:
    """How a method takes a signature's `inputs` from one vector."""

    method: str
    inputs: Sequence[Tensor]

    @property
    def name(self) -> str:
        """The vector's own name."""
        return "all_features" if any(x.name == "features" for x in self.inputs) else "features"

    @property
    def is_uniform(self) -> bool:
        """Whether all inputs have one element type."""
        return len({x.type for x in self.inputs}) == 1

    @property
    def type(self) -> str:
        """The inputs' own type if they share one.

        Else f64, which holds all values of the others, and integers up to 2⁵³.
        """
        return self.inputs[0].type if self.is_uniform else "f64"

    @property
    def length(self) -> str:
        """Its elements."""
        return rust.integer(sum(x.length.at(1) for x in self.inputs))

    @property
    def order(self) -> str:
        """`x` (3), `y` (2): what stands where."""
        return ", ".join(f"`{x.name}` ({x.single})" for x in self.inputs)

    @property
    def parts(self) -> list[tuple[Tensor, str]]:
        """The inputs, each with its part of the vector."""
        parts: list[tuple[Tensor, str]] = []
        start = 0
        for x in self.inputs:
            end = start + x.length.at(1)
            part = f"&{self.name}[{rust.integer(start)}..{rust.integer(end)}]"
            parts.append((x, part))
            start = end
        return parts

    @property
    def conversions(self) -> list[str]:
        """The statements that convert what has another type."""
        lines: list[str] = []
        for x, part in self.parts:
            if x.type == self.type:
                continue
            is_small = x.length.at(1) * size_of(x.element) <= STACK
            zeros = f"0_{x.type}; {x.single}"
            lines.append(f"let mut {x.name} = {'' if is_small else 'vec!'}[{zeros}];")
            if filler(x) == INTEGERS:
                lines.append(f'{INTEGERS}("{x.name}", {part}, &mut {x.name})?;')
            else:
                lines.append(f"{FLOATS}({part}, &mut {x.name});")
        return lines

    @property
    def arguments(self) -> str:
        """What the method that takes slices is given."""
        return ", ".join(part if x.type == self.type else f"&{x.name}" for x, part in self.parts)

    @property
    def helpers(self) -> frozenset[str]:
        """The functions that the conversions call."""
        return frozenset(filler(x) for x in self.inputs if x.type != self.type)


def filler(x: Tensor) -> str:
    """The function that converts an input: the bytes of bools are integers as well."""
    return INTEGERS if isinstance(x.element, IntegerType) else FLOATS
