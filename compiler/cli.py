"""The `tfrc` command: parses arguments and prints results, and does nothing else.

Everything heavy is imported inside the commands, so that `tfrc --help` is quick.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from tfrc.compiler.choices import TF2RUST_SPELLING, Emit, Layout, Runtime, WeightFormat, Weights

if TYPE_CHECKING:
    from tfrc.compiler.driver import Report
    from tfrc.compiler.frontend import ImportOptions


class Commands(TyperGroup):
    """Every command, with the one place where a model's faults become a message."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what a user can mend is one sentence and exit code 1."""
        from tfrc.compiler.errors import ModelError

        try:
            return super().invoke(ctx)
        except (ModelError, OSError) as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Model = Annotated[
    Path, typer.Argument(help="A .pb, .pbtxt, .keras or .h5 file, or a SavedModel folder.")
]
Inputs = Annotated[
    list[str] | None, typer.Option("--inputs", help="Input nodes, a,b; default: placeholders.")
]
Outputs = Annotated[
    list[str] | None, typer.Option("--outputs", help="Output nodes, a,b; default: the sinks.")
]
InputShapes = Annotated[
    list[str] | None,
    typer.Option("--input-shape", help="x=1,224,224,3 or x=N,224,224,3; once for each input."),
]
Signatures = Annotated[
    list[str] | None, typer.Option("--signature", help="Only these signatures of a SavedModel.")
]


def split(values: list[str] | None) -> tuple[str, ...]:
    """The names in `a,b` and in repeated flags."""
    return tuple(name for value in values or () for name in value.split(",") if name)


def import_options(
    inputs: list[str] | None,
    outputs: list[str] | None,
    input_shapes: list[str] | None,
    signatures: list[str] | None,
) -> ImportOptions:
    """What the flags say about the import."""
    from tfrc.compiler.frontend import ImportOptions, parse_input_shape

    shapes = dict(parse_input_shape(text) for text in input_shapes or ())
    return ImportOptions(split(inputs), split(outputs), shapes, split(signatures))


@app.callback()
def tfrc() -> None:
    """Compile TensorFlow graphs to straight-line Rust."""


