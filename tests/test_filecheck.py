"""Run each `// RUN: tfrc opt … | filecheck %s` of tests/filecheck, in this process."""

from __future__ import annotations

import shlex
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import parse_argv_options
from filecheck.parser import Parser

from tfrc.compiler.opt import main
from tfrc.passes import PASSES

HERE = Path(__file__).parent / "filecheck"


def runs() -> list[tuple[Path, str]]:
    """Every RUN line with its file."""
    return [
        (path, line.removeprefix("// RUN: "))
        for path in sorted(HERE.rglob("*.mlir"))
        for line in path.read_text().splitlines()
        if line.startswith("// RUN: ")
    ]


@pytest.mark.parametrize(("path", "run"), runs(), ids=lambda x: getattr(x, "stem", ""))
def test_filecheck(path: Path, run: str) -> None:
    opt, check = (shlex.split(part) for part in run.replace("%s", str(path)).split("|"))
    assert opt[:2] == ["tfrc", "opt"]
    assert check[0] == "filecheck"
    out = StringIO()
    with redirect_stdout(out):
        main(opt[2:])
    options = parse_argv_options(check)
    report = StringIO()
    with redirect_stdout(report):
        matched = Matcher(
            options, FInput("<tfrc opt>", out.getvalue()), Parser.from_opts(options)
        ).run()
    assert matched == 0, f"{report.getvalue()}\n{out.getvalue()}"


@pytest.mark.parametrize("name", PASSES)
def test_every_pass_has_a_golden_file(name: str) -> None:
    assert (HERE / f"{name.replace('-', '_')}.mlir").exists()


def test_every_file_has_a_run_line() -> None:
    assert {path for path, _ in runs()} == set(HERE.rglob("*.mlir"))
