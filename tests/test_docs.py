"""The documentation is true: what it shows runs, and what is generated is up to date."""

from __future__ import annotations

import difflib
import importlib.util
import re
import shlex
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from crates import needs_cargo, succeed
from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import parse_argv_options
from filecheck.parser import Parser
from typer.testing import CliRunner

from tfrc.compiler import catalog, opt
from tfrc.compiler.cli import app
from tfrc.passes import PASSES

DOCS = Path(__file__).parents[1] / "docs"


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / name).read_text(), re.M | re.S)


def run_opt(arguments: list[str]) -> str:
    out = StringIO()
    with redirect_stdout(out):
        opt.main(arguments)
    return out.getvalue()


@pytest.fixture
def first_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the golden file of docs/first-pass.md, whose pass is registered."""
    (source,) = blocks("first-pass.md", "python")
    path = tmp_path / "fold_double_relu.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("fold_double_relu", path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fold_double_relu", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(PASSES, "fold-double-relu", module.FoldDoubleReluPass)
    (golden,) = blocks("first-pass.md", "mlir")
    (tmp_path / "fold_double_relu.mlir").write_text(golden)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_pass_passes_its_golden_test(first_pass: Path) -> None:
    path = first_pass / "fold_double_relu.mlir"
    run = path.read_text().splitlines()[0].removeprefix("// RUN: ").replace("%s", str(path))
    command, check = (shlex.split(part) for part in run.split("|"))
    options = parse_argv_options(check)
    text = FInput("<tfrc opt>", run_opt(command[2:]))
    assert Matcher(options, text, Parser.from_opts(options)).run() == 0


def test_the_first_pass_is_seen_between_two_dumps(first_pass: Path) -> None:
    (command,) = blocks("first-pass.md", "sh")
    run_opt(shlex.split(command)[2:])
    names = sorted(path.name for path in (first_pass / "dumps").iterdir())
    assert names == ["00-input.mlir", "02-fold-double-relu.mlir"]
    before, after = ((first_pass / "dumps" / name).read_text().splitlines() for name in names)
    diff = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    (shown,) = blocks("first-pass.md", "diff")
    assert [line[0] + line[2:] for line in diff] == [
        line[0] + line[1:] for line in shown.splitlines()
    ]


def test_the_list_of_operations_is_up_to_date(golden: Any) -> None:
    golden.check_file(DOCS / "ops.md", catalog.markdown())


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def moved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The crate that docs/from-tf2rust.md makes, in `folder`."""
    monkeypatch.chdir(folder)
    (program,) = blocks("from-tf2rust.md", "python")
    exec(compile(program, "from-tf2rust.md", "exec"), {})
    (command,) = blocks("from-tf2rust.md", "sh")
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    assert (
        "next: cd moved/rust_generated_code && cargo test --release && cargo bench" in done.stdout
    )
    return folder / "moved" / "rust_generated_code"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras
@pytest.mark.slow
@needs_cargo
def test_a_model_moves_from_tf2rust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crate = moved(tmp_path, monkeypatch)
    (use,) = blocks("from-tf2rust.md", "rust")
    (crate / "examples" / "score.rs").write_text(use)
    succeed(crate, "test", "--quiet")
    assert succeed(crate, "run", "--quiet", "--example", "score").endswith(" High\n")
