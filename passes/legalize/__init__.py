"""What each TensorFlow op becomes in `nn`: one short function for each, in files by theme.

`legalizes("Relu")` registers a function; importing this package fills the table. A function returns
the values that stand for the node's outputs, or raises `Refusal` with what it cannot take.
"""

from tfrc.passes.legalize import (
    convolution,
    einsum,
    elementwise,
    elementwise_gradients,
    indexing,
    linear,
    loss,
    movement,
    normalization,
    optimizers,
    ordering,
    pooling,
    random,
    reduction,
    resize,
    unique,
    variables,
)
from tfrc.passes.legalize.table import LEGALIZATIONS, Refusal, legalize
from tfrc.passes.legalize.unsupported import Unsupported

THEMES = (
    convolution,
    einsum,
    elementwise,
    elementwise_gradients,
    indexing,
    linear,
    loss,
    movement,
    normalization,
    optimizers,
    ordering,
    pooling,
    random,
    reduction,
    resize,
    unique,
    variables,
)
"""The modules that fill the table."""

__all__ = ["LEGALIZATIONS", "THEMES", "Refusal", "Unsupported", "legalize"]
