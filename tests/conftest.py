"""Fixtures that all tests share: golden files, and the `--bless` option that rewrites them."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

# The reference is TensorFlow without oneDNN; this must stand before its first import.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="rewrite golden files that differ")


class Golden:
    """The files in tests/golden. `check` compares one with what the program makes now."""

    def __init__(self, bless: bool):
        self.bless = bless

    def check(self, name: str, actual: str) -> None:
        """Compare tests/golden/NAME with `actual`."""
        self.check_file(GOLDEN / name, actual)

    def check_file(self, path: Path, actual: str) -> None:
        """Compare a file of the repository with `actual`; with `--bless` write it instead."""
        expected = path.read_text() if path.exists() else ""
        if actual == expected:
            return
        if self.bless:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual)
            return
        diff = difflib.unified_diff(
            expected.splitlines(), actual.splitlines(), str(path), "actual", lineterm=""
        )
        pytest.fail("\n".join([*diff, "if this is right: pytest --bless"]), pytrace=False)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(bool(request.config.getoption("--bless")))
