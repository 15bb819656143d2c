"""The error that a user's model or flags can cause; passes raise it too."""

from tfrc.ir.errors import ModelError

__all__ = ["ModelError"]
