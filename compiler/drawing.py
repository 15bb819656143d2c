"""The `nn` graph as a picture: boxes in layers, one below the other.

An operation lies one layer below the lowest of what it reads; within a layer, boxes stand in the
order of their inputs' mean positions (the barycentre heuristic of Sugiyama et al. 1981). Constants
are not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from tfrc.compiler.describe import operation_name
from tfrc.compiler.module import argument_names, functions, result_names
from tfrc.ir import nn
from tfrc.ir.nn.linear import EpilogueOp
from tfrc.ir.shape import shape_of, text
from tfrc.ir.tf import node_name

CHARACTER = 6.7
"""Width of a character at the font size of a box."""
BOX_HEIGHT, LAYER_HEIGHT, GAP, MARGIN = 34, 62, 24, 20
LABEL_LIMIT = 40
"""Characters of a node's name that a box shows: its end, which tells neighbours apart."""

STYLE = """
.graph text { font: 12px "DejaVu Sans", Arial, sans-serif; fill: #1b1f24; text-anchor: middle }
.graph .node { font-size: 10px; fill: #59636e }
.graph .title { font-weight: bold }
.graph rect { stroke: #8c959f; fill: #f6f8fa; rx: 4px }
.graph .io { fill: #ddf4ff } .graph .linear { fill: #fff1d6 }
.graph .map { fill: #e6f6e6 } .graph .reduction { fill: #fde8ec }
.graph path { stroke: #8c959f; fill: none }
"""

DARK_STYLE = """
@media (prefers-color-scheme: dark) {
.graph text { fill: #e6edf3 } .graph .node { fill: #9198a1 }
.graph rect { fill: #21262d; stroke: #6e7681 }
.graph .io { fill: #0c2d4a } .graph .linear { fill: #4a3410 }
.graph .map { fill: #12391d } .graph .reduction { fill: #4c1d27 }
}
"""


@dataclass
class Box:
    """An operation, an input or the outputs of a signature."""

    lines: tuple[str, str]
    kind: str
    inputs: list[tuple[Box, str]] = field(default_factory=list["tuple[Box, str]"])
    layer: int = 0
    x: float = 0.0

    @property
    def width(self) -> float:
        """Room for the longer line."""
        return max(len(line) for line in self.lines) * CHARACTER + 16

    @property
    def y(self) -> float:
        """The upper edge."""
        return self.layer * LAYER_HEIGHT


def _kind(op: Operation) -> str:
    if isinstance(op, EpilogueOp | nn.BatchMatMulOp):
        return "linear"
    if isinstance(op, nn.MapOp | nn.ElementwiseOp):
        return "map"
    return "movement" if op.name in MOVEMENT else "reduction"


MOVEMENT = frozenset(
    op.name
    for op in (
        nn.ReshapeOp,
        nn.BroadcastToOp,
        nn.TransposeOp,
        nn.SliceOp,
        nn.PadOp,
        nn.MirrorPadOp,
        nn.ConcatOp,
        nn.TileOp,
        nn.ReverseOp,
        nn.GatherOp,
    )
)


def _label(op: Operation) -> str:
    """`conv2d + relu`; a map by what its body computes."""
    if isinstance(op, nn.MapOp):
        inner = [operation_name(each) for each in op.body.block.ops]
        return " · ".join(name for name in inner if name not in ("constant", "yield"))
    if isinstance(op, EpilogueOp) and op.activation is not None:
        return f"{operation_name(op)} + {op.activation.kind.data}"
    return operation_name(op)


def _short(name: str) -> str:
    return name if len(name) <= LABEL_LIMIT else "…" + name[-LABEL_LIMIT:]


def boxes_of(function: FuncOp) -> list[Box]:
    """The boxes of a function, each after those that it reads."""
    makers: dict[SSAValue, Box] = {}
    boxes: list[Box] = []

    def add(box: Box, operands: Sequence[SSAValue]) -> Box:
        box.inputs = [(makers[v], text(shape_of(v))) for v in operands if v in makers]
        box.layer = max((source.layer + 1 for source, _ in box.inputs), default=0)
        boxes.append(box)
        return box

    for name, argument in zip(argument_names(function), function.args, strict=True):
        makers[argument] = add(Box((name, text(shape_of(argument))), "io"), [])
    for op in function.body.block.ops:
        if isinstance(op, nn.WeightOp | nn.ConstantOp):
            continue
        if isinstance(op, ReturnOp):
            add(Box((_short(", ".join(result_names(function))), "output"), "io"), op.operands)
            continue
        box = add(Box((_short(_label(op)), _short(node_name(op.location))), _kind(op)), op.operands)
        makers.update(dict.fromkeys(op.results, box))
    return boxes


