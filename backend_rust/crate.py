"""The files of the generated crate."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from xdsl.dialects.builtin import ModuleOp, f32

from tfrc.backend_rust import rust
from tfrc.backend_rust.names import Scope
from tfrc.backend_rust.options import Array, CrateOptions, Decisions, EmitError, Features
from tfrc.backend_rust.regions import Regions
from tfrc.backend_rust.signatures import Signature, read_signatures
from tfrc.backend_rust.statements import Source
from tfrc.backend_rust.testdata import write_features
from tfrc.backend_rust.variables import Variable, VariableTable
from tfrc.backend_rust.weight_file import MAGIC, WeightFile
from tfrc.ir.dtype import size_of
from tfrc.ir.shape import Dim

TEMPLATES = Path(__file__).parent / "templates"

RUNTIME = Path(__file__).parents[1] / "runtime" / "tf-layers"
"""tf-layers beside this package, in a checkout and in a wheel alike."""

RUNTIME_FILES = ("Cargo.toml", "LICENSE*", "README.md", "src/**/*.rs")
"""What of tf-layers a generated crate holds."""

RUNTIME_VERSION = "0.1"

FILES: dict[str, str] = {
    "Cargo.toml": "Cargo.toml",
    "README.md": "README.md",
    "rustfmt.toml": "rustfmt.toml",
    "gitignore": ".gitignore",
    "src/lib.rs": "src/lib.rs",
    "src/arrays.rs": "src/arrays.rs",
    "src/model.rs": "src/model.rs",
    "src/weights.rs": "src/weights.rs",
    "benches/benchmarks.rs": "benches/benchmarks.rs",
    "examples/predict.rs": "examples/predict.rs",
}
"""Template → file."""

PROFILE_FILES = {
    "src/profile.rs": "src/profile.rs",
    "examples/profile.rs": "examples/profile.rs",
}
"""Template → file, of a crate that times its kernel calls."""

CLASSIFIER_FILES: dict[str, str] = {
    "build.rs": "build.rs",
    "src/decision.rs": "src/decision.rs",
}
"""Template → file, of what makes decisions of scores."""

STATE_FILES = {"src/state.rs": "src/state.rs", "examples/step.rs": "examples/step.rs"}
"""Template → file, of what a model with variables has."""

TEST_FILES = {"tests/predictions.rs": "tests/predictions.rs"}
"""Template → file, of what needs recorded features."""


@dataclass(frozen=True)
class Emitted:
    """What was written, for a report: files, bytes of the weights, of each signature's arena."""

    files: tuple[Path, ...]
    weight_bytes: int
    arena_bytes: Mapping[str, Dim]


def emit_crate(
    module: ModuleOp,
    weights: Mapping[str, Array],
    options: CrateOptions,
    directory: Path,
    features: Mapping[str, Features] | None = None,
) -> Emitted:
    """Write the crate for a planned `rt` module into `directory`, which exists and is empty.

    `features` has recorded arrays for each signature; without them there is no test against them.
    The same arguments give the same bytes. EmitError says what cannot be expressed.
    """
    options.check()
    constants = Scope()
    file = WeightFile(weights, constants)
    variables = VariableTable(module)
    source = Source(file, variables, constants, Regions(Scope(TYPE_NAMES, joint="")))
    signatures = read_signatures(module, source, options)
    refuse_giants({s.name: s.arena for s in signatures})
    initial = file.block(variables.initial(weights)) if variables.variables else 0
    values = template_values(options, signatures, source, features is not None)
    values["initial"] = rust.integer(initial)
    values["recorded"] = recorded(variables.variables, features or {})
    values["steps"] = max((f.steps for f in features.values()), default=0) if features else 0
    decisions = options.decisions
    chosen = {**FILES, **(CLASSIFIER_FILES if decisions is not None else {})}
    chosen |= PROFILE_FILES if options.profile else {}
    chosen |= STATE_FILES if variables.variables else {}
    texts = render(values, {**chosen, **(TEST_FILES if features is not None else {})})
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (directory / "model").mkdir()
    (directory / "model" / "weights.bin").write_bytes(file.contents())
    if decisions is not None or options.layout == "tf2rust":
        thresholds = {"dirty": dict((decisions or Decisions({})).thresholds)}
        (directory / "model" / "thresholds.json").write_text(
            json.dumps(thresholds, indent=2) + "\n"
        )
    if features is not None:
        (directory / "testdata").mkdir()
        target = directory / "testdata" / "features.npz"
        write_features(target, signatures, features, values["recorded"])
    rustfmt([directory / name for name in texts if name.endswith(".rs")])
    if options.runtime == "bundled":
        copy_runtime(directory / "tf-layers")
    return Emitted(
        files=tuple(sorted(p.relative_to(directory) for p in directory.rglob("*") if p.is_file())),
        weight_bytes=file.size,
        arena_bytes={s.name: s.arena for s in signatures},
    )


