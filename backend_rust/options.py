"""What a user chooses about the generated crate, and what can be wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from tfrc.backend_rust.names import KEYWORDS

Array = NDArray[Any]


class EmitError(Exception):
    """A module or an option from which no crate can be made. `str` is one sentence."""


LEVELS = ("bottom", "low", "medium", "high")
"""How sure a decision can be, the least first; below all of them it is `none`."""


@dataclass(frozen=True)
class Decisions:
    """What makes a classifier of a crate.

    `columns`: signature → which element of an example's output is the score.
    `thresholds`: from which score on a decision has each of `LEVELS`.
    """

    columns: Mapping[str, int]
    thresholds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(LEVELS, 0.0))


@dataclass(frozen=True)
class CrateOptions:
    """How the crate is named and what it stands on.

    `weights`: `embed` puts them into the binary, `file` has `Model::from_file` read them.
    `runtime`: `bundled` copies tf-layers into the crate; `path` refers to `runtime_path` (default:
    the sources of this installation); `registry` takes it from crates.io.
    `profile`: whether it records the time of each kernel call.
    `tolerance`: of the crate's test, relative to the largest magnitude of an output.
    `layout`: `tf2rust` names the methods as tf2rust does: `predict` takes one vector.
    `decisions`: None for a crate that is no classifier.
    """

    name: str = "model"
    struct: str = "Model"
    weights: Literal["embed", "file"] = "embed"
    runtime: Literal["bundled", "path", "registry"] = "bundled"
    runtime_path: str | None = None
    source: str = "a TensorFlow graph"
    tolerance: float = 1e-5
    layout: Literal["crate", "tf2rust"] = "crate"
    decisions: Decisions | None = None
    profile: bool = False
    notes: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise EmitError for a name that cargo or rustc would refuse."""
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", self.name) or self.name in RESERVED_CRATES:
            raise EmitError(
                f"'{self.name}' cannot be the name of a crate: start with a letter, go on with "
                "letters, digits, - and _, and take no word of Rust or name of its tools"
            )
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", self.struct) or self.struct in RESERVED_TYPES:
            raise EmitError(
                f"'{self.struct}' cannot be the name of the model's struct: write it in "
                "CamelCase, and not as a type that the crate has already"
            )

    @property
    def library(self) -> str:
        """The crate's name in Rust source."""
        return self.name.replace("-", "_")


RESERVED_CRATES = KEYWORDS | {
    "test",
    "core",
    "std",
    "alloc",
    "proc_macro",
    "tf-layers",
    "tf_layers",
}
"""Names that cargo refuses for a package, or that would hide a dependency."""

RESERVED_TYPES = {"Session", "Error", "Self", "Arena", "Threads", "Weights", "Part", "Arc"}
"""Names that src/lib.rs has for other things."""


@dataclass(frozen=True)
class Features:
    """Recorded inputs of one signature and what TensorFlow makes of them, by name.

    A signature that writes variables runs several `steps`, from the initial values on: its arrays
    have a leading axis for them, and `variables` are the values behind the last step, by path.
    """

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    variables: Mapping[str, Array] = field(default_factory=dict[str, Array])
    steps: int = 0
