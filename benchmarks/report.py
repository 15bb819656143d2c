"""Tables and a picture from results/peers.json, and from peers_*.json of other machines.

python benchmarks/report.py          writes results/peers.md and results/peers.svg, and so for each
"""

import json
import statistics
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
OURS = "tfrc"


def medians(results: dict[str, Any], field: str) -> dict[str, dict[str, float]]:
    """`{"model/batch/threads": {runtime: median over the rounds}}` of one measured field."""
    table: dict[str, dict[str, float]] = {}
    for key, records in results.items():
        if key == "machine":
            continue
        line, _, peer = key.rpartition("/")
        values = [record[field] for record in records if field in record]
        if values:
            table.setdefault(line, {})[peer] = statistics.median(values)
    return table


def by_round(records: list[Any], field: str) -> dict[str, float]:
    """The median of each round; records of before rounds had names are one."""
    rounds: dict[str, list[float]] = {}
    for record in records:
        if field in record:
            rounds.setdefault(record.get("round", ""), []).append(record[field])
    return {name: statistics.median(values) for name, values in rounds.items()}


def share(ours: dict[str, float], rival: dict[str, float]) -> float:
    """Our median share of a rival's figure in the rounds that measured both.

    The machine's hours differ by a fifth. Without such a round, it is the share of the medians.
    """
    both = ours.keys() & rival.keys()
    if both:
        return statistics.median(ours[name] / rival[name] for name in both)
    return statistics.median(ours.values()) / statistics.median(rival.values())


def markdown(title: str, results: dict[str, Any], field: str, digits: int) -> list[str]:
    """A table with one row for each line, the best rival bold, and our share of it."""
    table = medians(results, field)
    peers = sorted({peer for row in table.values() for peer in row} - {OURS})
    rows = [f"## {title}", "", f"| model | {OURS} | ÷ best rival | {' | '.join(peers)} |"]
    rows.append("|---" * (len(peers) + 3) + "|")
    for line, row in table.items():
        rounds = {peer: by_round(results[f"{line}/{peer}"], field) for peer in row}
        ours = rounds.pop(OURS, None)
        if ours:
            shares = {peer: share(ours, rival) for peer, rival in rounds.items()}
            best = max(shares, key=shares.__getitem__, default=None)
            ratio = f"{shares[best]:.2f}" if best else ""
        else:
            best, ratio = min(rounds, key=row.__getitem__), ""
        cells = [
            ""
            if peer not in row
            else f"**{row[peer]:.{digits}f}**"
            if peer == best
            else f"{row[peer]:.{digits}f}"
            for peer in peers
        ]
        first = f"{row[OURS]:.{digits}f}" if ours else ""
        rows.append(f"| {line} | {first} | {ratio} | {' | '.join(cells)} |")
    return [*rows, ""]


def picture(table: dict[str, dict[str, float]], path: Path) -> None:
    """Time as a multiple of ours: a row for each line, a mark for each runtime."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    lines = [line for line, row in table.items() if OURS in row and len(row) > 1]
    peers = sorted({peer for line in lines for peer in table[line]} - {OURS})
    figure, axes = pyplot.subplots(figsize=(9, 1.5 + 0.32 * len(lines)))
    figure.patch.set_facecolor("white")
    for peer in peers:
        points = [
            (table[line][peer] / table[line][OURS], i)
            for i, line in enumerate(lines)
            if peer in table[line]
        ]
        axes.plot([x for x, _ in points], [y for _, y in points], "o", label=peer, alpha=0.8)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(lines)), lines)
    axes.invert_yaxis()
    axes.set_xlabel(f"time ÷ time of {OURS} (right of the line: slower than {OURS})")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    figure.savefig(path)


def header(results: dict[str, Any], title: str, command: str) -> list[str]:
    """What was measured, on what, and how to do it again."""
    about = results["machine"]
    return [
        f"# {title}",
        "",
        f"Machine: {about['cpu']} ({about['model']}), {about['cores']} cores, AVX-512: "
        f"{'yes' if about['avx512'] else 'no'}. Medians over interleaved rounds, each runtime in a "
        f"fresh process, and the median share within a round: `{command}`.",
        "",
    ]


def errors(results: dict[str, Any]) -> list[str]:
    """How far outputs are from eager TensorFlow's, and what failed."""
    text = ["## Largest error, relative to the output's largest magnitude", ""]
    for line, row in medians(results, "error").items():
        text.append(f"- {line}: " + ", ".join(f"{peer} {e:.0e}" for peer, e in sorted(row.items())))
    failures = {
        f"- {key}: {record['failed']}"
        for key, records in results.items()
        if key != "machine"
        for record in records
        if "failed" in record
    }
    return [*text, "", "## What failed", "", *sorted(failures)] if failures else text


def main() -> None:
    """Write the reports."""
    for path in sorted(RESULTS.glob("peers*.json")):
        results = json.loads(path.read_text())
        text = [
            *header(results, "tfrc beside other runtimes", "make bench-peers"),
            *markdown("Time of a run, ms", results, "median_ms", 3),
            *markdown("Fastest run of a process, ms", results, "min_ms", 3),
            *markdown("Peak resident memory, MiB", results, "rss_mib", 0),
            *markdown("Process start to first output, s", results, "cold_s", 3),
            *errors(results),
        ]
        path.with_suffix(".md").write_text("\n".join(text) + "\n")
        picture(medians(results, "median_ms"), path.with_suffix(".svg"))


if __name__ == "__main__":
    main()
