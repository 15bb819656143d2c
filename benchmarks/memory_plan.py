"""The memory plan of every network of keras.applications, at batch 1.

    python benchmarks/memory_plan.py [NAMES…] [--ir DIR]

Writes results/memory_plan.json, which keeps what an earlier run measured, and from it
results/memory_plan.md. Weights are not needed to plan, so they are whatever Keras initialises them
to. `--ir` keeps the `nn` IR of each network in DIR, so that the next run needs no TensorFlow.
"""

import argparse
import gc
import json
import os
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.parser import Parser

from tfrc.compiler.context import context
from tfrc.compiler.pass_manager import PassManager, module_text, parse_passes
from tfrc.ir import rt
from tfrc.ir.weights import CompilerContext
from tfrc.passes import PIPELINES
from tfrc.passes.memory_statistics import memory_statistics
from tfrc.passes.plan_arena import bytes_of

RESULTS = Path(__file__).parent / "results"
PLANNING = ("schedule", "select-kernels", "row-bands", "in-place", "free-early", "plan-arena")
APPLICATIONS = (
    "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge DenseNet121 DenseNet169 "
    "DenseNet201 EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 "
    "EfficientNetB5 EfficientNetB6 EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1 "
    "EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2S EfficientNetV2M EfficientNetV2L "
    "InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Large MobileNetV3Small "
    "NASNetLarge NASNetMobile ResNet50 ResNet101 ResNet152 ResNet50V2 ResNet101V2 ResNet152V2 "
    "VGG16 VGG19 Xception"
).split()
GOAL = 1.05
COPIES = {
    "copy": "to compute this input of a concatenation in its result would raise the peak",
    "concat": "the same, for all of its inputs",
    "pad": "what reads it takes no padding, or another one",
    "slice": "every second pixel, for a residual that is added where the slice lies",
}
"""Kernels that move elements, no network here has others, and why they are left."""


def imported(name: str) -> tuple[ModuleOp, CompilerContext]:
    """The network in the `nn` dialect, ready to be planned."""
    import keras

    from tfrc.compiler.frontend import ImportOptions, load

    build = getattr(keras.applications, name)
    model: Any = build(weights=None)
    if None in model.input_shape[1:]:
        model = build(weights=None, input_shape=(224, 224, 3))
    graph = load(model, ImportOptions())
    keras.backend.clear_session()
    ctx = context(graph.weights)
    specs = [spec for spec in PIPELINES["O2"] if spec not in PLANNING]
    PassManager(parse_passes(specs), []).run(ctx, graph.module)
    return graph.module, ctx


def read_or_import(name: str, directory: Path | None) -> tuple[ModuleOp, CompilerContext]:
    """The network, from its text if there is one."""
    path = directory / f"{name}.nn.mlir" if directory else None
    if path is not None and path.exists():
        ctx = context()
        return Parser(ctx, path.read_text()).parse_module(), ctx
    module, ctx = imported(name)
    if path is not None:
        path.write_text(module_text(module))
    return module, ctx


def lowered(module: ModuleOp, ctx: CompilerContext, passes: str) -> FuncOp:
    """The only function of a module, after some passes."""
    planned = module.clone()
    PassManager(parse_passes(passes), []).run(ctx.clone(), planned)
    (function,) = (op for op in planned.ops if isinstance(op, FuncOp))
    return function


def measure(name: str, directory: Path | None) -> dict[str, Any]:
    """One row."""
    module, ctx = read_or_import(name, directory)
    start = time.process_time()
    row = asdict(memory_statistics(lowered(module, ctx, "schedule,select-kernels,row-bands")))
    seconds = time.process_time() - start
    unscheduled = memory_statistics(lowered(module, ctx, "select-kernels,row-bands"))
    function = lowered(module, ctx, "schedule,select-kernels,row-bands,in-place")
    return {
        **row,
        "peak_unscheduled": unscheduled.peak_both,
        "ends": sum(bytes_of(argument).at(1) for argument in function.args),
        "moved": moved(function),
        "seconds": round(seconds, 2),
    }


def moved(function: FuncOp) -> dict[str, int]:
    """Bytes that kernels write which only move elements, and that all kernels write, at batch 1."""
    total = Counter[str]()
    for op in function.body.block.ops:
        if isinstance(op, rt.CallOp):
            written = sum(bytes_of(value).at(1) for value in op.outs)
            total["all"] += written
            if op.kernel_name in COPIES:
                total[op.kernel_name] += written
    return dict(total)


