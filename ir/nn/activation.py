"""The activation that a kernel applies to each element on its way out."""

from __future__ import annotations

from enum import auto
from typing import cast

from xdsl.dialects.builtin import AnyFloat, FloatAttr, NoneAttr, StringAttr, f32
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

AnyFloatAttr = FloatAttr[AnyFloat]


class Activation(StrEnum):
    """The activations that kernels know; each is the elementwise operation of the same name."""

    Relu = auto()
    Relu6 = auto()
    LeakyRelu = "leaky_relu"
    Elu = auto()
    Selu = auto()
    Sigmoid = auto()
    HardSigmoid = "hard_sigmoid"
    Tanh = auto()
    Swish = auto()
    HardSwish = "hard_swish"
    Gelu = auto()
    GeluTanh = "gelu_tanh"
    Softplus = auto()
    Softsign = auto()
    Exp = auto()


PARAMETRIC = frozenset({Activation.LeakyRelu, Activation.Elu})
"""The activations with a parameter `alpha`."""


@irdl_attr_definition
class ActivationAttr(ParametrizedAttribute):
    """`#nn.activation<relu>`, or with its parameter `#nn.activation<leaky_relu, 0.2>`."""

    name = "nn.activation"

    kind: StringAttr
    alpha: Attribute

    @staticmethod
    def of(kind: Activation, alpha: float | None = None) -> ActivationAttr:
        """The attribute for `kind`."""
        parameter = NoneAttr() if alpha is None else FloatAttr(alpha, f32)
        return ActivationAttr(StringAttr(str(kind)), parameter)

    @property
    def activation(self) -> Activation:
        """Which activation it is."""
        return Activation(self.kind.data)

    @property
    def parameter(self) -> float | None:
        """The value of `alpha`, if the activation has one."""
        return cast(AnyFloatAttr, self.alpha).value.data if self._has_alpha else None

    @property
    def _has_alpha(self) -> bool:
        return isinstance(self.alpha, FloatAttr)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        with parser.in_angle_brackets():
            kind = parser.parse_identifier("an activation")
            alpha: Attribute = NoneAttr()
            if parser.parse_optional_punctuation(",") is not None:
                alpha = FloatAttr(float(parser.parse_number()), f32)
        return [StringAttr(kind), alpha]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(self.kind.data)
            if (parameter := self.parameter) is not None:
                printer.print_string(", ")
                printer.print_float(parameter, f32)

    def verify(self) -> None:
        known = ", ".join(str(kind) for kind in Activation)
        if self.kind.data not in known.split(", "):
            raise VerifyException(f"no activation '{self.kind.data}'; there are {known}")
        if (self.activation in PARAMETRIC) != self._has_alpha:
            raise VerifyException(
                f"activation {self.kind.data} takes {int(self.activation in PARAMETRIC)} parameters"
            )
