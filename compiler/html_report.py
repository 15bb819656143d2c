"""`--emit html`: what a model is and what the compiler makes of it, in one self-contained page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tfrc.compiler.describe import operation_name
from tfrc.compiler.drawing import graph_svg
from tfrc.compiler.flops import function_flops
from tfrc.compiler.module import argument_names, functions, result_names
from tfrc.compiler.pass_manager import Step
from tfrc.ir import nn
from tfrc.ir.shape import element_of, shape_of, text
from tfrc.ir.tf import NodeOp
from tfrc.passes.memory_statistics import (
    MemoryStatistics,
    PlannedBuffer,
    memory_statistics,
    planned_buffers,
)

LEGALIZE = "legalize-tf"
UNPLANNED = ("select-kernels", "row-bands")
"""Passes behind which every tensor has a buffer, and none is planned."""
SMALL_GRAPH = 1500
"""Boxes up to which a graph is drawn: a browser scrolls no more with ease."""

STYLE = """
:root { color-scheme: light dark; --edge: #8c959f; --soft: #f6f8fa; --ink: #1b1f24; --bg: #fff }
@media (prefers-color-scheme: dark) {
  :root { --edge: #6e7681; --soft: #21262d; --ink: #e6edf3; --bg: #0d1117 }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--bg);
  margin: 0 auto; max-width: 64rem; padding: 1rem }
table { border-collapse: collapse; display: block; overflow-x: auto }
td, th { padding: .2rem .7rem; border-bottom: 1px solid var(--edge); text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
.wide { overflow: auto; max-height: 80vh; border: 1px solid var(--edge); background: var(--soft) }
.plan { min-width: 50rem; display: block }
.plan rect { stroke: var(--bg); stroke-width: .5 }
.plan text { font-size: 10px; fill: #1b1f24 }
.side { overflow-x: auto; margin-top: 1rem }
.bound { stroke: #cf222e; stroke-width: 2; stroke-dasharray: 6 4 }
.bad { color: #cf222e }
"""

CENTRE = """
for (const frame of document.querySelectorAll(".wide")) {
  const centre = () => { frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2 }
  centre()
  frame.closest("details")?.addEventListener("toggle", centre)
}
"""
"""Shows the middle of a graph that is wider than its frame: there it begins."""

LETTER = 6.0
"""Width of a letter of a label in a plan."""


@dataclass
class Snapshot:
    """Watches the passes and keeps what the page shows.

    `final` is the number of the last pass on `nn`.
    """

    source: str
    final: int
    nodes: Counter[str] = field(default_factory=Counter[str])
    before: Counter[str] = field(default_factory=Counter[str])
    after: Counter[str] = field(default_factory=Counter[str])
    graph_before: str = ""
    graph_after: str = ""
    parameters: int = 0
    flops: dict[str, int] = field(default_factory=dict[str, int])
    signatures: dict[str, list[tuple[str, str, str]]] = field(
        default_factory=dict[str, list[tuple[str, str, str]]]
    )
    memory: dict[str, MemoryStatistics] = field(default_factory=dict[str, MemoryStatistics])
    plans: dict[str, list[PlannedBuffer]] = field(default_factory=dict[str, list[PlannedBuffer]])

    def __call__(self, step: Step) -> None:
        """Look at the module after a pass."""
        module = step.module
        if step.name == "input":
            self.nodes = Counter(op.op.data for op in module.walk() if isinstance(op, NodeOp))
        elif step.name == LEGALIZE:
            self.before = _operations(module)
            self.graph_before = _graph(module)
        elif step.name in UNPLANNED:
            self.memory = {n: memory_statistics(f) for n, f in functions(module).items()}
        if step.number == self.final:
            self.keep(step)

    def keep(self, step: Step) -> None:
        """What is known of the graph before kernels are selected."""
        self.after = _operations(step.module)
        keys = {op.key for op in step.module.walk() if isinstance(op, nn.WeightOp)}
        self.parameters = sum(step.ctx.weights[key].size for key in keys if key in step.ctx.weights)
        self.graph_after = _graph(step.module)
        for name, function in functions(step.module).items():
            self.flops[name] = function_flops(function)
            self.signatures[name] = _tensors(function)

    def finish(self, module: ModuleOp) -> None:
        """The planned module."""
        self.plans = {name: planned_buffers(f) for name, f in functions(module).items()}


def _operations(module: ModuleOp) -> Counter[str]:
    plumbing = ("constant", "weight", "yield", "func.func", "func.return", "builtin.module")
    names = (operation_name(op) for op in module.walk() if not isinstance(op.parent_op(), nn.MapOp))
    return Counter(name for name in names if name not in plumbing)


def _graph(module: ModuleOp) -> str:
    size = sum(_operations(module).values())
    if size > SMALL_GRAPH:
        return f"<p>{size:,} operations are too many to draw; `--emit svg` writes a file.</p>"
    return graph_svg(module)


def _tensors(function: FuncOp) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    results = function.function_type.outputs.data
    arguments = [argument.type for argument in function.args]
    for what, names, types in (
        ("input", argument_names(function), arguments),
        ("output", result_names(function), results),
    ):
        for name, type_ in zip(names, types, strict=True):
            rows.append((what, name, f"{text(shape_of(type_))} {element_of(type_)}"))
    return rows


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table; numbers are set to the right."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="n">{cell:,}</td>'
            if isinstance(cell, int)
            else f"<td>{escape(str(cell))}</td>"
            for cell in row
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def short(node: str) -> str:
    """The layer of the first of some TensorFlow nodes: the last but one part of its path."""
    path = node.split(" → ")[0].split("/")
    return path[-2] if len(path) > 1 else path[0]


def label_svg(buffer: PlannedBuffer, x: float, y: float, w: float, h: float) -> list[str]:
    """What lies in a block, or its size alone, along a side; nothing if the block is too small."""
    bytes_ = buffer.size
    size = f"{bytes_ / 1e6:.2f} MB" if bytes_ >= 1e5 else f"{bytes_ / 1e3:.1f} kB"
    whole = f"{short(buffer.node)} {size}"
    for label in (whole, size):
        length = LETTER * len(label) + 6
        if h >= 14 and w >= length:
            return [f'<text x="{x + 3:.1f}" y="{y + 11:.1f}">{escape(label)}</text>']
        if w >= 14 and h >= length:
            place = f"translate({x + 11:.1f} {y + h - 3:.1f}) rotate(-90)"
            return [f'<text transform="{place}">{escape(label)}</text>']
    return []


def plan_svg(buffers: Sequence[PlannedBuffer], statistics: MemoryStatistics) -> str:
    """The memory plan: time across, address up, a block for each buffer, the bound as a line.

    Blocks that are large enough are labelled: a phone shows no titles.
    """
    width, height, top = 960.0, 360.0, 4.0
    last = max((b.end for b in buffers), default=1) + 1
    arena = max(statistics.arena, 1)
    blocks: list[str] = []
    labels: list[str] = []
    for i, b in enumerate(buffers):
        x, y = b.begin / last * width, top + height * (1 - (b.offset + b.size) / arena)
        w, h = (b.end - b.begin + 1) / last * width, height * b.size / arena
        colour = "#8c959f" if b.scratch else f"hsl({i * 137 % 360} 55% 60%)"
        label = f"{b.node or 'buffer'}: {b.size:,} bytes at {b.offset:,}, steps {b.begin}-{b.end}"
        blocks.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" '
            f'style="fill: {colour}">'
            f"<title>{escape(label)}</title></rect>"
        )
        labels += label_svg(b, x, y, w, h)
    y = top + height * (1 - statistics.peak_both / arena)
    line = f'<line class="bound" x1="0" x2="{width:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    title = f"arena {statistics.arena:,} bytes, lower bound {statistics.peak_both:,} (dashed)"
    return (
        f'<div class="side"><svg class="plan" xmlns="http://www.w3.org/2000/svg" width="100%" '
        f'viewBox="0 0 {width:.0f} {height + top + 4:.0f}">'
        f"{''.join(blocks)}{''.join(labels)}{line}</svg></div><p>{title}</p>"
    )


def _memory(snapshot: Snapshot) -> str:
    parts: list[str] = []
    for name, m in snapshot.memory.items():
        rows: list[tuple[str, int]] = [
            ("neither flag", m.peak_neither),
            ("--enable-inplace alone", m.peak_inplace),
            ("--enable-memdrop alone", m.peak_memdrop),
            ("both: the widest cut, a lower bound", m.peak_both),
            ("the arena", m.arena),
        ]
        parts += [f"<h3>{escape(name)}</h3>", table(("peak with", "bytes at N = 1"), rows)]
        if name in snapshot.plans:
            parts.append(plan_svg(snapshot.plans[name], m))
    return "".join(parts)


def page(snapshot: Snapshot, warnings: Sequence[str] = ()) -> str:
    """The whole page."""
    kinds = sorted(snapshot.before.keys() | snapshot.after.keys())
    changes = [(kind, snapshot.before[kind], snapshot.after[kind]) for kind in kinds]
    signatures: Mapping[str, list[tuple[str, str, str]]] = snapshot.signatures
    about = "".join(
        f"<h3>{escape(name)}</h3>"
        + table(("", "name", "shape"), rows)
        + f"<p>{snapshot.flops[name]:,} FLOPs in products at N = 1</p>"
        for name, rows in signatures.items()
    )
    cautions = "".join(f'<p class="bad">{escape(warning)}</p>' for warning in warnings)
    title = escape(snapshot.source)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{STYLE}</style></head><body>
<h1>{title}</h1>{cautions}
<h2>Signatures</h2>{about}
<p>{snapshot.parameters:,} parameters ({snapshot.parameters * 4:,} bytes as float32)</p>
<h2>Memory</h2>{_memory(snapshot)}
<p>Time runs to the right, addresses upward. A block is a buffer from its first write to its last
use; in-place operations share one block. Grey blocks are kernels' working memory.</p>
<h2>Operations</h2>{table(("operation", "before", "as compiled"), changes)}
<details><summary>{sum(snapshot.nodes.values()):,} TensorFlow nodes</summary>
{table(("node", "count"), snapshot.nodes.most_common())}</details>
<h2>Graph</h2>
<h3>as compiled</h3><div class="wide">{snapshot.graph_after}</div>
<details><summary>before the passes</summary>
<div class="wide">{snapshot.graph_before}</div></details>
<script>{CENTRE}</script>
</body></html>
"""
