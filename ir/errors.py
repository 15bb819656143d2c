"""The error that a user's model or flags can cause."""

from __future__ import annotations


class ModelError(Exception):
    """A model or an option that cannot be used.

    `str(error)` says what is wrong, where, and what to do.
    """
