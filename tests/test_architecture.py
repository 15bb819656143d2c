"""The one-way import order, and where each heavy library may be imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ALLOWED = {
    "ir": {"ir"},
    "passes": {"ir", "passes"},
    "backend_rust": {"ir", "backend_rust"},
    "compiler": {"ir", "passes", "backend_rust", "compiler", "runtime"},
}
"""Which layers a layer may import."""

HOMES = {
    "tensorflow": "compiler/frontend/",
    "keras": "compiler/frontend/",
    "tf_keras": "compiler/frontend/",
    "h5py": "compiler/frontend/",
    "jinja2": "backend_rust/",
    "typer": "compiler/cli.py",
}
"""The one place that may import a library."""


def imports(file: Path) -> set[str]:
    """The modules that a file imports, by absolute name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("layer", ALLOWED)
def test_imports_point_one_way(layer: str) -> None:
    for file in (ROOT / layer).rglob("*.py"):
        for name in imports(file):
            top, _, rest = name.partition(".")
            assert top not in ALLOWED, f"{file}: write tfrc.{name}, not {name}"
            if top == "tfrc":
                assert rest.partition(".")[0] in ALLOWED[layer], f"{file} imports {name}"
            if top in HOMES:
                path = file.relative_to(ROOT).as_posix()
                assert path.startswith(HOMES[top]), f"{path} imports {name}"


@pytest.mark.parametrize("program", ["import tfrc", "from tfrc.compiler.cli import app"])
def test_importing_is_quick(program: str) -> None:
    heavy = "{'tensorflow', 'keras', 'xdsl', 'numpy', 'jinja2'}"
    code = f"{program}\nimport sys\nassert not {heavy} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_compiling_without_a_model_needs_no_tensorflow() -> None:
    code = "import tfrc.compiler.opt, sys\nassert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
