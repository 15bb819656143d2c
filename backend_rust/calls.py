"""What a printing function sees of an `rt.call`, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from xdsl.dialects.builtin import I64, DenseArrayBase, FloatAttr, IntegerAttr, StringAttr
from xdsl.ir import Attribute

from tfrc.backend_rust import rust
from tfrc.backend_rust.regions import MapBody
from tfrc.ir.nn.activation import ActivationAttr
from tfrc.ir.nn.base import get_ints
from tfrc.ir.shape import Dim, DimsAttr, Shape, count


@dataclass(frozen=True)
class Operand:
    """A buffer of a call: its role, what it holds, and the expression for its slice.

    An `in_place` operand is what the call writes: its slice is the result's. One with `columns` is
    the columns from the first number on, of as many as the second, of what is in its slice. If that
    is the slice that the call writes other columns of, it is `beside` the result.
    """

    role: str
    element: Attribute
    shape: Shape
    slice: str
    in_place: bool = False
    columns: tuple[int, int] | None = None
    beside: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def length(self) -> Dim:
        """How many elements it has."""
        return count(self.shape)

    def static(self) -> tuple[int, ...]:
        """The dimensions as integers."""
        return tuple(int(d) for d in self.shape)


@dataclass(frozen=True)
class Call:
    """An `rt.call` whose buffers have names in Rust.

    `body` is that of a map, `stages` are the calls in the body of `row_bands`; what lies between
    those has no slice.
    """

    kernel: str
    operands: tuple[Operand, ...]
    outs: tuple[Operand, ...]
    scratch: tuple[Operand, ...]
    static: Mapping[str, Attribute]
    body: MapBody | None = None
    stages: tuple[Call, ...] = ()

    def named(self, role: str) -> Operand | None:
        """The operand of that role; None if there is none."""
        return next((o for o in self.operands if o.role == role), None)

    def operand(self, role: str) -> Operand:
        """The operand of that role, which is there."""
        found = self.named(role)
        assert found is not None, f"rt.call @{self.kernel} has no operand {role}"
        return found

    def option(self, role: str) -> str:
        """`Some(slice)` or `None`, which it is as well for what lies in the output."""
        found = self.named(role)
        return f"Some({found.slice})" if found and not found.in_place else "None"

    def array(self, role: str) -> str:
        """The slices of a variadic operand: `[a, b]`, or the name of the array they came as."""
        slices = [o.slice for o in self.operands if o.role == role and not o.in_place]
        as_borrowed = [f"{role}[{i}]" for i in range(len(slices))]
        return role if len(slices) > 1 and slices == as_borrowed else rust.listing(slices)

    @property
    def out(self) -> Operand:
        """The only result."""
        (out,) = self.outs
        return out

    @property
    def scratch_slice(self) -> str:
        """The scratch buffer; an empty one if the kernel needs none."""
        return self.scratch[0].slice if self.scratch else "&mut []"

    def ints(self, name: str) -> tuple[int, ...]:
        """An attribute of integers."""
        value = self.static[name]
        assert isinstance(value, DenseArrayBase), f"{name} of @{self.kernel}: {value}"
        return get_ints(cast(DenseArrayBase[I64], value))

    def dims(self, name: str) -> Shape:
        """An attribute of dimensions."""
        value = self.static[name]
        assert isinstance(value, DimsAttr), f"{name} of @{self.kernel}: {value}"
        return value.dims

    def number(self, name: str, default: int | None = None) -> int:
        """An integer attribute."""
        value = self.static.get(name)
        if value is None and default is not None:
            return default
        assert isinstance(value, IntegerAttr), f"{name} of @{self.kernel}: {value}"
        return int(value.value.data)

    def text(self, name: str) -> str:
        """A string attribute."""
        value = self.static[name]
        assert isinstance(value, StringAttr), f"{name} of @{self.kernel}: {value}"
        return value.data

    def flag(self, name: str) -> bool:
        """Whether a unit attribute is there, or a boolean is true."""
        value: Any = self.static.get(name)
        return value is not None and (not isinstance(value, IntegerAttr) or bool(value.value.data))

    def real(self, name: str) -> float:
        """A floating-point attribute."""
        value: Any = self.static[name]
        assert isinstance(value, FloatAttr), f"{name} of @{self.kernel}: {value}"
        return float(value.value.data)

    def scalar(self, name: str) -> float | int:
        """A number of either kind."""
        value: Any = self.static[name]
        assert isinstance(value, FloatAttr | IntegerAttr), f"{name} of @{self.kernel}: {value}"
        return value.value.data  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

    @property
    def activation(self) -> ActivationAttr | None:
        """The activation that ends the kernel."""
        value = self.static.get("activation")
        return value if isinstance(value, ActivationAttr) else None


@dataclass(frozen=True)
class Printed:
    """A call in Rust: `function(threads, &params, arguments…)`.

    `params` is the struct of static facts, which becomes a constant if it is the same for every
    batch size. `fallible`: the function returns a Result. `uses`: what else of tf-layers it names.
    With a `receiver`, the function is a method of a slice. `rank` is the generic argument of the
    struct, for those that have the rank in their type.
    """

    function: str
    arguments: Sequence[str]
    params: str = ""
    threads: bool = False
    fallible: bool = False
    receiver: str = ""
    rank: int = 0
    uses: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def params_type(self) -> str:
        """The type of `params`."""
        return self.struct + (f"<{self.rank}>" if self.rank else "")

    @property
    def struct(self) -> str:
        """The struct of the static facts; empty if there are none."""
        return self.params.split("::", 1)[0]


def chain(constructor: str, *builders: tuple[str, str, bool]) -> str:
    """`Conv2d::new(…).strides(…)`: a constructor, and the builders that change a default."""
    return constructor + "".join(f".{name}({value})" for name, value, needed in builders if needed)


def with_columns(builder: str, x: Operand) -> tuple[str, str, bool]:
    """`builder(16, 64)`: the columns from 16 on, of 64; most operands have all of their slice."""
    return (builder, ", ".join(map(rust.integer, x.columns or ())), x.columns is not None)


ACTIVATIONS: dict[str, str] = {
    "relu": "Relu",
    "relu6": "Relu6",
    "leaky_relu": "LeakyRelu",
    "elu": "Elu",
    "selu": "Selu",
    "sigmoid": "Sigmoid",
    "hard_sigmoid": "HardSigmoid",
    "tanh": "Tanh",
    "swish": "Swish",
    "hard_swish": "HardSwish",
    "gelu": "Gelu",
    "gelu_tanh": "GeluTanh",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "exp": "Exp",
}
"""Activation of the IR → variant of `tf_layers::Activation`."""


def activation(attr: ActivationAttr | None) -> str:
    """`Activation::LeakyRelu(0.2)`."""
    if attr is None:
        return "Activation::None"
    variant = f"Activation::{ACTIVATIONS[attr.kind.data]}"
    return variant if attr.parameter is None else f"{variant}({rust.floating(attr.parameter)})"
