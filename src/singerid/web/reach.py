"""Which files the server may read and write: this depends on where they really are, after all links."""

import os
from collections.abc import Iterable
from pathlib import Path

from singerid.web.desk import NotThereError
from singerid.web.problems import RefusedError
from singerid.web.settings import Settings

LEADS_OUT = (
    "a link leads out of the folders that may be heard; start the server with the folder to which it leads: "
    "singerid serve LIBRARY --root FOLDER"
)


def within(path: Path, folders: Iterable[Path]) -> bool:
    """Whether a file or folder is in one of these folders, after all links are resolved."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)


def may_write(settings: Settings, path: Path) -> bool:
    """Whether tags may be written into a file: it is in a folder that may be heard, or was dropped."""
    return within(path, settings.reached)


def readable(settings: Settings, path: Path) -> Path:
    """A file of the list or the library, to be played and drawn.

    It may be anywhere, because its owner has enrolled or heard it there. But a path in a folder that may be
    heard must not lead out of that folder: somebody may have put a link there since.

    Raises:
        NotThereError: it is not there.
        RefusedError: it leads out.
    """
    if not path.is_file():
        raise NotThereError(f"{path}: is not there any more; put it back, or add its new folder")
    looks_inside = any(path.is_relative_to(folder) for folder in settings.reached)
    if looks_inside and not within(path, settings.reached):
        raise RefusedError(f"{path}: {LEADS_OUT}")
    return path
