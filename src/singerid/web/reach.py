"""Which files the server may read and write: by where they really lie, wherever links lead."""

import os
from collections.abc import Iterable
from pathlib import Path

from singerid.text import printable
from singerid.web.desk import NotThereError
from singerid.web.problems import RefusedError
from singerid.web.settings import Settings


def within(path: Path, folders: Iterable[Path]) -> bool:
    """Whether a file or folder lies in one of these, wherever links lead."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)


def may_write(settings: Settings, path: Path) -> bool:
    """Whether tags may be written into a file: it lies in a folder that may be heard, or was dropped."""
    return within(path, settings.reached)


def readable(settings: Settings, path: Path) -> Path:
    """A file of the list or the library, to be played and drawn.

    It may lie anywhere, for its owner has enrolled or heard it there; but what is in a folder that may be
    heard must not lead out of it: others may have put a link there since.

    Raises:
        NotThereError: it is not there.
        RefusedError: it leads out.
    """
    if not path.is_file():
        raise NotThereError(
            f"{printable(path)}: is not there any more; put it back, or hear it where it is now"
        )
    looks_inside = any(path.is_relative_to(folder) for folder in settings.reached)
    if looks_inside and not within(path, settings.reached):
        raise RefusedError(
            f"{printable(path)}: a link leads out of the folders that may be heard; start singerid serve "
            "with --root FOLDER for where it leads"
        )
    return path
