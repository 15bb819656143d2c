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
from tfrc.ir.weights import CompilerContext
from tfrc.passes import PIPELINES
from tfrc.passes.memory_statistics import MemoryStatistics, memory_statistics

RESULTS = Path(__file__).parent / "results"
PLANNING = ("schedule", "select-kernels", "in-place", "free-early", "plan-arena")
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


def statistics(module: ModuleOp, ctx: CompilerContext, passes: str) -> MemoryStatistics:
    """What the only function of a module needs."""
    planned = module.clone()
    PassManager(parse_passes(passes), []).run(ctx.clone(), planned)
    (function,) = (op for op in planned.ops if isinstance(op, FuncOp))
    return memory_statistics(function)


def measure(name: str, directory: Path | None) -> dict[str, Any]:
    """One row."""
    module, ctx = read_or_import(name, directory)
    start = time.perf_counter()
    row = asdict(statistics(module, ctx, "schedule,select-kernels"))
    seconds = time.perf_counter() - start
    unscheduled = statistics(module, ctx, "select-kernels")
    return {**row, "peak_unscheduled": unscheduled.peak_both, "seconds": round(seconds, 2)}


def report(rows: dict[str, dict[str, Any]]) -> str:
    """The table."""
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
    for name in APPLICATIONS:
        if (row := rows.get(name)) is not None:
            sizes = " | ".join(f"{row[key] / 1e6:.2f}" for key in keys)
            ratio = row["arena"] / row["peak_both"]
            given = row["peak_unscheduled"] / 1e6
            lines.append(f"| {name} | {sizes} | {ratio:.4f} | {given:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=APPLICATIONS)
    parser.add_argument("--ir", type=Path)
    args = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "memory_plan.json"
    rows: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    for name in args.names:
        rows[name] = measure(name, args.ir)
        path.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")
        (RESULTS / "memory_plan.md").write_text(report(rows))
        print(name, rows[name], flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
