"""`tfrc export-weights`: what a crate has learnt goes back to Python."""

from __future__ import annotations

from pathlib import Path

from tfrc.compiler import destination
from tfrc.compiler.choices import WeightFormat
from tfrc.compiler.frontend.export import WRITERS, TrainedModel


def export_weights(state: Path, model: Path, to: WeightFormat, output: Path) -> int:
    """Write `model` with the variables of `state`; how many of them `state` holds.

    Errors: ModelError if the files are not of the same model, or `output` exists.
    """
    destination.check(output, force=False)
    trained = TrainedModel(model, state)
    place = destination.folder if to == "saved_model" else destination.file
    with place(output) as path:
        WRITERS[to](trained, path)
    return len(trained.state)