@app.command()
def compile(
    model: Model,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The crate's folder, or the file of another --emit."),
    ] = None,
    level: Annotated[int, typer.Option("-O", min=0, max=3, help="Optimisation level.")] = 2,
    emit: Annotated[Emit, typer.Option(help="What to make.")] = "rust",
    force: Annotated[bool, typer.Option("--force", help="Replace what -o names.")] = False,
    inputs: Inputs = None,
    outputs: Outputs = None,
    input_shape: InputShapes = None,
    signature: Signatures = None,
    inplace: Annotated[
        bool,
        typer.Option(
            "--enable-inplace/--no-enable-inplace", help="Let outputs reuse their inputs' memory."
        ),
    ] = True,
    memdrop: Annotated[
        bool,
        typer.Option(
            "--enable-memdrop/--no-enable-memdrop", help="End buffers after their last use."
        ),
    ] = True,
    tuning: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON", help="What -O3 measured; default: a file in the user's cache."
        ),
    ] = None,
    exact_convolution: Annotated[
        bool,
        typer.Option(
            "--exact-convolution", help="No Winograd transforms: slower, smaller rounding errors."
        ),
    ] = False,
    model_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the crate, whose struct is then NAMEModel."),
    ] = None,
    binary_classification: Annotated[
        bool | None,
        typer.Option(
            "--binary-classification/--no-binary-classification",
            help="Make decisions of scores; default: if the only output is a probability.",
        ),
    ] = None,
    thresholds: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="From which score on a decision has which confidence."),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="NPZ", help="Inputs and predictions that the crate's test has; default: drawn."
        ),
    ] = None,
    layout: Annotated[
        Layout, typer.Option(help="The crate alone, or the folders that tf2rust makes.")
    ] = "crate",
    weights: Annotated[Weights, typer.Option(help="In the binary, or in a file.")] = "embed",
    runtime: Annotated[Runtime, typer.Option(help="Where tf-layers comes from.")] = "bundled",
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="Of the crate's test, relative to an output's largest value."),
    ] = None,
    passes: Annotated[
        str | None, typer.Option("-p", "--passes", help="These passes in place of the level's.")
    ] = None,
    print_ir_after_all: Annotated[
        bool, typer.Option("--print-ir-after-all", help="Print the IR after every pass.")
    ] = False,
    print_ir_after: Annotated[
        list[str] | None, typer.Option(metavar="PASS", help="Print the IR after a pass.")
    ] = None,
    dump_ir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the IR after each pass that changed it."),
    ] = None,
    time_passes: Annotated[
        bool, typer.Option("--time-passes", help="Print how long each pass took.")
    ] = False,
    verify_each: Annotated[
        bool, typer.Option("--verify-each", help="Run the module after each pass and compare.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compile a model to a Rust crate, or to IR."""
    from tfrc.compiler.driver import CompileOptions, compile_model
    from tfrc.compiler.pass_manager import Watch

    report = compile_model(
        model,
        CompileOptions(
            output=output,
            emit=emit,
            level=level,
            passes=passes,
            inplace=inplace,
            memdrop=memdrop,
            tuning=tuning,
            exact_convolution=exact_convolution,
            force=force,
            imports=import_options(inputs, outputs, input_shape, signature),
            model_name=model_name,
            binary_classification=binary_classification,
            thresholds=thresholds,
            features=features,
            layout=layout,
            tolerance=tolerance,
            weights=weights,
            runtime=runtime,
            watch=Watch(print_ir_after_all, split(print_ir_after), dump_ir),
            verify_each=verify_each,
        ),
    )
    if time_passes:
        typer.echo(report.times(), err=True)
    show(report, as_json)


WORDS = {
    **dict.fromkeys(("yes", "true", "t", "1"), True),
    **dict.fromkeys(("no", "false", "f", "0"), False),
}
"""What `tfrc tf2rust` takes for a flag, in any case of letters."""


def flag(name: str, word: str) -> bool:
    """The value of a flag that is a word. Errors: ModelError if it is another word."""
    from tfrc.compiler.errors import ModelError

    if word.lower() not in WORDS:
        raise ModelError(f"--{name} {word}: write True or False")
    return WORDS[word.lower()]


def word_option(name: str) -> Any:
    """An option of `tfrc tf2rust` whose value is True or False."""
    text = f"As --{name.replace('_', '-')}."
    return typer.Option(f"--{name}", metavar="True|False", help=text)


@app.command("tf2rust")
def tf2rust(
    path_to_tf_model: Annotated[
        Path,
        typer.Option("--path_to_tf_model", help="A .keras or .h5 file, or a folder of Keras 2."),
    ],
    path_to_save: Annotated[
        Path, typer.Option("--path_to_save", help="Becomes the two folders; replaced if it is one.")
    ],
    model_name: Annotated[
        str, typer.Option("--model_name", metavar="NAME", help="The struct is NAMEModel.")
    ],
    binary_classification: Annotated[str | None, word_option("binary_classification")] = None,
    enable_inplace: Annotated[str, word_option("enable_inplace")] = "True",
    enable_memdrop: Annotated[str, word_option("enable_memdrop")] = "True",
    path_to_fv: Annotated[
        Path | None, typer.Option("--path_to_fv", metavar="NPZ", help="As --features.")
    ] = None,
) -> None:
    """Compile with the arguments and the folders of CrowdStrike's tf2rust."""
    from tfrc.compiler.driver import CompileOptions, compile_model

    decides = binary_classification
    report = compile_model(
        path_to_tf_model,
        CompileOptions(
            output=path_to_save,
            layout="tf2rust",
            force=True,
            inplace=flag("enable_inplace", enable_inplace),
            memdrop=flag("enable_memdrop", enable_memdrop),
            model_name=model_name,
            binary_classification=flag("binary_classification", decides) if decides else None,
            features=path_to_fv,
            spelling=TF2RUST_SPELLING,
        ),
    )
    show(report)


def show(report: Report, as_json: bool = False) -> None:
    """Print what was done, and what is worth a look."""
    for warning in report.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=1))
    elif report.text is not None:
        typer.echo(report.text, nl=False)
    else:
        typer.echo(summary(report))


