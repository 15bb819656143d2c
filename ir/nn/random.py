"""Random numbers as functions of a key and a counter: nothing is stateful here."""

from __future__ import annotations

from collections.abc import Sequence
from enum import auto

from xdsl.dialects.builtin import StringAttr, TensorType, f32, f64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.str_enum import StrEnum

from tfrc.ir.dtype import ui32, ui64
from tfrc.ir.nn.base import require, require_shape
from tfrc.ir.shape import Dim, as_shape, element_of, tensor


class Distribution(StrEnum):
    """What is made of the generator's bits."""

    Bits = auto()
    Uniform = auto()
    Normal = auto()
    TruncatedNormal = "truncated_normal"


ELEMENTS: dict[Distribution, tuple[Attribute, ...]] = {
    Distribution.Bits: (ui32, ui64),
    Distribution.Uniform: (f32, f64),
    Distribution.Normal: (f32, f64),
    Distribution.TruncatedNormal: (f32, f64),
}
"""The element types of each distribution."""


@irdl_op_definition
class RandomKeyOp(IRDLOperation):
    """`result` = a key and a counter of two words, scrambled from the two numbers of `seed`.

    TensorFlow's StatelessRandomGetKeyCounter, as on CPU.
    """

    name = "nn.random_key"

    seed = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "$seed attr-dict `:` functional-type(operands, results)"

    def __init__(self, seed: SSAValue):
        super().__init__(operands=[seed], result_types=[tensor(ui64, [Dim(0, 3)])])

    def verify_(self) -> None:
        require_shape(self.name, "seed", self.seed, as_shape([2]))
        require_shape(self.name, "result", self.result, as_shape([3]))


@irdl_op_definition
class RandomOp(IRDLOperation):
    """`result` = numbers of a distribution from Philox 4x32-10 (Salmon et al. 2011).

    `bits` are the generator's words; `uniform` lies in [0, 1), `normal` is of mean 0 and deviation
    1 (Box and Muller 1958), `truncated_normal` the same without what is 2 or more from 0. The same
    key and counter give TensorFlow's numbers.
    """

    name = "nn.random"

    key = operand_def(TensorType)
    counter = operand_def(TensorType)
    result = result_def(TensorType)
    distribution = prop_def(StringAttr)

    traits = traits_def(Pure())
    assembly_format = (
        "$key `,` $counter `distribution` `=` $distribution"
        " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        key: SSAValue,
        counter: SSAValue,
        distribution: Distribution,
        shape: Sequence[Dim | int],
        element: Attribute,
    ):
        super().__init__(
            operands=[key, counter],
            result_types=[tensor(element, as_shape(shape))],
            properties={"distribution": StringAttr(str(distribution))},
        )

    def verify_(self) -> None:
        require_shape(self.name, "key", self.key, as_shape([1]))
        require_shape(self.name, "counter", self.counter, as_shape([2]))
        known = ", ".join(str(each) for each in Distribution)
        name = self.distribution.data
        require(
            name in known.split(", "), f"{self.name}: no distribution {name}; there are {known}"
        )
        element = element_of(self.result)
        require(
            element in ELEMENTS[Distribution(name)],
            f"{self.name}: {name} numbers are not {element}s, as its result is",
        )
