"""What every part of the server works at: the library, opened for each request, and who listens for news."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any

from fastapi import Request

from singerid.errors import SingeridError
from singerid.library.answers import Answer
from singerid.library.database import FILE, UnusableDatabaseError
from singerid.library.library import Library
from singerid.system.devices import choose_device
from singerid.text import printable
from singerid.web.review_notes import ReviewNotes
from singerid.web.settings import Settings

_AT_ONCE = 4  # libraries that are open: each holds all vectors
_WAIT_SECONDS = 30.0
_AGAIN_SECONDS = 0.5  # that a request takes to make answers anew; the rest is made behind its back
_MOST_LISTENERS = 50
_MOST_NEWS = 1000

News = tuple[str, dict[str, Any]]


class NotThereError(SingeridError):
    """What was asked for is not there."""


class Desk:
    """What the parts of a server share.

    Attributes:
        settings: how the server was set up.
        closing: set when the server ends.
        notes: what was skipped and answered in the review.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closing = threading.Event()
        self.notes = ReviewNotes.beginning(settings.own)
        self._free: LifoQueue[tuple[tuple[int, int], Library]] = LifoQueue()
        self._slots = threading.Semaphore(_AT_ONCE)
        self._listeners: dict[asyncio.Queue[News], asyncio.AbstractEventLoop] = {}
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def folder(self) -> Path:
        """The library's folder."""
        return self.settings.folder

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders whose recordings may be heard."""
        return self.settings.roots

    @contextmanager
    def library(self) -> Iterator[Library]:
        """The library, for this thread alone, as it is now; it is not opened each time.

        Raises:
            UnusableDatabaseError: it was deleted, or too many ask at once.
        """
        if not self._slots.acquire(timeout=_WAIT_SECONDS):
            raise UnusableDatabaseError("too much is asked at once; try again")
        try:
            which = self._which()
            library = self._taken(which) or self._opened()
            try:
                yield library
            finally:
                self._free.put((which, library))
        finally:
            self._slots.release()

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Tell all who listen: "job" with a job, or "library" when anything has changed."""
        with self._lock:
            listeners = list(self._listeners.items())
        for queue, loop in listeners:
            with suppress(RuntimeError):  # the loop has ended, and who listened with it
                loop.call_soon_threadsafe(_offer, queue, (event, data))

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[News]]:
        """The news from now on; raises UnusableDatabaseError where too many listen."""
        queue: asyncio.Queue[News] = asyncio.Queue(_MOST_NEWS)
        with self._lock:
            if len(self._listeners) >= _MOST_LISTENERS:
                raise UnusableDatabaseError("too many pages listen at once; close some")
            self._listeners[queue] = asyncio.get_running_loop()
        try:
            yield queue
        finally:
            with self._lock:
                del self._listeners[queue]

    def answer_again(self, library: Library, song_ids: Sequence[int] | None = None) -> None:
        """Make kept answers anew after a correction; nothing is heard for it.

        Those with these ids are anew when it returns; the others may follow a little later, which is told as
        "library". What vectors alone do not tell stays, and is told as stale.

        Args:
            library: that was corrected.
            song_ids: whose answers are wanted at once; None: as many as half a second allows.
        """
        if song_ids is not None:
            library.answer_again(song_ids)
        rest = library.answer_again(None, _AGAIN_SECONDS)
        if rest is not None:
            thread = threading.Thread(target=self._renew, args=(rest,), daemon=True)
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
            thread.start()

    def song(self, library: Library, answer: int) -> dict[str, Any]:
        """A song as the API tells it; raises NotThereError."""
        found = library.answers.get(answer)
        if found is None:
            raise NotThereError(f"song {answer}: is not in the list; reload it")
        return song_of(found, library.state)

    def close(self) -> None:
        """End what listens, and close the libraries."""
        self.closing.set()
        for thread in self._threads:
            thread.join()
        with suppress(Empty):
            while True:
                self._free.get_nowait()[1].close()

    def _renew(self, rest: int | None) -> None:
        with self._renewing, suppress(SingeridError):  # another correction begins anew
            while rest is not None and not self.closing.is_set():
                with self.library() as library:
                    rest = library.answer_again(None, _AGAIN_SECONDS, rest)
        self.tell("library", {})

    def _which(self) -> tuple[int, int]:
        """What tells the library's file from one that was put in its place."""
        try:
            status = (self.folder / FILE).stat()
        except OSError as error:
            raise UnusableDatabaseError(
                f"{printable(self.folder)}: the library is not there any more; put it back, or start "
                "singerid serve with another one"
            ) from error
        return status.st_dev, status.st_ino

    def _taken(self, which: tuple[int, int]) -> Library | None:
        with suppress(Empty):
            while True:
                opened, library = self._free.get_nowait()
                if opened == which:
                    return library
                library.close()
        return None

    def _opened(self) -> Library:
        settings = self.settings
        return Library.open(settings.folder, device=choose_device(settings.device), weights=settings.weights)


def desk(request: Request) -> Desk:
    """The desk of the server that is asked: a dependency of FastAPI."""
    found: Desk = request.app.state.desk
    return found


def song_of(answer: Answer, state: str) -> dict[str, Any]:
    """A song as the API tells it.

    Args:
        answer: that is kept.
        state: the library's mark.
    """
    content = answer.content
    told = {
        "id": answer.id,
        "path": printable(answer.path),
        "name": printable(answer.name),
        "decision": content["decision"],
        "singers": content.get("singers", []),
        "probability": content.get("probability"),
        "seconds": content["seconds"],
        "voice_seconds": content["voice_seconds"],
        "said": bool(content.get("said")),
        "present": Path(answer.path).is_file(),
        "stale": answer.state != state,
    }
    return told | ({"warning": content["warning"]} if content.get("warning") else {})


def _offer(queue: asyncio.Queue[News], news: News) -> None:
    with suppress(asyncio.QueueFull):  # who does not read has missed it, and asks anew
        queue.put_nowait(news)
