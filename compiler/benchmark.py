"""`tfrc bench`: how long the crate of a model takes on this machine, kernel call by kernel call.

The crate is compiled with a clock after each call into a temporary folder, built by cargo and run.
What cargo builds is kept in the user's cache folder, so that tf-layers compiles once.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tfrc.backend_rust.names import scope_of
from tfrc.compiler.cargo import cargo, cargo_environment
from tfrc.compiler.driver import CompileOptions, compile_model
from tfrc.compiler.errors import ModelError
from tfrc.compiler.flops import call_bytes, call_flops
from tfrc.compiler.module import functions
from tfrc.compiler.pass_manager import Step
from tfrc.compiler.progress import Progress
from tfrc.ir import rt
from tfrc.ir.tf import node_name


@dataclass(frozen=True)
class CallTime:
    """One kernel call: the median of its time, what it computes and touches at this batch size."""

    kernel: str
    nodes: Sequence[str]
    """The TensorFlow nodes that it stands for."""
    milliseconds: float
    flops: int
    bytes: int

    @property
    def gflops(self) -> float:
        """10⁹ FLOP/s."""
        return self.flops / (self.milliseconds * 1e6) if self.milliseconds else 0.0


@dataclass(frozen=True)
class Timing:
    """The median run of a signature, and its kernel calls in program order."""

    signature: str
    batch: int
    threads: int
    runs: int
    milliseconds: float
    peak_gflops: float
    """Of multiply-adds of vectors, times the threads. Products on AMX can be above it."""
    calls: Sequence[CallTime]

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        flops = sum(call.flops for call in self.calls)
        rate = flops / (self.milliseconds * 1e6)
        return (
            f"{self.signature}, batch {self.batch}, threads {self.threads}: "
            f"{self.milliseconds:.3f} ms (median of {self.runs} runs), "
            f"{rate:.1f} GFLOP/s, {rate / self.peak_gflops:.0%} of {self.peak_gflops:.0f}"
        )

    def table(self) -> str:
        """A line for each kernel call, and the time of each kernel over all its calls."""
        scope = scope_of(node for call in self.calls for node in call.nodes)
        rows = [f"{'ms':>9} {'%':>5} {'GFLOP/s':>8} {'peak':>5} {'GB/s':>6}  kernel: node"]
        for call in self.calls:
            share = call.milliseconds / self.milliseconds
            rate = f"{call.gflops:8.1f} {call.gflops / self.peak_gflops:5.0%}"
            speed = call.bytes / (call.milliseconds * 1e6) if call.milliseconds else 0.0
            first, *more = call.nodes
            others = f" and {len(more)} more" if more else ""
            rows.append(
                f"{call.milliseconds:9.4f} {share:5.1%} {rate if call.flops else ' ' * 14} "
                f"{speed:6.1f}  {call.kernel}: {first.removeprefix(scope).strip('/')}{others}"
            )
        rows += ["", f"{'ms':>9} {'%':>5} {'calls':>5}  kernel"]
        kernels = dict.fromkeys(call.kernel for call in self.calls)
        sums = {k: [c.milliseconds for c in self.calls if c.kernel == k] for k in kernels}
        for kernel, times in sorted(sums.items(), key=lambda item: -sum(item[1])):
            share = sum(times) / self.milliseconds
            rows.append(f"{sum(times):9.4f} {share:5.1%} {len(times):5}  {kernel}")
        return "\n".join(rows)


class LastModule:
    """Keeps the planned module of a compilation."""

    step: Step | None = None

    def __call__(self, step: Step) -> None:
        self.step = step

    def calls(self) -> tuple[str, list[rt.CallOp]]:
        """The name of the first signature, and its kernel calls."""
        assert self.step is not None
        name, function = next(iter(functions(self.step.module).items()))
        return name, rt.calls(function)


def bench(model: Any, options: CompileOptions, batch: int, threads: int, seconds: float) -> Timing:
    """Compile, build and time the first signature of a model.

    Errors: ModelError if the model does not compile, or cargo is missing or fails.
    """
    progress, last = Progress(), LastModule()
    with tempfile.TemporaryDirectory() as folder:
        crate = Path(folder) / "benched"
        compile_model(model, replace(options, output=crate, profile=True), progress, [last])
        progress.say("building the crate")
        command = [cargo(), "run", "--release", "--quiet", "--example", "profile", "--"]
        command += [str(batch), str(threads), str(seconds)]
        done = subprocess.run(
            command, cwd=crate, env=cargo_environment(), capture_output=True, text=True, check=False
        )
        progress.done()
    if done.returncode:
        raise ModelError(f"the crate cannot be timed: {done.stderr.strip()[-400:]}")
    measured = json.loads(done.stdout)
    signature, calls = last.calls()
    times = [
        CallTime(
            call.kernel_name,
            node_name(call.location).split(", "),
            milliseconds,
            call_flops(call, batch),
            call_bytes(call, batch),
        )
        for call, milliseconds in zip(calls, measured["calls_ms"], strict=True)
    ]
    peak = measured["peak_gflops"] * threads
    total = measured["total_ms"]
    return Timing(signature, batch, threads, measured["runs"], total, peak, times)
