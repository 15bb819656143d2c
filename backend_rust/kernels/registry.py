"""Where the printing functions are kept.

A printing function gets a call whose buffers have names, and says which function of tf-layers runs
it with which static facts and arguments. What a kernel cannot do is refused where it is selected.
"""

from __future__ import annotations

from collections.abc import Callable

from tfrc.backend_rust.calls import Call, Printed

Print = Callable[[Call], Printed]

PRINTERS: dict[str, Print] = {}
"""Kernel of the `rt` dialect → how a call of it is printed."""


def prints(*kernels: str) -> Callable[[Print], Print]:
    """Register the printing function of some kernels."""

    def register(function: Print) -> Print:
        PRINTERS.update(dict.fromkeys(kernels, function))
        return function

    return register
