"""Every network of keras.applications through the compiler: does it compile, agree, and how fast.

    python benchmarks/applications.py [--only MobileNetV3Large,…] [--crates]

Each network has random weights in every variable and its smallest allowed input. Without `--crates`
the planned `rt` module runs in the NumPy reference and is compared with TensorFlow; with it, one
network of each family also becomes a crate that cargo builds and tests. Results go to
benchmarks/results/applications.{json,md} and compile_time.svg (time of the passes over TensorFlow
nodes); a run adds to the results that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
sys.path.append(str(ROOT / "examples"))

SIZES: dict[str, int] = {
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), 32),
    **{f"EfficientNetB{i}": 32 for i in range(8)},
    **{f"EfficientNetV2{i}": 32 for i in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **dict.fromkeys(("InceptionResNetV2", "InceptionV3"), 75),
    **dict.fromkeys(("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"), 32),
    **dict.fromkeys(("NASNetMobile", "NASNetLarge"), 32),
    **{f"ResNet{i}": 32 for i in ("50", "101", "152", "50V2", "101V2", "152V2")},
    **dict.fromkeys(("VGG16", "VGG19"), 32),
    "Xception": 71,
    **{f"ConvNeXt{i}": 32 for i in ("Tiny", "Small", "Base", "Large", "XLarge")},
}
"""Constructor → the smallest image that it takes."""

FAMILIES = (
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "Xception",
    "ConvNeXtTiny",
)
"""The smallest network of each family."""


@dataclass
class Row:
    """What happened to one network. Times are seconds of CPU, which other load disturbs little."""

    network: str
    size: int
    nodes: int
    """TensorFlow nodes after the import."""
    calls: int
    """Kernel calls of the crate."""
    parameters: int
    freeze: float
    import_: float
    passes: float
    problem: str | None = None
    reference_difference: float | None = None
    """Of the planned module in NumPy from TensorFlow, relative to the largest magnitude."""
    crate_agrees: bool | None = None
    crate_seconds: float | None = None


def build(network: str, graph: Path) -> None:
    """Freeze a network with random weights."""
    import keras
    from freeze import freeze
    from random_weights import randomize

    size = SIZES[network]
    model = getattr(keras.applications, network)(weights=None, input_shape=(size, size, 3))
    randomize(model)
    freeze(model, graph)


def measure(network: str, work: Path, crates: bool) -> Row:
    """Take one network through the compiler."""
    from tfrc.compiler.context import context
    from tfrc.compiler.draws import draw_inputs
    from tfrc.compiler.errors import ModelError
    from tfrc.compiler.frontend import load
    from tfrc.compiler.module import functions
    from tfrc.compiler.pass_manager import PassManager, parse_passes
    from tfrc.compiler.verify_each import distance
    from tfrc.ir import rt, rt_reference
    from tfrc.ir.tf import NodeOp
    from tfrc.passes import PIPELINES

    graph = work / f"{network}.pb"
    started = time.process_time()
    build(network, graph)
    froze = time.process_time()
    imported = load(graph)
    loaded = time.process_time()
    row = Row(
        network,
        SIZES[network],
        sum(isinstance(op, NodeOp) for op in imported.module.walk()),
        0,
        sum(array.size for array in imported.weights.values()),
        freeze=froze - started,
        import_=loaded - froze,
        passes=0.0,
    )
    inputs = draw_inputs(imported.module)
    ctx = context(imported.weights)
    begun = time.process_time()
    try:
        PassManager(parse_passes(PIPELINES["O2"])).run(ctx, imported.module)
    except ModelError as error:
        row.problem = str(error)
        return row
    row.passes = time.process_time() - begun
    row.calls = sum(isinstance(op, rt.CallOp) for op in imported.module.walk())
    (signature, arrays), *_ = inputs.items()
    expected = imported.runner(signature, arrays)
    function = functions(imported.module)[signature]
    outputs = rt_reference.run(function, list(arrays.values()), ctx.weights, arena=True)
    pairs = zip(outputs, expected.values(), strict=True)
    row.reference_difference = max(distance(a, e) for a, e in pairs)
    if crates and network in FAMILIES:
        row.crate_agrees, row.crate_seconds = build_crate(graph, work / network.lower())
    return row


def build_crate(graph: Path, crate: Path) -> tuple[bool, float]:
    """Compile to a crate and run its test against TensorFlow; whether it passes, and the time."""
    import tfrc

    started = time.perf_counter()
    tfrc.compile(graph, crate, runtime="path", force=True)
    command = ["cargo", "test", "--quiet", "--release", "--test", "predictions"]
    environment = {"CARGO_TARGET_DIR": str(ROOT / "target"), **os.environ}
    done = subprocess.run(
        command, cwd=crate, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    return done.returncode == 0, time.perf_counter() - started


def table(rows: list[Row]) -> str:
    """The results as Markdown."""

    def number(value: float | None, spec: str) -> str:
        return "" if value is None else format(value, spec)

    lines = [
        "# keras.applications through the compiler",
        "",
        "Random weights in every variable, the smallest allowed image, a symbolic batch, -O2.",
        "Times are seconds of CPU. `difference` is that of the planned module, run by the NumPy",
        "reference for a batch of 2, from TensorFlow's outputs, relative to the largest magnitude.",
        "`crate`: `cargo test` of the generated crate against TensorFlow, for one of each family.",
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()};"
        " `python benchmarks/applications.py --crates`",
        "",
        "| network | image | nodes | parameters | kernel calls | import s | passes s | difference |"
        " crate |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        crate = {None: "", True: "agrees", False: "DIFFERS"}[row.crate_agrees]
        last = row.problem.splitlines()[0] if row.problem else crate
        lines.append(
            f"| {row.network} | {row.size} | {row.nodes:,} | {row.parameters:,} | {row.calls:,} | "
            f"{row.import_:.1f} | {row.passes:.1f} | {number(row.reference_difference, '.1e')} | "
            f"{last} |"
        )
    good = [row for row in rows if row.problem is None]
    largest = max((row.reference_difference or 0.0 for row in good), default=0.0)
    lines += [
        "",
        f"{len(good)} of {len(rows)} networks compile without an unsupported operation; the "
        f"largest difference is {largest:.1e}.",
    ]
    return "\n".join(lines) + "\n"


def plot(rows: list[Row], path: Path) -> None:
    """Time over TensorFlow nodes, one point a network."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = "tfrc"
    good = [row for row in rows if row.problem is None]
    figure, axes = plt.subplots(figsize=(7, 4))
    nodes = [row.nodes for row in good]
    axes.scatter(nodes, [row.passes for row in good], s=14, label="passes, -O2")
    axes.scatter(nodes, [row.import_ for row in good], s=14, marker="x", label="import")
    axes.set_xlabel("TensorFlow nodes")
    axes.set_ylabel("seconds of CPU")
    axes.set_xlim(0)
    axes.set_ylim(0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure each network in a process of its own, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", help="networks, separated by commas; default: all")
    parser.add_argument("--crates", action="store_true", help="build a crate of each family")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        with tempfile.TemporaryDirectory() as work:
            print(json.dumps(asdict(measure(arguments.one, Path(work), arguments.crates))))
        return
    names = arguments.only.split(",") if arguments.only else list(SIZES)
    RESULTS.mkdir(exist_ok=True)
    store = RESULTS / "applications.json"
    found: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    failed: list[str] = []
    for name in names:
        command = [sys.executable, __file__, "--one", name, *(["--crates"] * arguments.crates)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            failed.append(name)
            continue
        row = json.loads(done.stdout.splitlines()[-1])
        if not arguments.crates:
            row |= {k: v for k, v in found.get(name, {}).items() if k.startswith("crate_")}
        found[name] = row
        print(name, found[name], flush=True)
        store.write_text(json.dumps(found, indent=1) + "\n")
    rows = [Row(**found[name]) for name in SIZES if name in found]
    (RESULTS / "applications.md").write_text(table(rows))
    plot(rows, RESULTS / "compile_time.svg")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
