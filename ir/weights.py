"""The weight store: arrays by name, beside a module's text.

IR text never holds a weight. `dump.mlir` refers to the arrays in `dump.safetensors`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from xdsl.context import Context
from xdsl.ir import Attribute

Array = NDArray[np.generic]


class WeightStore(Mapping[str, Array]):
    """Arrays by name. A name is written once, so that IR that refers to it keeps its meaning."""

    def __init__(self, arrays: Mapping[str, Array] | None = None):
        self._arrays: dict[str, Array] = dict(arrays or {})

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def add(self, name: str, array: Array) -> str:
        """Store `array` under `name`, or `name.2`, `name.3` … if that is taken; return the name."""
        *_, unique = self._taken_and_free(name)
        self._arrays[unique] = array
        return unique

    def share(self, name: str, array: Array) -> str:
        """The same for a constant, which lies under the name already if its bytes are the same.

        Every step of an unrolled loop computes the same constants; they are one.
        """
        for candidate in self._taken_and_free(name):
            known = self._arrays.get(candidate)
            if known is None:
                self._arrays[candidate] = array
                return candidate
            if known is array or (
                (known.dtype, known.shape) == (array.dtype, array.shape)
                and known.tobytes() == array.tobytes()
            ):
                return candidate
        raise AssertionError("the last candidate is free")

    def _taken_and_free(self, name: str) -> Iterator[str]:
        """`name`, `name.2`, `name.3` … as long as they are taken, and the next one."""
        yield name
        for i in itertools.count(2):
            if (name if i == 2 else f"{name}.{i - 1}") not in self._arrays:
                return
            yield f"{name}.{i}"

    def save(self, path: Path, names: Iterator[str] | None = None) -> None:
        """Write a safetensors file of `names` (default: all)."""
        keep = self._arrays if names is None else {n: self._arrays[n] for n in names}
        save_file({n: np.ascontiguousarray(a) for n, a in keep.items()}, path)

    @staticmethod
    def load(path: Path) -> WeightStore:
        """The store in a safetensors file."""
        return WeightStore(load_file(path))


Measure = Callable[[str], Mapping[str, float]]
"""Microseconds of each way to compute a layer; `passes/tuning.py` says how both are written."""


class Evaluator(Protocol):
    """Runs one TensorFlow node on constants, with TensorFlow's own kernel."""

    def __call__(
        self, op: str, attrs: Mapping[str, Attribute], inputs: Sequence[Array]
    ) -> list[Array] | None:
        """The outputs of the node, or None if TensorFlow has no kernel for it or refuses.

        `attrs` are those of a `tf.node`, `inputs` its operands in order.
        """
        ...


class CompilerContext(Context):
    """An xDSL context that also carries the weight store of the module being compiled.

    `evaluate_tf` folds nodes of constants; without it (text alone, no TensorFlow) they stay.
    `measure` times the ways to compute a layer; without it rules choose between them.
    """

    def __init__(
        self,
        weights: WeightStore | None = None,
        evaluate_tf: Evaluator | None = None,
        measure: Measure | None = None,
    ):
        super().__init__()
        self.weights = weights if weights is not None else WeightStore()
        self.evaluate_tf = evaluate_tf
        self.measure = measure

    def clone(self) -> CompilerContext:
        """A context with the same dialects and a copy of the store's names (arrays are shared)."""
        copy = CompilerContext(WeightStore(self.weights), self.evaluate_tf, self.measure)
        for field in ("allow_unregistered",):
            setattr(copy, field, getattr(self, field))
        for dialect in self.loaded_dialects:
            copy.load_dialect(dialect)
        return copy


def weights_of(ctx: Context) -> WeightStore:
    """The weight store that a pass may read and add to; an empty one for a plain context."""
    return ctx.weights if isinstance(ctx, CompilerContext) else WeightStore()


def measure_of(ctx: Context) -> Measure | None:
    """What times the ways to compute a layer; None for a plain context."""
    return ctx.measure if isinstance(ctx, CompilerContext) else None
