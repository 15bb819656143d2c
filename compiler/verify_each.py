"""`--verify-each`: run the module after every pass that changed it, and compare the numbers.

Each level has its own interpreter: TensorFlow's kernels node by node for `tf`, the NumPy reference
for `nn`, and the same reference on poisoned memory for `rt`. The truth is TensorFlow's own session.
The first pass whose outputs differ is named, and the operation where the difference begins: values
before and after are matched by the TensorFlow node in their locations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from tfrc.compiler.draws import Inputs
from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import Runner
from tfrc.compiler.module import argument_names, functions, result_names
from tfrc.compiler.pass_manager import Step
from tfrc.ir import nn, reference, rt, rt_reference
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import element_of
from tfrc.ir.tf import DimsOp, NodeOp, node_name
from tfrc.ir.weights import Array, CompilerContext

TOLERANCE = 1e-4
"""Relative to the largest magnitude. Rounding in float32 stays ten times below it even through deep
networks; a rewrite that is wrong stays far above."""

Values = list[tuple[Operation, Array]]
"""What each operation computed, in order."""

Observe = Callable[[Operation, Array], None]


class CannotRun(Exception):
    """A node that TensorFlow cannot run alone: a call, a loop, or one with state."""


@dataclass
class VerifyEach:
    """An observer that raises ModelError after the first pass that changed the numbers.

    `truth` runs a signature in TensorFlow; without it, the module before any pass is the truth.
    Variables have their initial values before each run, and what they hold behind it is compared.
    """

    inputs: Inputs
    truth: Runner | None = None
    expected: dict[str, Mapping[str, Array]] = field(default_factory=dict[str, Mapping[str, Array]])
    before: dict[str, Values] = field(default_factory=dict[str, Values])

    def __call__(self, step: Step) -> None:
        if not step.changed:
            return
        for signature, function in functions(step.module).items():
            values: Values = []
            try:
                outputs = self.run(step, signature, function, values)
            except CannotRun:
                continue
            if signature not in self.expected:
                self.expected[signature] = self.expect(signature, outputs)
            self.compare(step, signature, outputs, values)
            self.before[signature] = values

    def expect(self, signature: str, outputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """The true outputs and variables."""
        if self.truth is None:
            return outputs
        self.truth.reset()
        expected = self.truth(signature, self.inputs[signature])
        return {**expected, **variables(self.truth.variables())}

    def run(self, step: Step, signature: str, function: FuncOp, values: Values) -> dict[str, Array]:
        """The outputs of `function` and all variables; `values` receives every other value."""
        inputs = self.inputs[signature]
        weights = step.ctx.weights
        state: reference.State = {}

        def observe(op: Operation, value: Array) -> None:
            values.append((op, value.copy()))

        names = argument_names(function)
        arguments = [inputs[name] for name in names[: len(inputs)]]
        if level(step.module) == "rt":
            arena = rt.ARENA in function.attributes
            results = rt_reference.run(
                function, arguments, weights, arena=arena, observe=observe, state=state
            )
        elif level(step.module) == "tf":
            results = run_tf(function, arguments, step.ctx, observe)
        else:
            results = reference.run(function, arguments, weights, observe, state)
        outputs = result_names(function) or names[len(inputs) :]
        declared = [op.key for op in step.module.ops if isinstance(op, nn.VariableOp)]
        after = {key: state.get(key, weights[key]) for key in declared}
        return {**dict(zip(outputs, results, strict=True)), **variables(after)}

    def compare(
        self, step: Step, signature: str, outputs: Mapping[str, Array], values: Values
    ) -> None:
        """Errors: ModelError if an output differs from the truth."""
        for name, actual in outputs.items():
            # TensorFlow does not say what the counter of a random generator has come to.
            difference = distance(actual, self.expected[signature].get(name, actual))
            if difference > TOLERANCE:
                raise ModelError(
                    f"pass {step.number} '{step.name}' changed the numbers: output '{name}' of "
                    f"'{signature}' differs by {difference:.2g} of its largest magnitude; "
                    + beginning(self.before.get(signature, []), values)
                )


def variables(values: Mapping[str, Array]) -> dict[str, Array]:
    """The values of variables among outputs, under names that no output has."""
    return {f"variable {key}": value for key, value in values.items()}


def distance(actual: Array, expected: Array) -> float:
    """The largest difference relative to the largest magnitude of `expected`.

    0 for equal integers; infinity for other shapes, and if one is finite where the other is not.
    """
    if actual.shape != expected.shape:
        return np.inf
    if expected.dtype.kind not in "fc":
        return 0.0 if np.array_equal(actual, expected) else np.inf
    a, e = (
        x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (actual, expected)
    )
    finite = np.isfinite(e)
    if (
        not np.array_equal(a[~finite], e[~finite], equal_nan=True)
        or not np.isfinite(a[finite]).all()
    ):
        return np.inf
    scale = np.abs(e[finite]).max(initial=0.0)
    return float(np.abs(a[finite] - e[finite]).max(initial=0.0) / (scale or 1.0))


def level(module: ModuleOp) -> str:
    """`tf`, `nn` or `rt`: the highest level of which there is an operation."""
    names = {op.name.partition(".")[0] for op in module.walk()}
    return "tf" if "tf" in names else "nn" if "nn" in names and "rt" not in names else "rt"


def run_tf(
    function: FuncOp, arguments: list[Array], ctx: CompilerContext, observe: Observe
) -> list[Array]:
    """Evaluate a function with `tf` nodes, each by TensorFlow's kernel.

    Errors: CannotRun if a node cannot run alone.
    """
    n = reference.batch_size(function.args, arguments)
    values: dict[SSAValue, Array] = dict(zip(function.args, arguments, strict=True))
    for op in function.body.block.ops:
        operands = [values[operand] for operand in op.operands]
        match op:
            case ReturnOp():
                return operands
            case NodeOp():
                assert ctx.evaluate_tf is not None
                results = ctx.evaluate_tf(op.op.data, op.attrs.data, operands)
                if results is None or len(results) != len(op.results):
                    raise CannotRun(op.op.data)
            case DimsOp():
                dtype = numpy_dtype(element_of(op.result))
                results = [np.array([dim.at(n) for dim in op.value.dims], dtype)]
            case _:
                results = [reference.evaluate_op(op, operands, ctx.weights, n)]
        for result, value in zip(op.results, results, strict=True):
            values[result] = value
        observe(op, results[0])
    raise AssertionError("every function returns")


def beginning(before: Values, after: Values) -> str:
    """Where the difference begins: the first operation whose value its nodes never had."""
    known: dict[str, list[Array]] = {}
    for op, value in before:
        for node in nodes(op):
            known.setdefault(node, []).append(value)
    for op, value in after:
        candidates = [v for node in nodes(op) for v in known.get(node, ())]
        if isinstance(op, nn.ConstantOp | nn.WeightOp) or not candidates:
            continue
        if min(distance(value.reshape(-1), v.reshape(-1)) for v in candidates) > TOLERANCE:
            return f'it begins at {spelled(op)} "{node_name(op.location)}"'
    return "no operation that was there before has another value"


def nodes(op: Operation) -> list[str]:
    """The TensorFlow nodes that an operation stands for."""
    return [node for node in node_name(op.location).split(", ") if node]


def spelled(op: Operation) -> str:
    """What kind of operation `op` is."""
    match op:
        case NodeOp():
            return f"tf.node {op.op.data}"
        case rt.CallOp():
            return f"rt.call @{op.kernel_name}"
        case _:
            return op.name
