"""Asking for long work: it is put into the library's queue, and who looks is told."""

from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import HTTPException

from singerid.library.jobs import JobKind
from singerid.text import counted
from singerid.web.desk import Desk


def ask_for(desk: Desk, kind: JobKind, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The job that was put into the queue; raises HTTPException 429 where too many wait already."""
    most = desk.settings.limits.jobs
    with desk.library() as library:
        if library.jobs.unfinished >= most:
            raise HTTPException(429, f"{counted(most, 'job')} wait already; let some end or cancel them")
        job = library.jobs.add(kind, arguments).to_json()
    desk.tell("job", job)
    return job
