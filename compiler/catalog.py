"""What there is: passes and operations, with the first line of their documentation."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc

from tfrc.ir import nn
from tfrc.passes import PASSES, PIPELINES
from tfrc.passes.legalize import LEGALIZATIONS, THEMES


def first_line(documented: object) -> str:
    """The first sentence of a docstring."""
    return (documented.__doc__ or "").strip().partition("\n")[0]


OF_XDSL = {
    "cse": "Compute once what is computed twice from the same operands.",
    "dce": "Erase operations whose results nothing uses.",
}
"""One line for passes that xDSL has and does not describe."""

SAME = "The `nn` operation of that name."
"""For legalizations that come from a table of equal names, which have no docstring."""


def passes() -> list[tuple[str, str, str]]:
    """Name, lowest level that runs it, one line."""
    return [
        (name, lowest_level(name), OF_XDSL.get(name) or first_line(cls))
        for name, cls in PASSES.items()
    ]


def lowest_level(name: str) -> str:
    """`-O1`: the lowest level whose pipeline has the pass; `-p` if none has."""
    for level, specs in PIPELINES.items():
        if name in {spec.partition("{")[0] for spec in specs}:
            return f"-{level}"
    return "-p"


def tf_ops() -> dict[str, list[str]]:
    """The TensorFlow ops that are supported, by theme, each list sorted."""
    themes = {theme.__name__: theme.__name__.rpartition(".")[2] for theme in THEMES}
    result: dict[str, list[str]] = {}
    for op, function in LEGALIZATIONS.items():
        result.setdefault(themes.get(_module(function), "other"), []).append(op)
    return {theme: sorted(ops) for theme, ops in sorted(result.items())}


def _module(function: Callable[..., object]) -> str:
    return function.__module__


def nn_ops() -> list[tuple[str, str]]:
    """Name and one line of every operation of the `nn` dialect."""
    return [(op.name, first_line(op)) for op in nn.NN.operations]


def markdown() -> str:
    """docs/ops.md: the supported TensorFlow ops and every `nn` operation, from their docstrings."""
    lines = [
        "# Operations",
        "",
        "Generated from the docstrings by `pytest --bless tests/test_docs.py`.",
        "",
        "## TensorFlow ops",
        "",
        "An op that is not listed is refused by `tfrc compile` with its name, how often it occurs",
        "and what can be done.",
        "",
    ]
    themes = {theme.__name__.rpartition(".")[2]: first_line(theme) for theme in THEMES}
    for theme, ops in tf_ops().items():
        lines += [f"### {theme}", "", themes.get(theme, ""), "", "| op | in `nn` |", "|---|---|"]
        lines += [f"| {op} | {_cell(first_line(LEGALIZATIONS[op]) or SAME)} |" for op in ops]
        lines.append("")
    lines += ["## The `nn` dialect", ""]
    for op in nn.NN.operations:
        lines += [f"### `{op.name}`", "", cleandoc(op.__doc__ or ""), ""]
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
