"""What the crate's own test compares with: inputs, and what TensorFlow makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from tfrc.backend_rust import Decisions, Features
from tfrc.compiler.draws import BATCH, Inputs, draw_inputs
from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import Imported, Runner, TensorInfo
from tfrc.compiler.module import functions
from tfrc.ir import rt
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.weights import Array
from tfrc.passes.aliases import root

PREDICTIONS = "predictions"
"""The array of a features file that holds what is expected of a model with one output."""

DEFAULT = "serving_default"

STEPS = 3
"""How often a signature that writes variables runs: what a step leaves, the next one meets."""


class FeaturesFile:
    """An npz file with an array for each input, and what is expected of the model.

    Expected values stand under `predictions`, or under the name of an output; what is missing is
    TensorFlow's. Signatures that the file is not for get drawn inputs: it is for the default one.
    """

    def __init__(self, path: Path, imported: Imported, option: str = "--features"):
        """`option` is what named the file.

        Errors: ModelError if the file cannot be read, or its arrays do not fit the model.
        """
        self.path = path
        self.option = option
        names = list(imported.signatures)
        self.signature = DEFAULT if DEFAULT in names else names[0]
        info = imported.signatures[self.signature]
        arrays = self.read()
        given = {name: self.fitting(name, arrays, tensor) for name, tensor in info.inputs.items()}
        self.expected = {name: arrays[name] for name in info.outputs if name in arrays}
        self.check_batch(given, info.inputs)
        if PREDICTIONS in arrays and not self.expected:
            if len(info.outputs) > 1:
                raise ModelError(
                    f"{self.option} {path}: the model has several outputs, so their values stand "
                    f"under {', '.join(info.outputs)}, not under {PREDICTIONS}"
                )
            self.expected = {next(iter(info.outputs)): arrays[PREDICTIONS]}
        drawn = draw_inputs(imported.module) if len(names) > 1 else {}
        self.inputs: Inputs = {**drawn, self.signature: given}

    def read(self) -> dict[str, Array]:
        """All arrays of the file."""
        try:
            with self.path.open("rb") as file, np.load(file) as arrays:
                return dict(arrays.items())
        except (OSError, ValueError, BadZipFile, EOFError, AttributeError) as error:
            reason = str(error).splitlines()[0] if str(error) else "it is empty"
            raise ModelError(f"{self.option} {self.path} is no npz of numbers: {reason}") from error

    def fitting(self, name: str, arrays: Mapping[str, Array], tensor: TensorInfo) -> Array:
        """The array of an input, in its type."""
        if name not in arrays:
            raise ModelError(
                f"{self.option} {self.path} has no array '{name}' for the input of that name: "
                f"it has {', '.join(arrays) or 'nothing'}"
            )
        array = arrays[name]
        shape = tensor.shape or ()
        sizes = [None if dim.scale else int(dim) for dim in shape]
        if len(sizes) != array.ndim or any(
            size not in (None, got) for size, got in zip(sizes, array.shape, strict=True)
        ):
            raise ModelError(
                f"{self.option} {self.path}: '{name}' has the shape {list(array.shape)}, "
                f"but the model takes [{', '.join(map(str, shape))}]"
            )
        dtype = numpy_dtype(tensor.element)
        with np.errstate(all="ignore"):
            cast = array.astype(dtype) if array.dtype.kind in "biuf" else None
        if cast is None or (dtype.kind != "f" and not np.array_equal(cast, array)):
            raise ModelError(
                f"{self.option} {self.path}: '{name}' is {array.dtype}, but the model takes {dtype}"
            )
        return cast

    def check_batch(self, given: Mapping[str, Array], inputs: Mapping[str, TensorInfo]) -> None:
        """Refuse inputs of different numbers of examples, or of none."""
        batched = [name for name, info in inputs.items() if info.shape and info.shape[0].scale]
        sizes = {given[name].shape[0] for name in batched}
        if len(sizes) > 1 or 0 in sizes:
            lengths = ", ".join(f"'{name}' {given[name].shape[0]}" for name in batched)
            raise ModelError(
                f"{self.option} {self.path}: the arrays should have the same number of examples, "
                f"and at least one: {lengths}"
            )

    def expect(
        self,
        features: Mapping[str, Features],
        decisions: Decisions | None,
        allowed: float,
        warnings: list[str],
    ) -> dict[str, Features]:
        """The features with the expected values in the place of TensorFlow's.

        Errors: ModelError if they have other sizes. They may be the scores of a classifier alone.
        """
        column = decisions.columns.get(self.signature) if decisions is not None else None
        recorded = features[self.signature]
        outputs = dict(recorded.outputs)
        for name, expected in self.expected.items():
            given = outputs[name]
            outputs[name] = self.placed(name, expected, given, column)
            wanted, got = outputs[name].astype(np.float64), given.astype(np.float64)
            difference = float(np.abs(wanted - got).max(initial=0))
            if difference > allowed * float(np.abs(got).max(initial=0)):
                warnings.append(
                    f"the expected values of '{name}' in {self.path} differ from what TensorFlow "
                    f"gives here, by up to {difference:.3g}: the crate's test holds to the file"
                )
        return {**features, self.signature: replace(recorded, outputs=outputs)}

    def placed(self, name: str, expected: Array, output: Array, column: int | None) -> Array:
        """The expected values in the shape of the output; scores alone are its `column`."""
        if expected.size == output.size:
            return expected.reshape(output.shape).astype(output.dtype)
        if column is None or expected.size != len(output):
            raise ModelError(
                f"{self.option} {self.path}: the expected values of '{name}' have the shape "
                f"{list(expected.shape)}, but the model gives {list(output.shape)}"
            )
        result = output.copy()
        result.reshape(len(output), -1)[:, column] = expected.reshape(-1)
        return result


def writers(module: ModuleOp) -> frozenset[str]:
    """The signatures of an `rt` module that write variables."""
    return frozenset(
        name
        for name, function in functions(module).items()
        if any(
            isinstance(root(out).owner, rt.VariableOp)
            for op in function.body.block.ops
            if isinstance(op, rt.CallOp)
            for out in op.outs
        )
    )


def draw_steps(imported: Imported, inputs: Inputs) -> Inputs:
    """`inputs` as the first of several steps, the others drawn: for what writes variables.

    The module is one of the `tf` level.
    """
    result: Inputs = {}
    for name, arrays in inputs.items():
        info = imported.signatures[name]
        if info.writes:
            batched = (key for key, x in info.inputs.items() if x.shape and x.shape[0].scale)
            size = next((len(arrays[key]) for key in batched), BATCH)
            seeds = range(1, STEPS)
            drawn = [draw_inputs(imported.module, seed, size)[name] for seed in seeds]
            result[name] = stacked([arrays, *drawn])
    return result


def stacked(each: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Arrays of several steps with a leading axis for the step."""
    return {name: np.stack([arrays[name] for arrays in each]) for name in each[0]}


