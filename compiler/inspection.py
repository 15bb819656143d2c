"""`tfrc inspect`: what a model is, and what the compiler makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from tfrc.compiler.context import context
from tfrc.compiler.errors import ModelError
from tfrc.compiler.flops import function_flops
from tfrc.compiler.frontend import ImportOptions, TensorInfo, load
from tfrc.compiler.module import functions, weight_names
from tfrc.compiler.pass_manager import PassManager, Step, parse_passes
from tfrc.ir import nn, rt
from tfrc.ir.dtype import TENSORFLOW_NAME
from tfrc.ir.shape import DimsAttr, text
from tfrc.ir.tf import NodeOp
from tfrc.ir.weights import CompilerContext
from tfrc.passes import PIPELINES

LEGALIZE = "legalize-tf"


@dataclass(frozen=True)
class Tensor:
    """An input or output."""

    name: str
    dtype: str
    shape: str


@dataclass(frozen=True)
class Plan:
    """What -O2 makes of a signature."""

    flops: int
    """Of the products of one example: 2 for each multiply-add."""
    kernel_calls: int
    arena_bytes: str
    """Peak bytes of its buffers, linear in the batch size N."""


@dataclass(frozen=True)
class SignatureTable:
    """The inputs and outputs of a signature."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    plan: Plan | None
    """None if the model cannot be compiled."""


@dataclass(frozen=True)
class Inspection:
    """A model at a glance."""

    source: str
    signatures: tuple[SignatureTable, ...]
    parameters: int
    weight_bytes: int
    ops: Mapping[str, int]
    """TensorFlow op → how many nodes, the most frequent first."""
    problem: str | None
    """Why the model cannot be compiled; None if it can."""
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)

    def as_text(self) -> str:
        """The same as a table to read."""
        lines = [self.source]
        for signature in self.signatures:
            lines.append(f"\nsignature {signature.name}")
            for what, tensors in (("input", signature.inputs), ("output", signature.outputs)):
                lines += [f"  {what:6}  {t.name:24}  {t.dtype:8}  {t.shape}" for t in tensors]
            if signature.plan is not None:
                plan = signature.plan
                lines.append(f"  {plan.flops:,} FLOPs in products for an example")
                lines.append(
                    f"  {plan.kernel_calls:,} kernel calls, arena {plan.arena_bytes} bytes"
                )
        lines.append(
            f"\nparameters  {self.parameters:,} ({self.weight_bytes / 1e6:.1f} MB)"
            f"\nnodes       {sum(self.ops.values()):,}"
        )
        lines += [f"  {op:28} {count:6,}" for op, count in self.ops.items()]
        lines += [f"warning: {warning}" for warning in self.warnings]
        lines.append(f"\n{self.problem}" if self.problem else "\nevery node can be compiled")
        return "\n".join(lines)


def _tensor(name: str, info: TensorInfo) -> Tensor:
    return Tensor(
        name,
        TENSORFLOW_NAME.get(info.element, str(info.element)),
        "unknown" if info.shape is None else text(info.shape),
    )


def inspect(model: Path, options: ImportOptions) -> Inspection:
    """Import a model and see what it holds. Errors: ModelError if it cannot be imported."""
    imported = load(model, options)
    arrays = [imported.weights[name] for name in weight_names(imported.module)]
    arrays += [op.array for op in imported.module.walk() if isinstance(op, nn.ConstantOp)]
    arrays = [array for array in arrays if array.dtype.kind in "fc"]
    nodes = Counter(op.op.data for op in imported.module.walk() if isinstance(op, NodeOp))
    plans, problem = plan_signatures(imported.module, context(imported.weights))
    signatures = tuple(
        SignatureTable(
            info.name,
            tuple(_tensor(*item) for item in info.inputs.items()),
            tuple(_tensor(*item) for item in info.outputs.items()),
            plans.get(info.name),
        )
        for info in imported.signatures.values()
    )
    return Inspection(
        imported.source,
        signatures,
        sum(array.size for array in arrays),
        sum(array.nbytes for array in arrays),
        dict(sorted(nodes.items(), key=lambda item: (-item[1], item[0]))),
        problem,
        tuple(imported.warnings),
    )


class Flops:
    """Watches the passes, and counts the FLOPs of each signature in the first `nn` module."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}

    def __call__(self, step: Step) -> None:
        if step.name == LEGALIZE:
            self.found = {name: function_flops(f) for name, f in functions(step.module).items()}


def plan_signatures(module: ModuleOp, ctx: CompilerContext) -> tuple[dict[str, Plan], str | None]:
    """What -O2 makes of each signature, or why it cannot be compiled. The module is used up."""
    flops = Flops()
    try:
        PassManager(parse_passes(PIPELINES["O2"]), [flops]).run(ctx, module)
    except ModelError as error:
        return {}, str(error)
    plans: dict[str, Plan] = {}
    for name, function in functions(module).items():
        calls = len(rt.calls(function))
        arena = function.attributes[rt.ARENA]
        assert isinstance(arena, DimsAttr)
        plans[name] = Plan(flops.found[name], calls, str(arena.dims[0]))
    return plans, None
