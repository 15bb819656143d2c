"""What `-O3` measures: how long each way to compute a layer takes on this machine.

A program of tf-layers (`examples/tune.rs`) is built once and asked about one layer after another.
The answers are kept in a file, so that a layer is measured once, and a compilation with the same
file gives the same crate on any machine:

    {"machine": "…", "microseconds": {"conv2d 56 56 64 …": {"direct 14x32": 2050.1, …}, …}}
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from tfrc.backend_rust.crate import RUNTIME
from tfrc.compiler import destination
from tfrc.compiler.cargo import cache, cargo, cargo_environment
from tfrc.compiler.errors import ModelError
from tfrc.compiler.progress import Progress
from tfrc.passes.tuning import Way

Times = dict[str, float]


class Tuning:
    """Answers from a file, or from measuring; a context manager that writes what is new.

    Errors: ModelError if the file is not one of these, or cargo is missing or fails.
    """

    def __init__(self, file: Path | None, weight_bytes: int, progress: Progress):
        self.file = file or cache() / "tuning.json"
        self.progress = progress
        self.streamed = streamed(weight_bytes)
        self.known = read(self.file)
        self.is_new = False
        self.program: subprocess.Popen[str] | None = None

    def __enter__(self) -> Tuning:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self.program is not None:
            with self.program:
                self.program.kill()
        if self.is_new and kind is None:
            self.write()

    def __call__(self, layer: str) -> Mapping[str, float]:
        """Microseconds of each way to compute `layer`."""
        key = f"{layer} after {self.streamed >> 20} MiB"
        if key not in self.known:
            self.progress.say(f"measuring {layer}")
            self.known[key] = self.measure(layer)
            self.is_new = True
        return self.known[key]

    def measure(self, layer: str) -> Times:
        """Ask the program, which is built at the first question."""
        if self.program is None:
            command = [cargo(), "run", "--release", "--quiet", "--example", "tune", "--"]
            self.program = subprocess.Popen(
                [*command, str(self.streamed)],
                cwd=RUNTIME,
                env=cargo_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        program = self.program
        assert program.stdin is not None
        assert program.stdout is not None
        try:
            program.stdin.write(f"{layer}\n")
            program.stdin.flush()
        except BrokenPipeError:
            pass  # its message is in stderr
        answer = program.stdout.readline()
        if not answer:
            _, errors = program.communicate()
            raise ModelError(f"kernels cannot be measured: {errors.strip()[-400:]}")
        return cast(Times, json.loads(answer))

    def write(self) -> None:
        """Add what was measured to the file."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # Another compilation may have added to it meanwhile.
        merged = {**read(self.file), **self.known}
        # Layers are sorted; the ways of one keep their order, of which the first one has a meaning.
        contents = {"machine": machine(), "microseconds": dict(sorted(merged.items()))}
        text = json.dumps(contents, indent=1)
        with destination.file(self.file) as path:
            path.write_text(f"{text}\n")


def streamed(weight_bytes: int) -> int:
    """Bytes that pass through the caches between two runs of a layer: the model's weights.

    Rounded to a power of two, so that models of about the same size share what was measured; none
    below 1 MiB, which stay in the caches, and no more than any cache holds.
    """
    size = 1 << max(weight_bytes - 1, 0).bit_length()
    return 0 if size < 1 << 20 else min(size, 1 << 26)


def machine() -> str:
    """The processor's name, for a person who reads the file."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def read(file: Path) -> dict[str, Times]:
    """What was measured before. Errors: ModelError if the file holds anything else."""
    if not file.exists():
        return {}
    try:
        contents: Any = json.loads(file.read_text())
        known = {
            str(layer): {str(way): float(time) for way, time in times.items()}
            for layer, times in contents["microseconds"].items()
        }
        for times in known.values():
            for way in times:
                Way.parse(way)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file} does not hold what tfrc measured ({error}): remove it, or name another file"
        ) from None
    return known
