"""Files that should hold sound: opened, or refused with the reason."""

import stat
import warnings
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from singerid.errors import SingeridError
from singerid.sound.decoding.pieces import Warn
from singerid.text import printable


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


class AudioWarning(UserWarning):
    """A file that was used, though something is wrong with it: it is damaged or cut short, for example."""


def open_file(path: Path) -> BufferedReader:
    """Open a file that should hold sound for reading.

    Raises:
        AudioError: it is missing, not readable, empty, or no regular file.
    """
    try:
        # Asked before opening, for opening a pipe would wait for its writer.
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(path, "is a folder; give an audio file")
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(path, "is no regular file; copy its sound into a file first")
        if status.st_size == 0:
            raise AudioError(path, "is empty (0 bytes); copy or download it again")
        return path.open("rb")
    except FileNotFoundError as error:
        raise AudioError(path, "does not exist; check the name") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise AudioError(path, f"cannot be opened ({reason}); check its name and permissions") from error


def python_warning(path: Path) -> Warn:
    """Issues an `AudioWarning` that names the file."""
    return lambda reason: warnings.warn(f"{printable(path)}: {reason}", AudioWarning, stacklevel=4)


def one_warning(reasons: Iterable[str]) -> str:
    """What is wrong with a file in one line, each reason once; "" if nothing."""
    return "; ".join(dict.fromkeys(reasons))