def summary(report: Report) -> str:
    """What was written, and what to do next."""
    seconds = f"{sum(report.seconds.values()):.1f} s"
    if report.emit != "rust":
        return f"wrote {report.output} ({report.emit} of {report.source}) in {seconds}"
    arenas = ", ".join(f"{size} bytes for {name}" for name, size in report.arena_bytes.items())
    return (
        f"wrote {report.output} in {seconds}: {len(report.files)} files, "
        f"{report.weight_bytes / 1e6:.1f} MB of weights, arena {arenas}\n"
        f"next: cd {report.crate} && cargo test --release && cargo bench"
    )


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def opt(arguments: typer.Context) -> None:
    """Read IR text or a model, run passes, print IR text."""
    from tfrc.compiler.opt import main

    main(arguments.args)


@app.command()
def inspect(
    model: Model,
    inputs: Inputs = None,
    outputs: Outputs = None,
    input_shape: InputShapes = None,
    signature: Signatures = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a model's signatures, parameters and operations, and what is not supported."""
    from tfrc.compiler.inspection import inspect

    found = inspect(model, import_options(inputs, outputs, input_shape, signature))
    typer.echo(json.dumps(found.as_json(), indent=1) if as_json else found.as_text())


@app.command()
def bench(
    model: Model,
    level: Annotated[int, typer.Option("-O", min=0, max=3, help="Optimisation level.")] = 2,
    inputs: Inputs = None,
    outputs: Outputs = None,
    input_shape: InputShapes = None,
    signature: Signatures = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples at once.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads.")] = 1,
    seconds: Annotated[float, typer.Option(min=0, help="How long to measure.")] = 2.0,
    profile: Annotated[
        bool, typer.Option("--profile", help="Print the time of each kernel call.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build a model's crate and time it on this machine."""
    from tfrc.compiler.benchmark import bench
    from tfrc.compiler.driver import CompileOptions

    imports = import_options(inputs, outputs, input_shape, signature)
    timing = bench(model, CompileOptions(level=level, imports=imports), batch, threads, seconds)
    if as_json:
        typer.echo(json.dumps(timing.as_json(), indent=1))
        return
    if profile:
        typer.echo(timing.table())
    typer.echo(timing.summary())


@app.command("export-weights")
def export_weights(
    state: Annotated[Path, typer.Argument(help="The safetensors file that the crate has saved.")],
    model: Annotated[Path, typer.Option(help="The SavedModel that the crate was compiled from.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file or folder to make.")],
    to: Annotated[WeightFormat, typer.Option(help="A SavedModel, or arrays by path.")] = "npz",
) -> None:
    """Take variables that a crate has learnt back to Python."""
    from tfrc.compiler.export import export_weights

    count = export_weights(state, model, to, output)
    typer.echo(f"wrote {output} with {count} variables of {state}")


@app.command()
def passes() -> None:
    """List the passes, and the lowest level that runs each."""
    from tfrc.compiler import catalog

    for name, level, line in catalog.passes():
        typer.echo(f"{name:28} {level:4} {line}")


@app.command()
def ops() -> None:
    """List the TensorFlow ops that are supported, and the operations of `nn`."""
    from tfrc.compiler import catalog

    themes = catalog.tf_ops()
    typer.echo(f"TensorFlow ops ({sum(map(len, themes.values()))}):")
    for theme, names in themes.items():
        typer.echo(f"  {theme}: {', '.join(names)}")
    typer.echo("\nnn operations:")
    for name, line in catalog.nn_ops():
        typer.echo(f"  {name:24} {line}")
