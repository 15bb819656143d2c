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
from tfrc.compiler.flops import call_bytes, call_flops, call_weight_bytes
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
    weight_bytes: int
    """Bytes of the weights among them, if it is a product."""

    def per_second(self, amount: int) -> float:
        """10⁹ per second, of what is done in this time."""
        return amount / (self.milliseconds * 1e6) if self.milliseconds else 0.0


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
    read_gbps: float
    """Of reading all weights one after the other, on all threads."""
    calls: Sequence[CallTime]

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)

    def roof(self, call: CallTime) -> float:
        """The share of a product's time that its multiply-adds or its weights' reading need.

        Above 1 where AMX computes, or where a small product's weights lie in a nearer cache than
        all weights do.
        """
        computed = call.per_second(call.flops) / self.peak_gflops
        return max(computed, call.per_second(call.weight_bytes) / self.read_gbps)

    def summary(self) -> str:
        """One line."""
        flops = sum(call.flops for call in self.calls)
        weights = sum(call.weight_bytes for call in self.calls)
        rate, read = (amount / (self.milliseconds * 1e6) for amount in (flops, weights))
        return (
            f"{self.signature}, batch {self.batch}, threads {self.threads}: "
            f"{self.milliseconds:.3f} ms (median of {self.runs} runs), "
            f"{rate:.1f} GFLOP/s, {rate / self.peak_gflops:.0%} of {self.peak_gflops:.0f}, "
            f"weights at {read:.1f} GB/s, {read / self.read_gbps:.0%} of {self.read_gbps:.0f}"
        )

    def table(self) -> str:
        """A line for each kernel call, and the time of each kernel over all its calls."""
        scope = scope_of(node for call in self.calls for node in call.nodes)
        rows = [f"{'ms':>9} {'%':>5} {'GFLOP/s':>8} {'GB/s':>6} {'roof':>5}  kernel: node"]
        for call in self.calls:
            share = call.milliseconds / self.milliseconds
            rate = f"{call.per_second(call.flops):8.1f}" if call.flops else " " * 8
            roof = f"{self.roof(call):5.0%}" if call.flops else " " * 5
            first, *more = call.nodes
            others = f" and {len(more)} more" if more else ""
            rows.append(
                f"{call.milliseconds:9.4f} {share:5.1%} {rate} {call.per_second(call.bytes):6.1f} "
                f"{roof}  {call.kernel}: {first.removeprefix(scope).strip('/')}{others}"
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
            call_weight_bytes(call),
        )
        for call, milliseconds in zip(calls, measured["calls_ms"], strict=True)
    ]
    peak = measured["peak_gflops"] * threads
    total, read = measured["total_ms"], measured["read_gbps"]
    return Timing(signature, batch, threads, measured["runs"], total, peak, read, times)
