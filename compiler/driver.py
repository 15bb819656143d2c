"""`tfrc compile`: a model in, a crate or IR out.

Load, run the pipeline, record what TensorFlow makes of drawn inputs, write. Each part lives in a
module of its own; this one says in which order they work.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tfrc.backend_rust import CrateOptions, Decisions, EmitError, Features, emit_crate
from tfrc.backend_rust.options import RESERVED_CRATES
from tfrc.compiler import describe, destination, tf2rust_layout
from tfrc.compiler.choices import Emit, Layout, Runtime, Spelling, Weights
from tfrc.compiler.context import context
from tfrc.compiler.decisions import decisions
from tfrc.compiler.drawing import graph_png, graph_svg
from tfrc.compiler.draws import Inputs, draw_inputs
from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import Imported, ImportOptions, load
from tfrc.compiler.html_report import UNPLANNED, Snapshot, page
from tfrc.compiler.module import module_text, write_weights
from tfrc.compiler.pass_manager import Observer, PassManager, Times, Watch, parse_passes
from tfrc.compiler.progress import Progress
from tfrc.compiler.recording import FeaturesFile, draw_steps, record
from tfrc.compiler.tolerance import USUAL, allowance, sensitivity, tolerance
from tfrc.compiler.tuning import Tuning
from tfrc.compiler.verify_each import VerifyEach
from tfrc.ir.weights import CompilerContext
from tfrc.passes import FAST_CONVOLUTION, OPTIONAL, PIPELINES
from tfrc.passes.select_kernels import SelectKernelsPass

STOPS: Mapping[Emit, str] = {
    "tf-ir": "legalize-tf",
    "nn-ir": "select-kernels",
    "json": "select-kernels",
    "dot": "select-kernels",
    "svg": "select-kernels",
    "png": "select-kernels",
}
"""The pass before which the pipeline ends for what is emitted."""

TUNED = 3
"""The lowest level that measures kernels."""

TEXTS: Mapping[Emit, Callable[[ModuleOp], str]] = {
    "tf-ir": module_text,
    "nn-ir": module_text,
    "rt-ir": module_text,
    "json": describe.to_json,
    "dot": describe.to_dot,
    "svg": graph_svg,
}
"""What is one text."""


@dataclass(frozen=True)
class CompileOptions:
    """The flags of `tfrc compile`."""

    output: Path | None = None
    """Where to; None prints the text of anything but a crate."""
    emit: Emit = "rust"
    level: int = 2
    passes: str | None = None
    """A pipeline in place of the level's, as `-p` takes it."""
    inplace: bool = True
    memdrop: bool = True
    exact_convolution: bool = False
    """Whether convolutions sum the products themselves, without Winograd's transforms."""
    tuning: Path | None = None
    """The file of what -O3 measured; None: one in the user's cache."""
    force: bool = False
    imports: ImportOptions = field(default_factory=ImportOptions)
    model_name: str | None = None
    """Of the crate, and of its struct: `<name>Model`; None: that of the output folder, `Model`."""
    binary_classification: bool | None = None
    """Whether the crate makes decisions of scores; None: if its only output is a probability."""
    thresholds: Path | None = None
    """JSON: from which score on a decision has which confidence; None: zeros."""
    features: Path | None = None
    """An npz file of inputs, and of the expected `predictions`; None: inputs are drawn."""
    layout: Layout = "crate"
    weights: Weights = "embed"
    runtime: Runtime = "bundled"
    tolerance: float | None = None
    """Of the crate's test, relative to an output's largest magnitude; None: `tolerance(module)`."""
    profile: bool = False
    """Whether the crate times its kernel calls, for `tfrc bench`."""
    spelling: Spelling = field(default_factory=Spelling)
    """What messages call these options."""
    watch: Watch = field(default_factory=Watch)
    verify_each: bool = False


@dataclass(frozen=True)
class Report:
    """What a compilation did, for a person or as JSON."""

    source: str
    emit: Emit
    output: Path | None
    crate: Path | None
    """The crate's folder, which is in `output` or is it."""
    text: str | None
    """What to print, if there is no output file."""
    files: tuple[str, ...]
    weight_bytes: int
    arena_bytes: Mapping[str, str]
    """Signature → peak bytes of its buffers, linear in the batch size N."""
    seconds: Mapping[str, float]
    """Phase → time."""
    pass_times: Times
    warnings: Sequence[str]

    def times(self) -> str:
        """How long each pass took, and each phase."""
        phases = [f"{phase:10}  {seconds:8.3f} s" for phase, seconds in self.seconds.items()]
        return "\n".join([self.pass_times.table(), *phases])

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "source": self.source,
            "emit": self.emit,
            "output": str(self.output) if self.output else None,
            "files": list(self.files),
            "weight_bytes": self.weight_bytes,
            "arena_bytes": dict(self.arena_bytes),
            "seconds": {k: round(v, 3) for k, v in self.seconds.items()},
            "pass_seconds": [[name, round(s, 4)] for name, s in self.pass_times.rows],
            "warnings": list(self.warnings),
        }


