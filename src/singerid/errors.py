"""What goes wrong, said once: errors for people, files that failed, exit codes."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePath

# Control characters, line and paragraph separators, and lone surrogates (bytes that are no UTF-8).
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(name: str | PurePath) -> str:
    """`name` on one line and fit for any UTF-8 output: what is neither is written as an escape."""
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(name))


def near_names(name: str, known: Iterable[str]) -> str:
    """Known names that resemble `name`, comma-separated, the most alike first; all of them if none does."""
    known = sorted(known)
    return ", ".join(difflib.get_close_matches(name, known, n=5, cutoff=0.5) or known)


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
