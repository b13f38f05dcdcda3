"""What is asked of the queue: jobs, and the files and folders that they may be about."""

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
    """Put a job in the queue; raises UploadError where too many wait."""
    with at.library() as library:
        check_room(at, library.jobs.unfinished)
        job = library.jobs.add(kind, arguments).to_json()
    at.tell("job", job)
    return job


def check_room(at: Desk, waiting: int) -> None:
    """Raise UploadError where no more jobs may wait than do."""
    if waiting >= at.settings.limits.jobs:
        raise UploadError(429, f"{waiting} jobs wait already; wait for some, or cancel them")


def inside(at: Desk, text: str) -> Path:
    """A path inside the roots; raises RefusedError where it is, or a link leads, elsewhere."""
    path = Path(os.path.normpath(text)) if "\0" not in text else None
    if path is not None and path.is_absolute() and _is_below(path, at.roots):
        path = meant_path(path, lambda folder: _leads_nowhere_else(folder, at.roots))
    if path is None or not path.is_absolute() or not within(path, at.roots):
        roots = ", ".join(printable(root) for root in at.roots) or "none"
        raise RefusedError(
            f"{printable(text)}: lies in no folder that may be heard ({roots}); start singerid serve with "
            "--root FOLDER for it"
        )
    if not path.exists():
        raise NotThereError(f"{printable(text)}: does not exist; check the name")
    return path


def _is_below(path: Path, roots: Sequence[Path]) -> bool:
    """Whether it looks so: elsewhere nothing is listed, not even to find out what is meant."""
    return any(path.is_relative_to(root) or path.is_relative_to(printable(root)) for root in roots)


def _leads_nowhere_else(folder: Path, roots: Sequence[Path]) -> bool:
    """Whether it lies in a root, wherever links lead, or above one."""
    return within(folder, roots) or any(root.is_relative_to(folder) for root in roots)