def report(rows: dict[str, dict[str, Any]], peers: dict[str, dict[str, int]]) -> str:
    """The tables."""
    good = sum(row["arena"] <= GOAL * row["peak_both"] for row in rows.values())
    lines = [
        "# Memory plan of keras.applications, batch 1",
        "",
        "Written by `python benchmarks/memory_plan.py`. Megabytes (10⁶) of buffers between the "
        "kernels, scratch included, without weights, inputs and outputs, at `-O2`.",
        "",
        "- neither: every buffer lives until the end. in-place, memdrop: with "
        "`--enable-inplace`, `--enable-memdrop` alone.",
        "- bound: with both, the widest cut of living buffers: no arena is smaller. "
        "arena: what plan-arena takes, offsets and sizes in multiples of 64 bytes.",
        "- as given: the bound without the pass `schedule`.",
        "",
        f"Arena within {GOAL} × of the bound: {good} of {len(rows)}.",
        "",
        "| network | neither | in-place | memdrop | bound | arena | arena / bound | as given |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    keys = ("peak_neither", "peak_inplace", "peak_memdrop", "peak_both", "arena")
    names = [name for name in APPLICATIONS if name in rows]
    for name in names:
        row = rows[name]
        sizes = " | ".join(f"{row[key] / 1e6:.2f}" for key in keys)
        ratio = row["arena"] / row["peak_both"]
        given = row["peak_unscheduled"] / 1e6
        lines.append(f"| {name} | {sizes} | {ratio:.4f} | {given:.2f} |")
    return "\n".join([*lines, *beside_peers(rows, peers, names), *copies(rows, names)]) + "\n"


def beside_peers(
    rows: dict[str, dict[str, Any]], peers: dict[str, dict[str, int]], names: list[str]
) -> list[str]:
    """The arena with the input and the output, beside what others take."""
    compared = [name for name in names if name in peers]
    smaller = sum(whole(rows[name]) <= peers[name]["litert"] for name in compared)
    lines = [
        "",
        "## Beside LiteRT and TensorFlow",
        "",
        "`benchmarks/memory_peers.py` says how the others are measured. tfrc's figure is the "
        "arena with the input and the output, which LiteRT's arena holds as well.",
        "",
        "- LiteRT: the arena of the interpreter without delegates.",
        "- TensorFlow: what the second run of a function adds to resident memory. The input and "
        "what is below 64 KiB lie in memory that is there before, so this is a lower bound.",
        "",
        f"No larger than LiteRT's: {smaller} of {len(compared)}.",
        "",
        "| network | tfrc | LiteRT | ÷ LiteRT | TensorFlow |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in compared:
        own, peer = whole(rows[name]), peers[name]
        tensorflow = f"{peer['tensorflow'] / 1e6:.2f}" if "tensorflow" in peer else ""
        lines.append(
            f"| {name} | {own / 1e6:.2f} | {peer['litert'] / 1e6:.2f} "
            f"| {own / peer['litert']:.2f} | {tensorflow} |"
        )
    return lines


def whole(row: dict[str, Any]) -> int:
    """Bytes of the arena, the input and the output."""
    return row["arena"] + row["ends"]


def copies(rows: dict[str, dict[str, Any]], names: list[str]) -> list[str]:
    """What is still moved without being computed."""
    kinds = [kind for kind in COPIES if any(kind in rows[name]["moved"] for name in names)]
    lines = [
        "",
        "## Copies that are left",
        "",
        "Megabytes that kernels write which move elements only, and what all kernels write. "
        "Networks that are not listed have none.",
        "",
        *(f"- {kind}: {COPIES[kind]}." for kind in kinds),
        "",
        f"| network | {' | '.join(kinds)} | all kernels |",
        f"|---|{'--:|' * (len(kinds) + 1)}",
    ]
    for name in names:
        written = rows[name]["moved"]
        if len(written) > 1:
            sizes = [f"{written[k] / 1e6:.2f}" if k in written else "" for k in kinds]
            lines.append(f"| {name} | {' | '.join(sizes)} | {written['all'] / 1e6:.2f} |")
    return lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=APPLICATIONS)
    parser.add_argument("--ir", type=Path)
    args = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    others = RESULTS / "memory_peers.json"
    path = RESULTS / "memory_plan.json"
    rows: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    for name in args.names:
        rows[name] = measure(name, args.ir)
        path.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")
        peers = json.loads(others.read_text()) if others.exists() else {}
        (RESULTS / "memory_plan.md").write_text(report(rows, peers))
        print(name, rows[name], flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
