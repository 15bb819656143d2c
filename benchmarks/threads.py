"""Measure one and two threads of each runtime, alone and beside a busy process.

    python benchmarks/threads.py WORK [--models mlp] [--rounds 3] [--built] [--peers-python PYTHON]

On a machine of two cores a second process takes one of them for about half of the time: a runtime
whose threads wait for each other in a loop then loses much more than that. Measures as run_peers.py
does, and adds to results/threads.json and .md, or to threads_MODEL.json and .md on a machine of
another kind.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import report
import run_peers

MODELS = ("mlp", "mobilenet_v3_large", "resnet50", "transformer_encoder")
"""Microseconds and tens of milliseconds; small layers and large ones."""

LOADS = (0, 1)
"""Busy processes beside the measured one."""


def speedups(times: dict[str, dict[str, float]]) -> Iterator[str]:
    """How much faster two threads are, alone and beside a busy process, for each runtime."""
    measured = {peer for row in times.values() for peer in row}
    peers = sorted(measured, key=lambda peer: (peer != report.OURS, peer))
    yield f"| model | {' | '.join(peers)} |"
    yield "|---" * (len(peers) + 1) + "|"
    for line, row in times.items():
        model, one_thread, load = line.partition("/t1")
        other = times.get(f"{model}/t2{load}")
        if not one_thread or other is None:
            continue
        cells = [f"{row[p] / other[p]:.2f}" if p in row and p in other else "" for p in peers]
        yield f"| {model}{load} | {' | '.join(cells)} |"


def noted(results: dict[str, Any]) -> Iterator[str]:
    """What held of the machine meanwhile, if someone has written it there; a new run removes it."""
    note = results["machine"].get("note")
    if note:
        yield note
        yield ""


def write(path: Path) -> None:
    """Write the report of the results at `path`."""
    results: dict[str, Any] = json.loads(path.read_text())
    times = report.medians(results, "median_ms")
    text = [
        *report.header(results, "Threads", "make bench-threads"),
        *noted(results),
        *report.markdown("Time of a run, ms", results, "median_ms", 3),
        "## Times as fast with two threads",
        "",
        *speedups(times),
    ]
    path.with_suffix(".md").write_text("\n".join(text) + "\n")


def main() -> None:
    """Measure and report what the command line names."""
    options = run_peers.parser(
        __doc__,
        results=run_peers.results_of_this_machine("threads"),
        models=",".join(MODELS),
        peers="tfrc,litert,ort,openvino",
        batches="1",
    ).parse_args()
    for load in LOADS:
        options.load = load
        run_peers.run(options)
        options.built = True
    write(options.results)


if __name__ == "__main__":
    main()