def arrange(boxes: Sequence[Box]) -> float:
    """Give every box its place; the width of the drawing."""
    layers: dict[int, list[Box]] = {}
    for box in boxes:
        layers.setdefault(box.layer, []).append(box)
    total = max(sum(b.width + GAP for b in row) for row in layers.values())
    for _, row in sorted(layers.items()):
        row.sort(key=lambda box: sum(s.x for s, _ in box.inputs) / max(len(box.inputs), 1))
        x = (total - sum(b.width + GAP for b in row)) / 2
        for box in row:
            box.x = x + (box.width + GAP) / 2
            x += box.width + GAP
    return total


def _edge(source: Box, target: Box, shape: str, boxes: Sequence[Box]) -> str:
    """A curve; round the right of the boxes between its ends, if it passes layers."""
    y0, y1 = source.y + BOX_HEIGHT, target.y
    low, high = sorted((source.x, target.x))
    passed = [b for b in boxes if source.layer < b.layer < target.layer]
    blocking = [b for b in passed if b.x - b.width / 2 < high + 1 and b.x + b.width / 2 > low - 1]
    if blocking:
        side = max(b.x + b.width / 2 for b in blocking) + GAP / 2
        down, up = y0 + LAYER_HEIGHT - BOX_HEIGHT, y1 - (LAYER_HEIGHT - BOX_HEIGHT)
        curve = f"M{source.x:.0f} {y0:.0f} C{source.x:.0f} {down:.0f} {side:.0f} {y0:.0f} "
        curve += f"{side:.0f} {down:.0f} L{side:.0f} {up:.0f} C{side:.0f} {y1:.0f} "
        curve += f"{target.x:.0f} {up:.0f} {target.x:.0f} {y1:.0f}"
    else:
        middle = (y0 + y1) / 2
        curve = f"M{source.x:.0f} {y0:.0f} C{source.x:.0f} {middle:.0f} "
        curve += f"{target.x:.0f} {middle:.0f} {target.x:.0f} {y1:.0f}"
    return f'<path d="{curve}"><title>{escape(shape)}</title></path>'


def graph_svg(module: ModuleOp, *, dark: bool = True) -> str:
    """All signatures of an `nn` module, side by side; `dark` follows the reader's colour scheme."""
    return drawing_svg(_drawings(module), dark=dark)


def graph_png(module: ModuleOp) -> bytes:
    """The same as PNG, on white."""
    return drawing_png(_drawings(module))


Drawing = tuple[str, list[Box]]
"""A title, and boxes without places."""


def _drawings(module: ModuleOp) -> list[Drawing]:
    return [(name, boxes_of(function)) for name, function in functions(module).items()]


def drawing_svg(drawings: Sequence[Drawing], *, dark: bool = True) -> str:
    """Graphs side by side."""
    texts: list[str] = []
    left, height = float(MARGIN), 0.0
    for title, boxes in drawings:
        width = arrange(boxes)
        parts = [f'<text class="title" x="{width / 2:.0f}" y="-8">{escape(title)}</text>']
        parts += [_edge(s, box, shape, boxes) for box in boxes for s, shape in box.inputs]
        for box in boxes:
            corner = f'x="{box.x - box.width / 2:.0f}" y="{box.y:.0f}" width="{box.width:.0f}"'
            parts.append(f'<rect class="{box.kind}" {corner} height="{BOX_HEIGHT}"/>')
            for line, down, style in zip(box.lines, (14, 28), ("", ' class="node"'), strict=True):
                at = f'x="{box.x:.0f}" y="{box.y + down:.0f}"'
                parts.append(f"<text{style} {at}>{escape(line)}</text>")
        texts.append(f'<g transform="translate({left:.0f} {MARGIN + 12})">{"".join(parts)}</g>')
        left += width + MARGIN
        height = max(height, max(box.y for box in boxes) + BOX_HEIGHT + 2 * MARGIN + 12)
    style = STYLE + (DARK_STYLE if dark else "")
    size = f'width="{left:.0f}" height="{height:.0f}" viewBox="0 0 {left:.0f} {height:.0f}"'
    return (
        f'<svg class="graph" xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>'
        + "".join(texts)
        + "</svg>\n"
    )


def drawing_png(drawings: Sequence[Drawing]) -> bytes:
    """The same as PNG, on white; the text is set in a font of this machine."""
    from resvg_py import svg_to_bytes

    svg = drawing_svg(drawings, dark=False)
    return bytes(svg_to_bytes(svg_string=svg, background="white"))
