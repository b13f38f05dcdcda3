"""The state of the library, the queue of jobs, and the news."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from singerid.text import printable
from singerid.version import __version__
from singerid.web.desk import Desk, News, NotThereError, desk
from singerid.web.kept import files_of, full_disk, remove_unheard
from singerid.web.plain import plain_json

router = APIRouter(tags=["state"])
OfDesk = Annotated[Desk, Depends(desk)]

_LIFE_SECONDS = 10.0  # after which a line is sent, so that a listener who is gone is noticed
_LOOK_SECONDS = 0.5


@router.get("/state")
def state(at: OfDesk) -> dict[str, Any]:
    """The library, its number of songs by decision, and the limits of the server."""
    with at.library() as library:
        contents, calibration = library.core.contents, None
        found = library.calibration
        if found is not None:
            calibration = {key: value for key, value in found.to_json().items() if key != "scores"}
        counts = library.answers.counts()
        settings = contents.settings
        latest = library.journal(1)
        limits = at.settings.limits
        return {
            "library": {
                "name": printable(at.folder.absolute().name),
                "path": printable(at.folder.absolute()),
                "encoder": settings.encoder if settings else None,
                "audio": settings.audio if settings else None,
                "separator": settings.separator if settings else None,
                "singers": len(contents.names),
                "recordings": len(contents.enrolled),
                "calibration": calibration,
                "changed_since_calibration": bool(found and found.drift(contents)[0]),
            },
            "songs": counts | {"total": sum(counts.values())},
            "roots": [printable(root) for root in at.roots],
            "limits": {
                "upload_bytes": limits.upload_bytes,
                "seconds": limits.seconds,
                "uploads_at_once": limits.uploads_at_once,
            },
            "undo": asdict(latest[0]) if latest and latest[0].can_undo else None,
            "version": __version__,
            "writable": library.core.database.writable,
            "notice": at.notice or full_disk(at.folder),
        }


@router.get("/jobs")
def jobs(at: OfDesk) -> dict[str, Any]:
    """The latest jobs, the newest first."""
    with at.library() as library:
        return {"jobs": [job.to_json() for job in library.jobs.latest()]}


@router.delete("/jobs/{job}")
def cancel(job: int, at: OfDesk) -> dict[str, Any]:
    """Cancel a job that waits or is running; what it has done stays. A job that has ended stays as it is."""
    with at.library() as library:
        if not -(2**63) <= job < 2**63 or library.jobs.get(job) is None:
            raise NotThereError(f"job {job}: does not exist; reload the list")
        waits = library.jobs.cancel_waiting(job)
        if waits is None:
            library.jobs.cancel(job)  # it is running: its worker stops, and removes what it has not heard
        else:
            remove_unheard(library, at.settings, files_of(waits))
        found = library.jobs.get(job)
        assert found is not None
    at.tell("job", found.to_json())
    return found.to_json()


@router.get("/events", response_class=StreamingResponse)
async def events(at: OfDesk) -> StreamingResponse:
    """The news as they come (text/event-stream): "job" with a job, "library" if anything has changed."""
    queue = at.listen()  # before the answer begins, so that an error can still be the answer

    async def news() -> AsyncIterator[str]:
        yield ": listening\n\n"
        quiet = 0.0
        while not at.closing.is_set():
            try:
                event, data = await asyncio.wait_for(queue.get(), _LOOK_SECONDS)
                quiet = 0.0
                yield f"event: {event}\ndata: {plain_json(data)}\n\n"
            except TimeoutError:
                quiet += _LOOK_SECONDS
                if quiet >= _LIFE_SECONDS:
                    quiet = 0.0
                    yield ": here\n\n"

    return _Events(news(), queue, at)


class _Events(StreamingResponse):
    """A stream that stops listening to the news when it ends, even if it did not begin."""

    def __init__(self, news: AsyncIterator[str], queue: asyncio.Queue[News], at: Desk) -> None:
        super().__init__(news, media_type="text/event-stream")
        self._queue, self._desk = queue, at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._desk.unlisten(self._queue)