def pipeline(options: CompileOptions) -> list[ModulePass]:
    """The passes that `options` ask for. Errors: ModelError if there is no such pass or level."""
    if options.passes is not None:
        return parse_passes(options.passes)
    level = f"O{options.level}"
    if level not in PIPELINES:
        raise ModelError(f"-{level}: the levels are {', '.join(f'-{name}' for name in PIPELINES)}")
    specs = list(PIPELINES[level])
    if options.emit in STOPS:
        specs = specs[: specs.index(STOPS[options.emit])]
    wanted = {"inplace": options.inplace, "memdrop": options.memdrop}
    left_out = {OPTIONAL[flag] for flag, is_wanted in wanted.items() if not is_wanted}
    exact = options.exact_convolution or options.level < FAST_CONVOLUTION
    return [
        replace(each, exact_convolution=exact) if isinstance(each, SelectKernelsPass) else each
        for each in parse_passes(specs)
        if each.name not in left_out
    ]


class Clock:
    """Times phases: `clock("import")` ends the phase before and begins this one."""

    def __init__(self, progress: Progress):
        self.progress = progress
        self.seconds: dict[str, float] = {}
        self.phase: str | None = None
        self.start = 0.0

    def __call__(self, phase: str | None, saying: str = "") -> None:
        now = time.perf_counter()
        if self.phase is not None:
            self.seconds[self.phase] = now - self.start
        self.phase, self.start = phase, now
        if phase is not None:
            self.progress.say(saying or phase)


def compile_model(
    model: Any,
    options: CompileOptions,
    progress: Progress | None = None,
    observers: Sequence[Observer] = (),
) -> Report:
    """Compile a path, a Keras model or a tf.function, and write the result.

    `observers` see the module after each pass.

    Errors: ModelError for whatever the user can mend; nothing is written then.
    """
    progress = progress or Progress()
    if options.tuning is not None and options.level < TUNED:
        raise ModelError(f"--tuning {options.tuning}: kernels are measured with -O{TUNED} only")
    if options.output is not None:
        parents = options.layout == "tf2rust"
        destination.check(
            options.output, options.force, makes_parents=parents, option=options.spelling.output
        )
    elif options.emit == "rust":
        raise ModelError("-o is missing: say which folder the crate goes to")
    try:
        if options.emit == "rust":
            crate_options(options, "a model").check()
        return _Compilation(model, options, progress, observers).run()
    except EmitError as error:
        raise ModelError(str(error)) from error
    finally:
        progress.done()


