"""tfrc: compile TensorFlow graphs to straight-line Rust.

Importing this package is quick: TensorFlow and xDSL are loaded by the first call of `compile`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfrc.compiler.api import compile as compile

__all__ = ["compile"]


def __getattr__(name: str) -> Any:
    if name == "compile":
        from tfrc.compiler.api import compile

        return compile
    raise AttributeError(f"module 'tfrc' has no attribute {name!r}")
