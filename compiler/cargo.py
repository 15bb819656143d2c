"""cargo, for commands that build and run: where it is, and where it keeps what it builds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tfrc.compiler.errors import ModelError


def cache() -> Path:
    """The folder of what tfrc keeps for the user: what cargo builds, and what was measured."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tfrc"


def cargo() -> str:
    """Where cargo is. Errors: ModelError if it is nowhere."""
    found = shutil.which("cargo")
    if found is None:
        raise ModelError("cargo is not on PATH: install Rust, see https://rustup.rs")
    return found


def cargo_environment() -> dict[str, str]:
    """The environment in which cargo builds into the user's cache."""
    return {"CARGO_TARGET_DIR": str(cache() / "target"), **os.environ}
