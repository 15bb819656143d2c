"""A Rust crate from the planned `rt` module.

Nothing outside this package knows how Rust is spelled, and jinja2 is imported nowhere else. Nothing
in it chooses: kernels, packings, buffers and offsets are decided by the passes; here they get names
and are printed. Python prepares small frozen dataclasses, the templates lay them out.
"""

from tfrc.backend_rust.crate import Emitted, emit_crate
from tfrc.backend_rust.options import LEVELS, CrateOptions, Decisions, EmitError, Features

__all__ = [
    "LEVELS",
    "CrateOptions",
    "Decisions",
    "EmitError",
    "Emitted",
    "Features",
    "emit_crate",
]
