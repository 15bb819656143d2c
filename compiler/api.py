"""The Python interface: `tfrc.compile(model, output="crate/")`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfrc.compiler.choices import Emit, Layout, Runtime, Weights
from tfrc.compiler.driver import CompileOptions, Report, compile_model
from tfrc.compiler.frontend import ImportOptions, InputShape


def compile(
    model: Any,
    output: str | Path | None = None,
    *,
    level: int = 2,
    emit: Emit = "rust",
    force: bool = False,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    input_shapes: Mapping[str, InputShape] | None = None,
    signatures: Sequence[str] = (),
    inplace: bool = True,
    memdrop: bool = True,
    exact_convolution: bool = False,
    model_name: str | None = None,
    binary_classification: bool | None = None,
    thresholds: str | Path | None = None,
    features: str | Path | None = None,
    layout: Layout = "crate",
    weights: Weights = "embed",
    runtime: Runtime = "bundled",
    tolerance: float | None = None,
    verify_each: bool = False,
) -> Report:
    """Compile a Keras model, a tf.function, a concrete function or a file, as `tfrc compile` does.

    `output` is the folder of the crate, or the file of another `emit`; `input_shapes` maps an input
    to its sizes, None for the batch. The report says what was written, and holds the text if
    `output` is None. `tolerance` is that of the crate's test, relative to an output's largest
    magnitude; without it the depth of the network decides. `model_name` is that of the crate and
    of its struct, `<name>Model`; `features` is an npz file of inputs and `predictions` for that
    test, and `thresholds` a JSON file that says how sure a decision of a binary classifier is.

    Errors: ModelError for a model or an option that cannot be used; nothing is written then.
    """
    options = CompileOptions(
        output=Path(output) if output is not None else None,
        emit=emit,
        level=level,
        inplace=inplace,
        memdrop=memdrop,
        exact_convolution=exact_convolution,
        force=force,
        imports=ImportOptions(
            tuple(inputs), tuple(outputs), dict(input_shapes or {}), tuple(signatures)
        ),
        model_name=model_name,
        binary_classification=binary_classification,
        thresholds=Path(thresholds) if thresholds is not None else None,
        features=Path(features) if features is not None else None,
        layout=layout,
        weights=weights,
        runtime=runtime,
        tolerance=tolerance,
        verify_each=verify_each,
    )
    return compile_model(model, options)
