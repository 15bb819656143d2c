"""`--emit html|svg|png`: one file without references to others, whose plan shows every buffer."""

import re
from html.parser import HTMLParser

from xdsl.dialects.builtin import ModuleOp

from tfrc.compiler.drawing import graph_png, graph_svg
from tfrc.compiler.flops import function_flops
from tfrc.compiler.module import functions
from tfrc.ir.weights import CompilerContext

Network = tuple[CompilerContext, ModuleOp]


class Balance(HTMLParser):
    """Checks that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_refers_to_nothing(report: str) -> None:
    balance = Balance()
    balance.feed(report)
    assert balance.open == []
    assert "href" not in report
    assert set(re.findall(r"https?://[^\"]*", report)) == {"http://www.w3.org/2000/svg"}
    assert "<model>" not in report
    assert "x &amp; &lt;y&gt;" in report


def test_the_page_says_what_the_model_is(report: str) -> None:
    assert "Nx8x8x3 f32" in report
    assert f"{2 * 36 * 4 * 27:,} FLOPs" in report
    assert "a weight holds NaN" in report


def test_the_plan_shows_every_buffer(report: str) -> None:
    blocks = re.findall(r"<title>[^<]*: ([\d,]+) bytes at", report)
    assert blocks == ["576"]  # the softmax is computed in the output
    assert "arena 576 bytes, lower bound 576" in report


def test_flops_count_multiply_adds_twice(network: Network) -> None:
    _, module = network
    assert function_flops(functions(module)["serving_default"], 2) == 2 * 2 * 36 * 4 * 27


def test_a_graph_has_a_box_for_each_operation_but_constants(network: Network) -> None:
    _, module = network
    svg = graph_svg(module)
    assert svg.count("<rect") == 6
    assert svg.count("<path") == 6
    assert ">conv<" in svg


def test_png(network: Network) -> None:
    _, module = network
    assert graph_png(module).startswith(b"\x89PNG\r\n")
