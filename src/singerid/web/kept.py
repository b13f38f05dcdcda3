"""Files that were dropped on the page; they are kept as long as their songs are in the list."""

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
_FORGOTTEN_SECONDS = 24 * 3600.0  # an upload that is still going on is younger


def is_upload(settings: Settings, path: str | Path) -> bool:
    """Whether a file was dropped on the page."""
    return Path(path).is_relative_to(settings.uploads.absolute())


def remove_unheard(library: Library, settings: Settings, paths: Iterable[str]) -> None:
    """Remove dropped files that are not in the list of songs, because nobody can reach them.

    A file that cannot be removed stays, and `remove_forgotten` tries again.
    """
    for path in paths:
        if is_upload(settings, path) and library.answers.at(path) is None:
            with suppress(OSError):
                Path(path).unlink(missing_ok=True)
                Path(path).parent.rmdir()  # fails while other files are in it


def remove_forgotten(library: Library, settings: Settings) -> None:
    """Remove uploads that a power cut left behind: files older than a day that no song and no job uses."""
    wanted = library.jobs.unfinished_arguments()
    waiting = {path for arguments in wanted for path in arguments.get("paths", ())}
    before = time.time() - _FORGOTTEN_SECONDS
    for folder in _in(settings.uploads.absolute()):
        for path in _in(folder):
            with suppress(OSError):
                if path.stat().st_mtime < before and str(path) not in waiting:
                    remove_unheard(library, settings, [str(path)])


def _in(folder: Path) -> list[Path]:
    """What is in a folder; nothing if it is not a folder, cannot be read, or is gone."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def files_of(arguments: dict[str, Any]) -> list[str]:
    """The files of a job, from its arguments."""
    return [str(path) for path in arguments.get("paths", ())]


def full_disk(folder: Path) -> str:
    """A message if the disk has no room for what a library writes; "" if it has."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    if free >= _FULL_BYTES:
        return ""
    return f"{printable(folder)}: the disk is full; free some space, and the waiting jobs go on"