def run(
    runner: Runner, signature: str, inputs: Mapping[str, Array], steps: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The outputs of one call from the initial values on, or of `steps` calls, and the variables.

    With steps, arrays have a leading axis for them; without, the variables are left out.
    """
    runner.reset()
    if not steps:
        return runner(signature, inputs), {}
    calls = [{name: array[i] for name, array in inputs.items()} for i in range(steps)]
    return stacked([runner(signature, call) for call in calls]), runner.variables()


def record(
    imported: Imported, inputs: Inputs, steps: Inputs, warnings: list[str]
) -> dict[str, Features] | None:
    """What TensorFlow makes of the inputs; None, with a warning, if it refuses them.

    The module is one of the `rt` level; the signatures that write variables there run `steps`.
    """
    result: dict[str, Features] = {}
    written = writers(imported.module)
    for name in inputs:
        arrays = steps[name] if name in written else inputs[name]
        count = STEPS if name in written else 0
        try:
            outputs, variables = run(imported.runner, name, arrays, count)
        except ModelError as error:
            warnings.append(f"the crate has no test against TensorFlow: {error}")
            return None
        for output, array in outputs.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                warnings.append(
                    f"output '{output}' of '{name}' is not finite for the inputs of the test"
                )
        result[name] = Features(arrays, outputs, variables, count)
    return result
