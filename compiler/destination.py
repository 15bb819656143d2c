"""Where results go: made beside the target and renamed, so that nothing is ever half-written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tfrc.compiler.errors import ModelError

OURS = (
    ("Cargo.toml", "src/model.rs"),
    ("rust_generated_code/Cargo.toml", "saved_model_from_tensorflow/model_architecture.json"),
)
"""What a folder holds that an earlier run made, and that `--force` may therefore replace."""


def check(target: Path, force: bool, makes_parents: bool = False, option: str = "-o") -> None:
    """Refuse a target that exists, before any work is done; `option` is what named it.

    Errors: ModelError if `target` exists and `force` is not given, or is a folder of other things.
    """
    if makes_parents and not target.parent.exists():
        return
    if not target.parent.is_dir():
        raise ModelError(f"{option} {target}: there is no folder {target.parent}: make it first")
    if not os.access(target.parent, os.W_OK):
        raise ModelError(f"{option} {target}: the folder {target.parent} cannot be written to")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not force:
        raise ModelError(f"{option} {target} exists: give another name, or --force to replace it")
    if target.is_dir():
        if not any(all((target / name).exists() for name in names) for names in OURS):
            raise ModelError(
                f"{option} {target} is a folder that tfrc did not make, and which is therefore not "
                "replaced: give another name"
            )
        if Path.cwd().is_relative_to(target.resolve()):
            raise ModelError(
                f"{option} {target} is the current folder: run tfrc from outside of it"
            )


@contextmanager
def folder(target: Path) -> Generator[Path]:
    """An empty folder that becomes `target` when the block ends well, and vanishes when not."""
    target = target.absolute()  # what writes into the folder may run elsewhere
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        work.chmod(0o755)
        yield work
        _replace(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def file(target: Path) -> Generator[Path]:
    """A file name that becomes `target` when the block ends well.

    Other files that the block makes beside it, with the same stem, move as well.
    """
    target = target.absolute()
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as name:
        yield Path(name) / target.name
        for made in sorted(Path(name).iterdir()):
            made.replace(target.parent / made.name)


def _replace(work: Path, target: Path) -> None:
    """Rename `work` to `target`; what was there is removed once it is out of the way."""
    if not target.exists():
        work.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    target.rename(old / target.name)
    try:
        work.rename(target)
    except OSError:
        (old / target.name).rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
