"""Measure classifiers of the kind that CrowdStrike's tf2rust serves, beside TensorFlow.

    python benchmarks/classifiers.py WORK [--models wide] [--batches 1] [--rounds 3] [--built]

Time, memory, start, allocations and size of the program, for one example and for batches. Builds
the models in WORK that are not there, measures as run_peers.py does, and adds to
results/classifiers.json, .md and .svg, or to classifiers_MODEL.* on a machine of another kind.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import report
import run_peers

MODELS = ("gated_bytes", "words_and_characters", "wide", "hybrid", "characters")
"""Functions of classifier_models.py."""

BATCHES = (1, 10, 32, 100, 1000)
"""One example, and batches: what `cargo bench` of a crate measures too."""

TENSORFLOW = ("tf_saved", "tf_frozen", "tf_xla")
"""Its eager call of a function, its session on the frozen graph, and XLA."""


def claims(results: dict[str, object]) -> Iterator[str]:
    """By how much the best TensorFlow is slower, and what its memory falls from and to."""
    times, memory = report.medians(results, "median_ms"), report.medians(results, "rss_mib")
    yield "| model | best TensorFlow is slower by | peak memory, MiB |\n|---|---|---|"
    for line, row in times.items():
        rivals = {peer: row[peer] for peer in TENSORFLOW if peer in row}
        if rivals and report.OURS in row:
            best = min(rivals, key=rivals.__getitem__)
            slower = (rivals[best] / row[report.OURS] - 1) * 100
            before, after = memory[line][best], memory[line][report.OURS]
            yield f"| {line} | {slower:.0f} % | {before:.0f} → {after:.1f} |"


def crates(results: dict[str, object]) -> Iterator[str]:
    """The most allocations of a run, and the size of the program."""
    allocations = report.medians(results, "allocations")
    sizes = report.medians(results, "program_mib")
    yield "| model | allocations of a run | stripped program with its weights, MiB |\n|---|---|---|"
    for model in MODELS:
        lines = [line for line in allocations if line.startswith(f"{model}/")]
        if lines:
            most = max(allocations[line][report.OURS] for line in lines)
            yield f"| {model} | {most:.0f} | {sizes[lines[0]][report.OURS]:.1f} |"


def write(path: Path) -> None:
    """Write the report of the results at `path`."""
    results = json.loads(path.read_text())
    title, command = "Classifiers beside TensorFlow", "make bench-classifiers"
    text = [
        *report.header(results, title, command),
        *report.markdown("Time of a run, ms", results, "median_ms", 3),
        "## In the measures of tf2rust",
        "",
        "Its own: the best TensorFlow is 27 to 74 % slower, memory falls from 310 to 65 MB. On",
        "`hybrid` it has a program of 4.4 MB, 39 allocations, and a first run of 7 to 10 ms.",
        "",
        *claims(results),
        "",
        *crates(results),
        "",
        *report.markdown("Peak resident memory, MiB", results, "rss_mib", 1),
        *report.markdown("Process start to first output, s", results, "cold_s", 4),
        *report.errors(results),
    ]
    path.with_suffix(".md").write_text("\n".join(text) + "\n")
    report.picture(report.medians(results, "median_ms"), path.with_suffix(".svg"))


def main() -> None:
    """Build, measure and report what the command line names."""
    options = run_peers.parser(
        __doc__,
        results=run_peers.results_of_this_machine("classifiers"),
        peers=",".join(("tfrc", *TENSORFLOW)),
        models=",".join(MODELS),
        batches=",".join(map(str, BATCHES)),
        threads="1",
    ).parse_args()
    # In a process of its own: one with TensorFlow in it starts others slowly.
    builder = Path(__file__).parent / "classifier_models.py"
    batches = ",".join(map(str, BATCHES))
    for name in options.models.split(","):
        if not (options.work / name / "meta.json").exists():
            command = [sys.executable, builder, options.work, "--model", name, "--batches", batches]
            subprocess.run(list(map(str, command)), check=True)
    run_peers.run(options)
    write(options.results)


if __name__ == "__main__":
    main()
