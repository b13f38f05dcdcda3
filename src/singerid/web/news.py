"""Watches the library for changes by any program, and tells the pages that listen."""

import threading
from contextlib import suppress
from typing import Any

from singerid.errors import SingeridError
from singerid.library.library import Library
from singerid.web.desk import Desk

_LOOK_SECONDS = 0.4
_LATEST = 20  # jobs that are compared; between two looks no more than these change


class News:
    """Looks at a desk's library again and again from `start` to `close`, even if nobody listens."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._jobs: dict[int, dict[str, Any]] | None = None
        self._mark: object = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; the desk's `closing` is set by then."""
        self._thread.join()

    def _watch(self) -> None:
        while not self._desk.closing.wait(_LOOK_SECONDS):
            with suppress(SingeridError):  # requests report what is wrong with the library
                with self._desk.library() as library:
                    jobs = {job.id: job.to_json() for job in library.jobs.latest(_LATEST)}
                    mark = _mark_of(library)
                if self._jobs is not None:
                    for number in sorted(jobs):
                        if jobs[number] != self._jobs.get(number):
                            self._desk.tell("job", jobs[number])
                    if mark != self._mark:
                        self._desk.tell("library", {})
                self._jobs, self._mark = jobs, mark


def _mark_of(library: Library) -> object:
    """A value that changes if a command, an undo or an answer has changed anything."""
    database = library.core.database
    found: list[Any] = [library.state, database.rows("SELECT max(id), count(*) FROM journal")]
    if database.has_table("answers"):
        found.append(database.rows("SELECT max(id), count(*), max(heard_at) FROM answers"))
    return found
