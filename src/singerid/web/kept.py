"""Files that were dropped on the page, and how long they are kept: as their songs are in the list."""

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from singerid.library.library import Library
from singerid.text import printable
from singerid.web.settings import Settings

_FULL_BYTES = 4 * 1024**2
_FORGOTTEN_SECONDS = 24 * 3600.0  # what is being taken is younger


def is_upload(settings: Settings, path: str | Path) -> bool:
    """Whether a file is one that was dropped on the page."""
    return Path(path).is_relative_to(settings.uploads.absolute())


def remove_upload(settings: Settings, path: str | Path) -> None:
    """Remove a file that was dropped on the page; any other one stays."""
    if is_upload(settings, path):
        Path(path).unlink(missing_ok=True)
        with suppress(OSError):  # others lie in it
            Path(path).parent.rmdir()


def remove_unheard(library: Library, settings: Settings, paths: Iterable[str]) -> None:
    """Remove those of files that were dropped on the page which are in no list: nobody can reach them.

    One that cannot be removed stays: `remove_forgotten` tries again.
    """
    for path in paths:
        if is_upload(settings, path) and library.answers.at(path) is None:
            with suppress(OSError):
                remove_upload(settings, path)


def remove_forgotten(library: Library, settings: Settings) -> None:
    """Remove what a power cut has left of uploads: files of a day ago that no song and no job has."""
    wanted = library.jobs.unfinished_arguments()
    waiting = {path for arguments in wanted for path in arguments.get("paths", ())}
    before = time.time() - _FORGOTTEN_SECONDS
    for folder in _in(settings.uploads.absolute()):
        for path in _in(folder):
            with suppress(OSError):
                if path.stat().st_mtime < before and str(path) not in waiting:
                    remove_unheard(library, settings, [str(path)])


def _in(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it is none, cannot be read, or is not there any more."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def files_of(arguments: dict[str, Any]) -> list[str]:
    """The files that a job has, of its arguments."""
    return [str(path) for path in arguments.get("paths", ())]


def full_disk(folder: Path) -> str:
    """What to tell of a disk that has no room for what a library writes; "": it has some."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    if free >= _FULL_BYTES:
        return ""
    return f"{printable(folder)}: the disk is full; free some space, and what waits goes on"
