"""Cargo in generated crates: one target folder, so that tf-layers compiles once; one at a time.

Cargo locks the folder while it builds, but not while it runs what it built, or documentation tests:
two processes of one test run would replace each other's programs.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or Path(__file__).parents[2] / "target")

needs_cargo = pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not on PATH")


def cargo(crate: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run cargo in a crate, whatever comes of it."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with (TARGET / ".tests").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.run(
            ["cargo", *map(str, arguments)],
            cwd=crate,
            env={**os.environ, "CARGO_TARGET_DIR": str(TARGET), **environment},
            capture_output=True,
            text=True,
            check=False,
        )


def succeed(crate: Path, *arguments: object, **environment: str) -> str:
    """What cargo prints; it must succeed."""
    done = cargo(crate, *arguments, **environment)
    command = " ".join(map(str, ("cargo", *arguments)))
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