LARGEST_ARENA = 2**38
"""Bytes for one example, past which no machine is meant: 256 GiB."""


def refuse_giants(arenas: Mapping[str, Dim]) -> None:
    """Raise EmitError if a signature needs more memory for one example than machines have."""
    for name, arena in arenas.items():
        if arena.at(1) > LARGEST_ARENA:
            raise EmitError(
                f"signature '{name}' needs {arena.at(1) / 1e12:.1f} TB for one example: a tensor "
                "of the model is too large, look for it with tfrc inspect"
            )


TYPE_NAMES = ("Activation", "Arena", "Element", "Error", "Part", "Region", "Simd", "Threads")
"""Types that src/model.rs names, so that no region is called so."""

BASE_USES = frozenset({"Arena", "Element", "Error", "Part", "Threads", "Weights"})
"""What src/model.rs always needs of tf-layers."""


def model_uses(source: Source) -> list[str]:
    """What src/model.rs imports from tf-layers."""
    uses = {*BASE_USES, *source.uses}
    if source.regions.types:
        uses |= {"Region", "simd::Simd"}
    if any(rust.mentions(t, "math") for r in source.regions.types for t in (*r.lines, r.result)):
        uses.add("math")
    return sorted(uses)


def allowed_lints(source: Source, calls: list[str]) -> list[tuple[str, str]]:
    """What clippy may find in src/model.rs, each with the reason why it stays."""
    return [
        *(
            [("approx_constant", "the numbers are the model's")]
            if has_numbers(source, calls)
            else []
        ),
        *([("nonminimal_bool", "as in the model")] if any("!(" in c for c in calls) else []),
    ]


def has_numbers(source: Source, calls: list[str]) -> bool:
    """Whether src/model.rs has numbers of the model in it."""
    return bool(source.regions.types or source.params) or any("|" in call for call in calls)


def weight_uses(options: CrateOptions, has_constants: bool) -> list[str]:
    """What src/weights.rs imports from tf-layers."""
    return [
        *(["Aligned"] if options.weights == "embed" else []),
        *(["Part"] if has_constants else []),
    ]


