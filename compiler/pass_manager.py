"""Runs passes over a module, and lets observers look at the module after each.

An observer is where printing, dumping, timing and checking live: the manager knows none of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol, TextIO

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, parse_pipeline
from xdsl.utils.exceptions import ParseError, VerifyException

from tfrc.compiler.errors import ModelError
from tfrc.compiler.module import module_text, write_weights
from tfrc.ir.weights import CompilerContext
from tfrc.passes import PASSES


def parse_passes(spec: str | Iterable[str]) -> list[ModulePass]:
    """The passes of `pass1,pass2{option=3}`, or of several such texts.

    Errors: ModelError if a pass or an option does not exist.
    """
    text = spec if isinstance(spec, str) else ",".join(spec)
    try:
        return [_instance(each) for each in parse_pipeline(text)]
    except ParseError as error:
        raise ModelError(f"'{text}' is not a list of passes: {error.args[-1]}") from None


def _instance(spec: ArgSpec) -> ModulePass:
    if spec.name not in PASSES:
        raise ModelError(f"there is no pass '{spec.name}': `tfrc passes` lists them")
    try:
        return PASSES[spec.name].from_spec(spec)
    except Exception as error:  # xDSL raises bare exceptions for options of the wrong type
        raise ModelError(f"pass '{spec.name}': {error}") from None


@dataclass
class Step:
    """The module after one pass."""

    number: int
    """1 for the first pass; 0 for the module before any."""
    each: ModulePass | None
    """The pass that ran; None before any."""
    module: ModuleOp
    ctx: CompilerContext
    seconds: float
    before: Step | None

    @property
    def name(self) -> str:
        """The pass's name, `input` before any."""
        return self.each.name if self.each else "input"

    @cached_property
    def text(self) -> str:
        """The module as text. An observer that needs it must ask before the next pass runs."""
        return module_text(self.module)

    @property
    def changed(self) -> bool:
        """Whether the pass changed anything that the text shows."""
        return self.before is None or self.text != self.before.text


class Observer(Protocol):
    """Sees the module before the first pass and after each."""

    def __call__(self, step: Step) -> None: ...


@dataclass
class PrintAfter:
    """Prints the module after the passes of those names, or after every one."""

    stream: TextIO
    names: frozenset[str] | None = None

    def __call__(self, step: Step) -> None:
        text = step.text
        if step.each is None or (self.names is not None and step.name not in self.names):
            return
        if step.changed:
            print(f"// IR after {step.number} {step.name}\n{text}", file=self.stream)
        else:
            print(f"// IR after {step.number} {step.name}: unchanged\n", file=self.stream)


@dataclass
class Dump:
    """Writes `03-fold-batch-norm.mlir` and its weights, for each pass that changed something."""

    directory: Path

    def __call__(self, step: Step) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if step.changed:
            path = self.directory / f"{step.number:02}-{step.name}.mlir"
            path.write_text(step.text)
            write_weights(step.module, step.ctx, path)


@dataclass
class Times:
    """Collects how long each pass took."""

    rows: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])

    def __call__(self, step: Step) -> None:
        if step.each is not None:
            self.rows.append((step.name, step.seconds))

    def table(self) -> str:
        """One line a pass, in order, and the sum."""
        rows = [*self.rows, ("all passes", sum(seconds for _, seconds in self.rows))]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{width}}  {seconds:8.3f} s" for name, seconds in rows)


@dataclass(frozen=True)
class Watch:
    """What a user wants to see of the passes, as the flags of `tfrc compile` and `tfrc opt` say."""

    print_ir_after_all: bool = False
    print_ir_after: tuple[str, ...] = ()
    dump_ir: Path | None = None
    time_passes: bool = False

    def observers(self, stream: TextIO) -> list[Observer]:
        """The observers that do so. Errors: ModelError if a pass does not exist."""
        for name in self.print_ir_after:
            if name not in PASSES:
                raise ModelError(f"there is no pass '{name}': `tfrc passes` lists them")
        result: list[Observer] = []
        if self.print_ir_after_all or self.print_ir_after:
            names = None if self.print_ir_after_all else frozenset(self.print_ir_after)
            result.append(PrintAfter(stream, names))
        if self.dump_ir is not None:
            result.append(Dump(self.dump_ir))
        return result


class PassManager:
    """Runs `passes` in order, verifies the module after each, and shows it to `observers`.

    Errors: ModelError as a pass raises it, or if a pass leaves IR that does not verify.
    """

    def __init__(self, passes: Sequence[ModulePass], observers: Sequence[Observer] = ()):
        self.passes = passes
        self.observers = observers

    def run(self, ctx: CompilerContext, module: ModuleOp) -> None:
        step = Step(0, None, module, ctx, 0.0, None)
        self.show(step)
        for number, each in enumerate(self.passes, 1):
            start = time.perf_counter()
            each.apply(ctx, module)
            seconds = time.perf_counter() - start
            try:
                module.verify()
            except VerifyException as error:
                raise ModelError(
                    f"pass {number} '{each.name}' left IR that does not verify: {error}: this is "
                    "a fault of tfrc, and --print-ir-after-all shows where"
                ) from error
            step = Step(number, each, module, ctx, seconds, step)
            self.show(step)

    def show(self, step: Step) -> None:
        """Let every observer see `step`; the step before it is then let go."""
        for observer in self.observers:
            observer(step)
        if step.before is not None:
            step.before.before = None
