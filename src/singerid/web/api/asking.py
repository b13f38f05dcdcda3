"""Putting jobs in the queue, and the files and folders that they may be about."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from singerid.library.jobs import JobKind
from singerid.text import printable
from singerid.web.desk import Desk, NotThereError
from singerid.web.plain import meant_path
from singerid.web.problems import RefusedError
from singerid.web.reach import within
from singerid.web.uploads import UploadError


def ask(at: Desk, kind: JobKind, arguments: dict[str, Any]) -> dict[str, Any]:
    """Put a job in the queue; raises UploadError if too many jobs wait."""
    with at.library() as library:
        check_room(at, library.jobs.unfinished)
        job = library.jobs.add(kind, arguments).to_json()
    at.tell("job", job)
    return job


def check_room(at: Desk, waiting: int) -> None:
    """Raise UploadError if the queue is full."""
    if waiting >= at.settings.limits.jobs:
        raise UploadError(429, f"{waiting} jobs wait already; wait for some, or cancel them")


def inside(at: Desk, text: str) -> Path:
    """A path inside the roots; raises RefusedError if it is elsewhere, or a link leads elsewhere."""
    path = Path(os.path.normpath(text)) if "\0" not in text else None
    if path is not None and path.is_absolute() and _is_below(path, at.roots):
        path = meant_path(path, lambda folder: _leads_nowhere_else(folder, at.roots))
    if path is None or not path.is_absolute() or not within(path, at.roots):
        roots = ", ".join(printable(root) for root in at.roots) or "none"
        raise RefusedError(
            f"{text}: is in no folder that may be heard ({roots}); start the server with its "
            "folder: singerid serve LIBRARY --root FOLDER"
        )
    if not path.exists():
        raise NotThereError(f"{text}: does not exist; check the name")
    return path


def _is_below(path: Path, roots: Sequence[Path]) -> bool:
    """Whether a path is below a root by its text. Elsewhere no folder is listed, not even to find a name."""
    return any(path.is_relative_to(root) or path.is_relative_to(printable(root)) for root in roots)


def _leads_nowhere_else(folder: Path, roots: Sequence[Path]) -> bool:
    """Whether a folder is in a root, after all links are resolved, or above a root."""
    return within(folder, roots) or any(root.is_relative_to(folder) for root in roots)