class _Compilation:
    def __init__(
        self,
        model: Any,
        options: CompileOptions,
        progress: Progress,
        observers: Sequence[Observer],
    ):
        self.model = model
        self.observers = observers
        self.options = options
        self.progress = progress
        self.clock = Clock(progress)
        self.times = Times()
        self.warnings: list[str] = []
        self.decisions: Decisions | None = None
        self.file: FeaturesFile | None = None
        self.steps: Inputs = {}

    def run(self) -> Report:
        passes = pipeline(self.options)
        observers: list[Observer] = [self.progress, self.times, *self.observers]
        observers += self.options.watch.observers(sys.stderr)
        self.clock("import", "importing TensorFlow and the model")
        imports = replace(self.options.imports, needs_layers=self.options.layout == "tf2rust")
        imported = load(self.model, imports)
        self.warnings += imported.warnings
        self.decisions = decisions(
            imported,
            self.options.binary_classification,
            self.options.thresholds,
            self.options.spelling.binary_classification,
        )
        inputs = self.inputs(imported)
        if inputs is not None and self.options.emit == "rust":
            self.steps = draw_steps(imported, inputs)
        least = tolerance(imported.module)
        if self.options.verify_each:
            if inputs is None:
                raise ModelError("--verify-each needs inputs that can be drawn")
            observers.append(VerifyEach(inputs, imported.runner))
        tuning = self.tuning(imported) if self.options.level >= TUNED else None
        ctx = context(imported.weights, tuning)
        snapshot = Snapshot(imported.source, _last_on_tensors(passes))
        if self.options.emit == "html":
            observers.append(snapshot)
        self.clock("passes")
        with tuning or nullcontext():
            PassManager(passes, observers).run(ctx, imported.module)
        if self.options.emit == "html":
            snapshot.finish(imported.module)
            return self.written(imported, page(snapshot, self.warnings).encode())
        if self.options.emit == "png":
            return self.written(imported, graph_png(imported.module))
        if self.options.emit == "rust":
            return self.crate(imported, ctx, inputs, least)
        return self.text(imported, ctx)

    def tuning(self, imported: Imported) -> Tuning:
        """What measures kernels, for a model of this size."""
        weights = sum(array.nbytes for array in imported.weights.values())
        return Tuning(self.options.tuning, weights, self.progress)

    def inputs(self, imported: Imported) -> Inputs | None:
        """Drawn inputs; None, with a warning, if nothing can be drawn."""
        if self.options.emit != "rust" and not self.options.verify_each:
            return None
        if self.options.features is not None:
            option = self.options.spelling.features
            self.file = FeaturesFile(self.options.features, imported, option)
            return self.file.inputs
        try:
            return draw_inputs(imported.module)
        except ModelError as error:
            self.warnings.append(f"the crate has no test against TensorFlow: {error}")
            return None

    def written(self, imported: Imported, contents: bytes) -> Report:
        """Write a file that is not for reading in a terminal."""
        if self.options.output is None:
            raise ModelError(f"-o is missing: say which file the {self.options.emit} goes to")
        with destination.file(self.options.output) as path:
            path.write_bytes(contents)
        return self.report(imported, (self.options.output.name,), None)

    def text(self, imported: Imported, ctx: CompilerContext) -> Report:
        """Write or return the text of the module."""
        text = TEXTS[self.options.emit](imported.module)
        files: tuple[str, ...] = ()
        if self.options.output is not None:
            with destination.file(self.options.output) as path:
                path.write_text(text)
                if self.options.emit.endswith("-ir"):
                    write_weights(imported.module, ctx, path)
                files = tuple(sorted(made.name for made in path.parent.iterdir()))
        return self.report(imported, files, text)

    def crate(
        self,
        imported: Imported,
        ctx: CompilerContext,
        inputs: Inputs | None,
        least: float,
    ) -> Report:
        """Record features and write the crate."""
        assert self.options.output is not None
        self.clock("features", "running TensorFlow on drawn inputs")
        features = None
        if inputs is not None:
            features = record(imported, inputs, self.steps, self.warnings)
        allowed = self.allowed(imported, features, least)
        if features is not None and self.file is not None:
            features = self.file.expect(features, self.decisions, allowed, self.warnings)
        self.clock("write", "writing the crate")
        crate = crate_options(self.options, imported.source, allowed, self.decisions)
        with destination.folder(self.options.output) as path:
            target = path / crate_folder(self.options)
            target.mkdir(exist_ok=True)
            emitted = emit_crate(imported.module, ctx.weights, crate, target, features)
            if self.options.layout == "tf2rust":
                tf2rust_layout.write_model(path, imported.layers)
            files = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        return self.report(
            imported,
            tuple(files),
            None,
            emitted.weight_bytes,
            {name: str(dim) for name, dim in emitted.arena_bytes.items()},
        )

    def allowed(
        self, imported: Imported, features: Mapping[str, Features] | None, least: float
    ) -> float:
        """The tolerance of the crate's test; a warning if the model amplifies rounding errors."""
        if self.options.tolerance is not None or features is None:
            return least if self.options.tolerance is None else self.options.tolerance
        moved = sensitivity(imported.runner, features)
        allowed = allowance(least, moved)
        if allowed > least:
            self.warnings.append(
                f"the model amplifies rounding errors: inputs that are off by an ulp move an "
                f"output by {moved:.1e} of its largest value in TensorFlow, so the crate's test "
                f"allows {allowed:g}; set it with --tolerance"
            )
        return allowed

    def report(
        self,
        imported: Imported,
        files: tuple[str, ...],
        text: str | None,
        weight_bytes: int = 0,
        arena_bytes: Mapping[str, str] | None = None,
    ) -> Report:
        self.clock(None)
        emit, output = self.options.emit, self.options.output
        return Report(
            source=imported.source,
            emit=emit,
            output=output,
            crate=output / crate_folder(self.options) if output and emit == "rust" else None,
            text=text if output is None else None,
            files=files,
            weight_bytes=weight_bytes,
            arena_bytes=arena_bytes or {},
            seconds=self.clock.seconds,
            pass_times=self.times,
            warnings=self.warnings,
        )


def _last_on_tensors(passes: Sequence[ModulePass]) -> int:
    """The number of the pass before kernels are selected; of the last pass if none are."""
    names = [each.name for each in passes]
    return names.index(UNPLANNED[0]) if UNPLANNED[0] in names else len(names)


def crate_options(
    options: CompileOptions, source: str, allowed: float = USUAL, decisions: Decisions | None = None
) -> CrateOptions:
    """The backend's options. Errors: EmitError if the model's name is none."""
    assert options.output is not None
    return CrateOptions(
        name=crate_name(options.model_name or options.output.resolve().name),
        struct=struct_name(options.model_name) if options.model_name else CrateOptions.struct,
        weights=options.weights,
        runtime=options.runtime,
        source=source,
        tolerance=allowed,
        layout=options.layout,
        decisions=decisions,
        profile=options.profile,
    )


def crate_folder(options: CompileOptions) -> str:
    """Where the crate lies in the output folder."""
    return tf2rust_layout.CRATE if options.layout == "tf2rust" else "."


def struct_name(model: str) -> str:
    """`my-net` as the name of a struct: `MyNetModel`."""
    words = re.split(r"[^0-9A-Za-z]+", model)
    return "".join(word[:1].upper() + word[1:] for word in words) + "Model"


def crate_name(model: str) -> str:
    """The name of a model or a folder, as the name of a crate: letters, digits, `_` and `-`."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", model).strip("-").lower()
    if name in RESERVED_CRATES:
        return f"{name}-model"
    return name if name[:1].isalpha() else f"model-{name}".rstrip("-")
