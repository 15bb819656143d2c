"""`tfrc opt`: read IR text or a model, run the named passes, print IR text.

The tool of golden tests, and of anyone who wants to see what one pass does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import IO

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError
from xdsl.xdsl_opt_main import xDSLOptMain

from tfrc.compiler.context import context
from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import load
from tfrc.compiler.module import DumpPrinter, write_weights
from tfrc.compiler.pass_manager import PassManager, Times, Watch, parse_passes
from tfrc.ir.weights import WeightStore
from tfrc.passes import PASSES

MODELS = ("pb", "pbtxt", "keras", "h5")
"""File extensions that go through the front end, besides `mlir`."""


class TfrcOpt(xDSLOptMain):
    """`tfrc opt`, with the arguments of its command line."""

    def __init__(self, args: Sequence[str]):
        super().__init__("Read IR text or a model, run passes, print IR text.", args)

    def register_all_dialects(self) -> None:
        self.ctx = self.compiler_ctx = context()

    def register_all_passes(self) -> None:
        for name, cls in PASSES.items():
            self.register_pass(name, lambda cls=cls: cls)

    def register_all_frontends(self) -> None:
        super().register_all_frontends()
        for extension in MODELS:
            self.available_frontends[extension] = self.read_model

    def register_all_targets(self) -> None:
        self.available_targets["mlir"] = self.print_module

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        arg_parser.prog = "tfrc opt"
        super().register_all_arguments(arg_parser)
        arg_parser.add_argument(
            "--weights",
            type=Path,
            help="safetensors file of the weights; default: FILE.safetensors beside FILE.mlir",
        )
        arg_parser.add_argument(
            "--print-ir-after-all", action="store_true", help="print the IR after every pass"
        )
        arg_parser.add_argument(
            "--print-ir-after",
            metavar="PASS",
            action="append",
            default=[],
            help="print the IR after the passes of that name",
        )
        arg_parser.add_argument(
            "--dump-ir",
            type=Path,
            metavar="DIR",
            help="write the IR after each pass that changed it",
        )

    def setup_pipeline(self) -> None:
        self.times = Times()
        watch = Watch(
            print_ir_after_all=self.args.print_ir_after_all or self.args.print_between_passes,
            print_ir_after=tuple(self.args.print_ir_after),
            dump_ir=self.args.dump_ir,
        )
        observers = [*watch.observers(sys.stdout), self.times]
        self.manager = PassManager(parse_passes(self.args.passes), observers)

    def get_input_stream(self) -> tuple[IO[bytes], str]:
        path = self.args.input_file
        if path is not None and Path(path).is_dir():
            return BytesIO(), "pb"
        if path is not None and not Path(path).exists():
            raise ModelError(f"{path} does not exist")
        return super().get_input_stream()

    def read_model(self, _: IO[bytes]) -> ModuleOp:
        """Import a model by its file name; its weights go into the context."""
        imported = load(self.args.input_file)
        self.use_weights(imported.weights)
        return imported.module

    def use_weights(self, weights: WeightStore) -> None:
        self.compiler_ctx.weights = weights

    def prepare_input(self) -> tuple[list[tuple[IO[bytes], int]], str]:
        path: Path | None = self.args.weights
        if path is None and self.args.input_file is not None:
            beside = Path(self.args.input_file).with_suffix(".safetensors")
            path = beside if beside.exists() else None
        if path is not None:
            if not path.exists():
                raise ModelError(f"--weights {path}: there is no such file")
            self.use_weights(WeightStore.load(path))
        return super().prepare_input()

    def parse_chunk(
        self, chunk: IO[bytes], file_extension: str, start_offset: int = 0
    ) -> ModuleOp | None:
        """The module of a piece of the input.

        Errors: ParseError, ModelError where xDSL's parser gives up with an error of Python's.
        """
        try:
            return super().parse_chunk(chunk, file_extension, start_offset)
        except ValueError as error:
            reason = " ".join(map(str, error.args)) if type(error) is ValueError else str(error)
            raise ModelError(f"{self.input_name()} is no IR text: {reason}") from error

    def input_name(self) -> str:
        """The input file, as messages name it."""
        return self.args.input_file or "the standard input"

    def apply_passes(self, prog: ModuleOp) -> None:
        prog.verify()
        self.manager.run(self.compiler_ctx, prog)
        if self.args.time_passes:
            print(self.times.table(), file=sys.stderr)
        if self.args.output_file is not None:
            write_weights(prog, self.compiler_ctx, Path(self.args.output_file))

    def print_module(self, module: ModuleOp, output: IO[str]) -> None:
        """The `mlir` target."""
        cls = Printer if self.args.print_op_generic else DumpPrinter
        stream = StringIO()
        cls(stream, print_generic_format=self.args.print_op_generic).print_op(module)
        print(stream.getvalue(), file=output)


def main(args: Sequence[str]) -> None:
    """Run `tfrc opt ARGS`. Errors: ModelError for what a user can mend."""
    tool = TfrcOpt(args)
    try:
        tool.run()
    except ParseError as error:
        span = error.span
        before = span.input.content[: span.start]
        newline = "\n" if isinstance(before, str) else b"\n"
        line = before.count(newline) + 1 + span.line_offset  # pyright: ignore[reportArgumentType]
        raise ModelError(f"{tool.input_name()}, line {line}: {error.msg}") from error
