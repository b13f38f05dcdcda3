"""What goes wrong, said once: errors for people, files that failed, exit codes."""

from dataclasses import dataclass
from enum import IntEnum

from singerid.text import printable


class SingeridError(Exception):
    """Something a user can mend.

    The message is one line that names the thing and the remedy; the command line prints it
    without a traceback. Whatever names it holds, it is made to stay on one line.
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
    """One input that could not be used, while the rest was done."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"
