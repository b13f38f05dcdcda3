"""Open files that should hold sound, or refuse them and state the reason."""

import logging
import stat
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from singerid.errors import SingeridError
from singerid.sound.decoding.pieces import Warn
from singerid.text import printable

_log = logging.getLogger(__name__)


class AudioError(SingeridError):
    """A file whose sound cannot be used.

    Attributes:
        reason: what is wrong and the remedy, without the file's name.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{printable(path)}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type["AudioError"], tuple[Path, str]]:  # crosses process borders
        return type(self), (self.path, self.reason)


def open_file(path: Path) -> BufferedReader:
    """Open a file that should hold sound for reading.

    Raises:
        AudioError: the file is missing, not readable, empty, or not a regular file.
    """
    try:
        # Checked before opening, because opening a pipe would wait for its writer.
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(path, "is a folder; give an audio file")
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(path, "is not a regular file; copy its sound into a file first")
        if status.st_size == 0:
            raise AudioError(path, "is empty (0 bytes); copy or download it again")
        return path.open("rb")
    except FileNotFoundError as error:
        raise AudioError(path, "does not exist; check the name") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise AudioError(path, f"cannot be opened ({reason}); check its name and permissions") from error


def logged(path: Path) -> Warn:
    """A function that logs what is wrong with a file that can still be used, each reason once."""
    told = set()

    def log(reason: str) -> None:
        if reason not in told:
            told.add(reason)
            _log.warning(f"{printable(path)}: {reason}")

    return log


def one_warning(reasons: Iterable[str]) -> str:
    """All reasons on one line, each one once; "" if there are none.

    >>> one_warning(["is short", "is quiet", "is short"])
    'is short; is quiet'
    """
    return "; ".join(dict.fromkeys(reasons))
