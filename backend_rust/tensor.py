"""An input or output of a signature, as the API, the tests and the documentation spell it."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import i1
from xdsl.ir import Attribute

from tfrc.backend_rust import rust
from tfrc.backend_rust.names import stem
from tfrc.ir.dtype import TENSORFLOW_NAME
from tfrc.ir.shape import Dim

MAX_STATIC_RANK = 6
"""The most dimensions that ndarray counts in a type."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a signature."""

    name: str
    original: str
    key: str
    element: Attribute
    type: str
    dims: str
    rank: int
    length: Dim

    @property
    def dtype(self) -> str:
        """TensorFlow's name of the element type."""
        return TENSORFLOW_NAME[self.element]

    @property
    def stem(self) -> str:
        """What other names are made from."""
        return stem(self.name)

    @property
    def is_bool(self) -> bool:
        return self.element == i1

    @property
    def is_float(self) -> bool:
        """Whether a test may allow a difference."""
        return self.element in rust.FLOATS

    @property
    def is_batched(self) -> bool:
        """Whether the batch size can be told from the length."""
        return self.length.scale > 0

    @property
    def example(self) -> str:
        """Elements of one example."""
        return rust.integer(self.length.scale)

    @property
    def rest(self) -> str:
        """Elements that do not depend on the batch."""
        return rust.integer(self.length.offset)

    @property
    def elements(self) -> str:
        """Elements for the batch size `n`."""
        return rust.dim(self.length)

    @property
    def single(self) -> str:
        """Elements for one example, and those that do not depend on the batch."""
        return rust.integer(self.length.at(1))

    @property
    def known_dims(self) -> str:
        """`[None, Some(4)]`: the dimensions that a file's array must have."""
        parts = self.dims[1:-1].split(", ") if self.rank else []
        known = ["None" if rust.mentions(p, "n") else f"Some({p})" for p in parts]
        return rust.listing(known)

    @property
    def remark(self) -> str:
        """What else the documentation says of the elements."""
        return f", {self.dtype}{': bytes that are 0 or 1' if self.is_bool else ''}"

    @property
    def original_remark(self) -> str:
        """TensorFlow's name, where it is another."""
        return f" (`{self.original}`)" if self.original != self.name else ""

    @property
    def argument(self) -> str:
        """`x: &[f32]`."""
        return f"{self.name}: &[{self.type}]"

    @property
    def dimension(self) -> str:
        """The type of its number of dimensions in ndarray."""
        return f"Ix{self.rank}" if self.rank <= MAX_STATIC_RANK else "IxDyn"

    @property
    def view(self) -> str:
        """It as an argument in ndarray."""
        return f"ArrayView<'_, {self.type}, {self.dimension}>"

    @property
    def session_view(self) -> str:
        """It as a view of the session's memory in ndarray."""
        return f"ArrayView<'session, {self.type}, {self.dimension}>"

    @property
    def view_shape(self) -> str:
        """The shape of that view, a field of the outputs."""
        shape = f"self.{self.stem}_shape"
        return shape if self.rank <= MAX_STATIC_RANK else f"IxDyn(&{shape})"

    @property
    def sample(self) -> str:
        """A value for an example, in range for whatever it indexes."""
        return "0.5" if self.is_float else "0"
