"""What a person at a terminal sees while the compiler works; a pipe sees nothing."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from tfrc.compiler.pass_manager import Step


class Progress:
    """One line on stderr that says what is being done, erased in the end."""

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream or sys.stderr
        self.is_on = self.stream.isatty()
        self.start = time.perf_counter()

    def say(self, what: str) -> None:
        """Replace the line."""
        if self.is_on:
            seconds = time.perf_counter() - self.start
            width = shutil.get_terminal_size().columns - 1
            self.stream.write(f"\r\x1b[K{f'{seconds:5.1f} s  {what}'[:width]}")
            self.stream.flush()

    def done(self) -> None:
        """Erase the line."""
        if self.is_on:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def __call__(self, step: Step) -> None:
        """As an observer of passes: name the pass that just ran."""
        self.say(f"pass {step.number} {step.name}")