def template_values(
    options: CrateOptions, signatures: list[Signature], source: Source, has_features: bool
) -> dict[str, Any]:
    """Everything that the templates refer to."""
    constants = source.weights.constants
    statements = [s for signature in signatures for s in signature.statements]
    scratch = max(s.thread_scratch for s in signatures)
    return {
        "options": options,
        "signatures": signatures,
        "description": json.dumps(f"Compiled from {options.source}", ensure_ascii=False),
        "title": f"A neural network, compiled from {options.source}.",
        "runtime": runtime_dependency(options),
        "example": example(options, signatures[0], is_doc=True),
        "readme_example": example(options, signatures[0], is_doc=False),
        "constants": constants,
        "weight_uses": weight_uses(options, bool(constants)),
        "size": rust.integer(source.weights.size),
        "header": rust.byte_string(MAGIC + source.weights.digest()),
        "weight_bytes": source.weights.size,
        "uses": model_uses(source),
        "uses_weights": bool(constants),
        "variables": source.variables.variables,
        "variable_parts": source.variables.parts,
        "variable_bytes": rust.integer(source.variables.size),
        "writers": [s for s in signatures if s.writes],
        "params": source.params,
        "regions": source.regions.types,
        "nothing": any("NOTHING" in line for s in statements for line in s.borrows),
        "allowed": allowed_lints(source, [s.call for s in statements]),
        "is_batched": any(s.is_batched for s in signatures),
        "checks_lengths": any(s.checked for s in signatures),
        "arena": largest_arena(signatures),
        "thread_scratch": rust.integer(scratch) if scratch else None,
        "thread_scratch_kib": -(-scratch * size_of(f32) // 1024),
        "results": largest_results(signatures),
        "tolerance": rust.floating(options.tolerance, "f64"),
        "reads_bools": any(t.is_bool for s in signatures for t in (*s.inputs, *s.outputs))
        or any(v.dtype == "BOOL" for v in source.variables.variables),
        "checks_floats": any(t.is_float for s in signatures for t in s.outputs)
        or any(v.is_float for v in source.variables.variables),
        "has_features": has_features,
        "has_vectors": any(s.vector for s in signatures),
        "decides": any(s.score is not None for s in signatures),
        "converts": frozenset[str]().union(*(s.vector.helpers for s in signatures if s.vector)),
        "array_types": array_types(signatures),
    }


def recorded(variables: Sequence[Variable], features: Mapping[str, Features]) -> list[Variable]:
    """The variables of which TensorFlow has a value: not the counters of random generators."""
    return [v for v in variables if any(v.path in f.variables for f in features.values())]


def array_types(signatures: list[Signature]) -> list[str]:
    """What src/arrays.rs imports from ndarray."""
    tensors = [t for s in signatures for t in (*s.inputs, *s.outputs)]
    return sorted({"ArrayView", *(t.dimension for t in tensors)})


def largest_arena(signatures: list[Signature]) -> str:
    """The bytes that any signature may need for `max_batch` examples."""
    return largest([f"model::{s.stem}_arena({s.batch_in_arena})" for s in signatures])


def largest_results(signatures: list[Signature]) -> str:
    """The bytes of the outputs of the signatures that run a few examples at a time."""
    return largest([s.result_bytes("max_batch") for s in signatures if s.micro_batch])


def largest(sizes: list[str]) -> str:
    """The largest of some expressions; empty if there are none."""
    if len(sizes) < 2:
        return "".join(sizes)
    first, *rest = sizes
    return "".join([f"({first})" if "+" in first else first, *(f".max({size})" for size in rest)])


def runtime_dependency(options: CrateOptions) -> str:
    """The value of the dependency `tf-layers` in Cargo.toml."""
    if options.runtime == "registry":
        return json.dumps(RUNTIME_VERSION)
    path = options.runtime_path or RUNTIME.resolve().as_posix()
    if options.runtime == "bundled":
        path = "tf-layers"
    return f'{{ path = {json.dumps(path, ensure_ascii=False)}, version = "{RUNTIME_VERSION}" }}'


def example(options: CrateOptions, signature: Signature, *, is_doc: bool) -> list[str]:
    """The use of the crate, as a program that runs."""
    make = "new()" if options.weights == "embed" else 'from_file("model/weights.bin")?'
    lines = [
        f"let model = {options.library}::{options.struct}::{make};",
        "let mut session = model.session(1);",
    ]
    for x in signature.inputs:
        lines.append(f"let {x.name} = vec![{x.sample}; {x.single}]; // {x.dims}")
    lines.append(f"let outputs = session.{signature.method}({signature.references})?;")
    y = signature.outputs[0]
    lines.append(
        f'println!("{{:?}} has the shape {{:?}}", outputs.{y.name}, outputs.{y.stem}_shape);'
    )
    return [*lines, f"# Ok::<(), {options.library}::Error>(())"] if is_doc else lines


def render(values: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, str]:
    """The text of each file."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return {
        target: environment.get_template(f"{template}.j2").render(values)
        for template, target in files.items()
    }


def rustfmt(files: list[Path]) -> None:
    """Format Rust files where rustfmt is installed; its rules are those of the crate."""
    program = shutil.which("rustfmt")
    if program is None:
        return
    done = subprocess.run(
        [program, "--edition", "2024", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        cwd=files[0].parent,
    )
    if done.returncode:
        raise EmitError(f"rustfmt refuses the generated source: {done.stderr.strip()}")


def copy_runtime(target: Path) -> None:
    """The sources of tf-layers, without its tests and benchmarks.

    Without its `[workspace]` table: the crate may stand in a user's workspace, and there is one
    workspace only.
    """
    for pattern in RUNTIME_FILES:
        for path in sorted(RUNTIME.glob(pattern)):
            copy = target / path.relative_to(RUNTIME)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    manifest = target / "Cargo.toml"
    manifest.write_text(without_workspace(manifest.read_text()))
    (target / "rustfmt.toml").write_text("# The defaults, whatever the crate around has.\n")


def without_workspace(manifest: str) -> str:
    """A manifest without its empty `[workspace]` table, and without the comment above it."""
    lines = manifest.splitlines(keepends=True)
    if "[workspace]\n" not in lines:
        return manifest
    at = lines.index("[workspace]\n")
    start = at
    while start and lines[start - 1].startswith("#"):
        start -= 1
    end = at + 1
    while end < len(lines) and not lines[end].strip():
        end += 1
    return "".join([*lines[:start], *lines[end:]])
