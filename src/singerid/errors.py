"""Errors for users, inputs that failed, and exit codes."""

from dataclasses import dataclass
from enum import IntEnum

from singerid.text import printable


class SingeridError(Exception):
    """An error that the user can correct.

    The message is one line that names what is wrong and the remedy; the command line prints it without a
    traceback. Line breaks and control characters in names are escaped, so that it stays one line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class ExitCode(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    SOME_FAILED = 3
    UNUSABLE = 2
    INTERRUPTED = 130


@dataclass(frozen=True, order=True)
class Failure:
    """An input that could not be used; the other inputs were processed all the same."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"
