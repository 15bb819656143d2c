"""Which outputs of a model are scores of a binary classifier, and what a score says.

A score is one number for each example, as `Dense(1, "sigmoid")` gives it, or the second of two, as
`Dense(2, "softmax")` does: the classes are "clean" and "dirty", as in CrowdStrike's tf2rust. Any
one or two numbers are scores if the user says so; else only those that such a function has made,
because a regression has one number too.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

from xdsl.dialects.builtin import f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import SSAValue

from tfrc.backend_rust import LEVELS, Decisions
from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import Imported, TensorInfo
from tfrc.compiler.module import functions
from tfrc.ir.shape import Dim, count
from tfrc.ir.tf import NodeOp

PROBABILITIES = {1: "Sigmoid", 2: "Softmax"}
"""Numbers of an example → the op that makes probabilities of them. The last one is the score."""

KEEPERS = frozenset({"Identity", "Cast", "Reshape", "Squeeze"})
"""Ops after which a probability is one still."""


def decisions(
    imported: Imported,
    wanted: bool | None,
    thresholds: Path | None,
    option: str = "--binary-classification",
) -> Decisions | None:
    """The scores of the signatures; None if there are none, or none are wanted.

    Without a wish, which thresholds are too, an output counts only if it is a probability: of a
    sigmoid, or of a softmax of two. `option` is what the wish is called.
    Errors: ModelError if decisions are asked for that no output can give, or a threshold is none.
    """
    if wanted is False:
        if thresholds is not None:
            raise ModelError(f"--thresholds is for {option}")
        return None
    asker = option if wanted else "--thresholds" if thresholds else None
    columns: dict[str, int] = {}
    for name, function in functions(imported.module).items():
        outputs = list(imported.signatures[name].outputs.values())
        width = score_width(outputs[0]) if len(outputs) == 1 else None
        if width in PROBABILITIES and (asker or last_op(function) == PROBABILITIES[width]):
            columns[name] = width - 1
    if asker is not None and not columns:
        raise ModelError(
            f"{asker}: {imported.source} is no binary classifier, whose only output is one or two "
            f"float32 numbers for each example: it gives {outputs_text(imported)}"
        )
    if not columns:
        return None
    return Decisions(columns, read_thresholds(thresholds)) if thresholds else Decisions(columns)


def score_width(output: TensorInfo) -> int | None:
    """The numbers of an example in a float32 output; None if examples cannot be told apart."""
    shape = output.shape
    if output.element != f32 or not shape or not (shape[0].scale == 1 or shape[0] == Dim(0, 1)):
        return None
    size = count(shape[1:])
    return int(size) if size.is_static and shape[0].offset in (0, 1) else None


def last_op(function: FuncOp) -> str | None:
    """The TensorFlow op that computes the result of a `tf` function; None if it is an input."""
    returned = function.body.block.last_op
    assert isinstance(returned, ReturnOp)
    value: SSAValue = returned.operands[0]
    while isinstance(value.owner, NodeOp) and value.owner.op.data in KEEPERS:
        value = value.owner.operands[0]
    return value.owner.op.data if isinstance(value.owner, NodeOp) else None


def outputs_text(imported: Imported) -> str:
    """`'scores' [N, 5]`: what the signatures give, for a message."""
    outputs = {
        f"'{name}' [{', '.join(map(str, info.shape or ()))}]": None
        for signature in imported.signatures.values()
        for name, info in signature.outputs.items()
    }
    return ", ".join(outputs)


def read_thresholds(path: Path) -> dict[str, float]:
    """The thresholds in `{"dirty": {"bottom": 0.1, "low": 0.3, "medium": 0.6, "high": 0.9}}`.

    Errors: ModelError if one is missing, or they do not rise.
    """
    try:
        found: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"--thresholds {path}: {error}") from error
    dirty: Any = cast("dict[str, Any]", found).get("dirty") if isinstance(found, dict) else None
    levels = cast("dict[str, Any]", dirty) if isinstance(dirty, dict) else {}
    values = {level: levels.get(level) for level in LEVELS}
    wrong = [level for level, v in values.items() if type(v) not in (int, float) or not _is_f32(v)]
    if wrong:
        raise ModelError(
            f"--thresholds {path}: {', '.join(wrong)} in 'dirty' is no number: write "
            '{"dirty": {"bottom": 0.1, "low": 0.3, "medium": 0.6, "high": 0.9}}'
        )
    numbers = {level: float(cast(float, value)) for level, value in values.items()}
    if sorted(numbers.values()) != list(numbers.values()):
        raise ModelError(f"--thresholds {path}: {', '.join(LEVELS)} should rise, but are {numbers}")
    return numbers


def _is_f32(value: Any) -> bool:
    return math.isfinite(value) and abs(value) < 3e38
