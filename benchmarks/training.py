"""Train in Rust and in TensorFlow from the same initial values and batches, and compare.

    python benchmarks/training.py WORK          writes results/training.{json,md,svg}

100 steps of the adder with every optimizer, and of three networks: the largest difference of a loss
and of a variable relative to its largest magnitude, beside that of XLA from TensorFlow, which says
what rounding in another order makes of the same steps; time of a step; peak memory. One thread,
each runtime in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import training_models as models

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
STEPS = 100

NOTHING = 1e-4
"""A smaller variable is compared with this: the bias of attention's keys has no gradient but for
rounding, and so no momentum."""

COLORS = {"Rust": "#c2410c", "TensorFlow": "#1d4ed8"}

Arrays = dict[str, Any]


CHILD = """\
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, flush=True)
sys.exit(done.returncode)
"""
"""Starts a program from a small process: the peak of a child is never below its parent's."""


def run(command: list[str]) -> tuple[str, int]:
    """What a program prints, and its peak memory in bytes."""
    small = [sys.executable, "-S", "-c", CHILD, *command]
    done = subprocess.run(small, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    *lines, peak = done.stdout.splitlines()
    return "\n".join(lines), int(peak) * 1024


def write_batches(work: Path, names: list[str], steps: int) -> None:
    """The inputs of each signature, as `step` reads them."""
    for name in names:
        np.savez(work / f"{name}.in.npz", **models.batches(name, steps))


def make_crate(work: Path, names: list[str]) -> Path:
    """Save and compile; the crate, which has a signature for each name."""
    import tfrc

    networks = [name for name in names if name in models.NETWORKS]
    models.save(work / "model", [n for n in names if n not in networks], networks)
    tfrc.compile(work / "model", work / "training", runtime="path", force=True)
    return work / "training"


BUILD = ("build", "--release", "--quiet", "--example", "step")
"""What cargo does in the crate."""


def program(crate: Path) -> Path:
    """The program that runs steps, as cargo has built it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", crate / "target"))
    return target / "release" / "examples" / "step"


def run_rust(work: Path, step: Path, name: str) -> dict[str, Any]:
    """Losses and variables to NAME.rust.npz; time of a step, peak memory."""
    from safetensors.numpy import load_file

    out, state = work / f"{name}.out.npz", work / f"{name}.safetensors"
    command = [step, work / f"{name}.in.npz", out, "--signature", name, "--save", state]
    text, memory = run([str(part) for part in command])
    found = re.search(r"steps: ([\d.]+) µs", text)
    assert found is not None, text
    with np.load(out) as file:
        arrays: Arrays = {"loss": file["loss"], **load_file(state)}
        np.savez(work / f"{name}.rust.npz", **arrays)
    return {"us": float(found.group(1)), "memory": memory}


def run_tensorflow(work: Path, names: list[str], is_xla: bool) -> dict[str, float]:
    """Losses and variables to NAME.tensorflow.npz or NAME.xla.npz; microseconds of a step."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    module: Any = tf.saved_model.load(str(work / "model"))
    medians: dict[str, float] = {}
    for name in names:
        signature = module.signatures[name]
        step = tf.function(lambda f=signature, **x: f(**x), jit_compile=is_xla, autograph=False)
        with np.load(work / f"{name}.in.npz") as file:
            arrays = dict(file)
        losses: list[Any] = []
        times: list[float] = []
        for i in range(len(next(iter(arrays.values())))):
            inputs = {key: tf.constant(array[i]) for key, array in arrays.items()}
            start = time.perf_counter()
            losses.append(step(**inputs)["loss"].numpy())
            times.append(time.perf_counter() - start)
        medians[name] = statistics.median(times) * 1e6
        variables = state_of(tf, module.parts[name], f"parts/{name}")
        kind = "xla" if is_xla else "tensorflow"
        np.savez(work / f"{name}.{kind}.npz", loss=np.array(losses), **variables)
    return medians


def state_of(tf: Any, part: Any, path: str) -> Arrays:
    """Every variable below an object under each of its paths, shortest first."""
    found: Arrays = {}
    pending: list[tuple[str, Any]] = [(path, part)]
    seen: set[int] = set()
    while pending:
        prefix, obj = pending.pop(0)
        if isinstance(obj, tf.Variable):
            found[prefix] = obj.numpy()
            continue
        if id(obj) in seen:
            continue
        seen.add(id(obj))
        children: dict[str, Any] = tf.train.TrackableView.children(obj)
        pending += [(f"{prefix}/{name}", child) for name, child in children.items()]
    return found


def worker(work: Path, names: list[str], kind: str) -> dict[str, Any]:
    """TensorFlow in a process of its own."""
    command = [sys.executable, __file__, str(work), "--worker", kind, "--names", *names]
    text, memory = run(command)
    return {"us": json.loads(text.splitlines()[-1]), "memory": memory}


def differences(work: Path, name: str, kind: str) -> dict[str, float]:
    """The largest relative difference of a loss and of a variable from TensorFlow's."""
    with (
        np.load(work / f"{name}.{kind}.npz") as ours,
        np.load(work / f"{name}.tensorflow.npz") as t,
    ):
        common = sorted(set(ours.files) & set(t.files))
        worst = {key: relative(ours[key], t[key]) for key in common}
    loss = worst.pop("loss")
    return {"loss": loss, "variable": max(worst.values()), "variables": len(worst)}


def relative(actual: Any, expected: Any) -> float:
    """The largest difference relative to the largest magnitude; 1 if integers differ."""
    if expected.dtype.kind != "f":
        return float((actual != expected).any())
    scale = max(float(np.abs(expected).max(initial=0.0)), NOTHING)
    return float(np.abs(actual.astype(np.float64) - expected).max(initial=0.0)) / scale


def measure(work: Path, names: list[str], steps: int) -> dict[str, Any]:
    """Everything about each signature."""
    work.mkdir(parents=True, exist_ok=True)
    write_batches(work, names, steps)
    crate = make_crate(work, names)
    subprocess.run(["cargo", *BUILD], cwd=crate, check=True)
    step = program(crate)
    results: dict[str, Any] = {}
    small = [name for name in names if name not in models.NETWORKS]
    groups = [small] * bool(small) + [[name] for name in names if name not in small]
    for group in groups:
        plain, xla = worker(work, group, "tensorflow"), worker(work, group, "xla")
        for name in group:
            rust = run_rust(work, step, name)
            with (
                np.load(work / f"{name}.rust.npz") as a,
                np.load(work / f"{name}.tensorflow.npz") as b,
            ):
                curves = {"Rust": a["loss"].tolist(), "TensorFlow": b["loss"].tolist()}
            results[name] = {
                "rust": differences(work, name, "rust"),
                "xla": differences(work, name, "xla"),
                "us": {"rust": rust["us"], "tensorflow": plain["us"][name], "xla": xla["us"][name]},
                "memory": {
                    "rust": rust["memory"],
                    "tensorflow": plain["memory"],
                    "xla": xla["memory"],
                },
                "losses": curves,
            }
    return results


def markdown(results: dict[str, Any], steps: int) -> str:
    """The table."""
    lines = [
        f"# {steps} steps in Rust and in TensorFlow",
        "",
        "Made by `python benchmarks/training.py WORK`, with one thread. Differences are relative",
        "to the largest magnitude of the losses, and of a variable behind the last step. Those of",
        "XLA from TensorFlow say how far the same steps drift apart by rounding alone. Memory is",
        "that of the process at its peak; all adders share a process in TensorFlow. XLA draws the",
        "dropout of the CNN from another generator, so that it trains another network there. A",
        "variable of less than 1e-4 is compared with that. Other programs ran at the same time, so",
        "that times are rough.",
        "",
        "| | loss | variables | XLA: loss | XLA: variables | Rust µs | tf.function µs | XLA µs | "
        "Rust MiB | tf.function MiB | XLA MiB |",
        "|--|--|--|--|--|--|--|--|--|--|--|",
    ]
    for name, row in results.items():
        shown = [f"{row[k][what]:.1e}" for k in ("rust", "xla") for what in ("loss", "variable")]
        kinds = ("rust", "tensorflow", "xla")
        shown += [f"{row['us'][k]:,.0f}" for k in kinds]
        shown += [f"{row['memory'][k] / 2**20:,.0f}" for k in kinds]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join([*lines, "", "![losses](training.svg)", ""])


def picture(results: dict[str, Any]) -> str:
    """Both loss curves of each network; where they agree, one lies on the other."""
    width, height, gap = 300, 180, 40
    names = [name for name in results if name in models.NETWORKS]
    parts: list[str] = []
    for i, name in enumerate(names):
        curves = results[name]["losses"]
        top = max(max(curve) for curve in curves.values())
        left = gap + i * (width + gap)
        parts.append(f'<text x="{left}" y="20">{name}: loss up to {top:.2f}</text>')
        parts.append(
            f'<rect x="{left}" y="30" width="{width}" height="{height}" fill="none" stroke="#999"/>'
        )
        for runtime, style in (
            ("TensorFlow", "stroke-width:4;opacity:0.5"),
            ("Rust", "stroke-width:1.2"),
        ):
            curve = curves[runtime]
            points = " ".join(
                f"{left + width * k / (len(curve) - 1):.1f},{30 + height * (1 - v / top):.1f}"
                for k, v in enumerate(curve)
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{COLORS[runtime]}" '
                f'style="{style}"/>'
            )
    for k, (runtime, color) in enumerate(COLORS.items()):
        parts.append(f'<text x="{gap + 120 * k}" y="{height + 55}" fill="{color}">{runtime}</text>')
    size = f'width="{gap + len(names) * (width + gap)}" height="{height + 70}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def main() -> None:
    """Measure, and write the results; or be the process of one runtime."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--names", nargs="*", default=[*models.OPTIMIZERS, *models.NETWORKS])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--worker", choices=("tensorflow", "xla"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(
            json.dumps(run_tensorflow(arguments.work, arguments.names, arguments.worker == "xla"))
        )
        return
    results = measure(arguments.work, arguments.names, arguments.steps)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "training.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "training.md").write_text(markdown(results, arguments.steps))
    (RESULTS / "training.svg").write_text(picture(results))


if __name__ == "__main__":
    main()
