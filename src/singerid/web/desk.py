"""What all parts of the server share: the library, opened for each request, and the listeners for news."""

import asyncio
import hashlib
import logging
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue
from time import monotonic
from typing import Any

from fastapi import Request

from singerid.errors import SingeridError
from singerid.library.answers import Answer
from singerid.library.database import FILE, UnusableDatabaseError
from singerid.library.library import Library
from singerid.sound.fingerprint import sound_fingerprint
from singerid.system.devices import choose_device
from singerid.text import printable
from singerid.web.review_notes import ReviewNotes
from singerid.web.settings import Settings

_log = logging.getLogger(__name__)
_AT_ONCE = 4  # libraries that are open at once; each holds all vectors
_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_AGAIN_SECONDS = 0.5  # that a request spends on renewing answers; a thread renews the rest
MOST_LISTENERS = 50
_MOST_NEWS = 1000

News = tuple[str, dict[str, Any]]


class NotThereError(SingeridError):
    """What was asked for does not exist."""


class BusyError(SingeridError):
    """The request may be repeated a little later."""


class Desk:
    """What the parts of a server share.

    Attributes:
        settings: how the server was set up.
        closing: set when the server ends.
        notes: what was skipped and answered in the review.
        notice: what could not be done after the last correction, which itself is kept; "" if nothing.
        fingerprint_of: computes the fingerprint of a file's sound; the server does so in another process.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closing = threading.Event()
        self.notes = ReviewNotes.beginning(settings.own)
        self.notice = ""
        self.fingerprint_of: Callable[[Path], str] = sound_fingerprint
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
        """The library as it is now, for this thread alone; open libraries are used again.

        Raises:
            UnusableDatabaseError: it was deleted.
            BusyError: there are too many requests at once.
        """
        self._take_slot()
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
        """Send an event to all listeners: "job" with a job, or "library" if anything has changed."""
        with self._lock:
            listeners = list(self._listeners.items())
        for queue, loop in listeners:
            with suppress(RuntimeError):  # the loop has ended, and the listener with it
                loop.call_soon_threadsafe(_offer, queue, (event, data))

    def listen(self) -> asyncio.Queue[News]:
        """A queue of the news from now on, until `unlisten`; raises BusyError if too many listen."""
        queue: asyncio.Queue[News] = asyncio.Queue(_MOST_NEWS)
        with self._lock:
            if len(self._listeners) >= MOST_LISTENERS:
                raise BusyError("too many pages are open at once; close some")
            self._listeners[queue] = asyncio.get_running_loop()
        return queue

    def unlisten(self, queue: asyncio.Queue[News]) -> None:
        """Put no more news into this queue."""
        with self._lock:
            self._listeners.pop(queue, None)

    def answer_again(self, library: Library, song_ids: Sequence[int] | None = None) -> None:
        """Renew the kept answers after a correction, from vectors, without listening.

        The answers with these ids are new when it returns. The others may follow a little later, with an
        event "library". An answer that vectors alone cannot renew stays, and is marked as stale.

        Args:
            library: the library that was corrected.
            song_ids: the songs whose answers are wanted at once; None: as many as half a second allows.
        """
        if song_ids is not None:
            library.answer_again(song_ids)
        rest = library.answer_again(None, _AGAIN_SECONDS)
        if rest is not None:
            thread = threading.Thread(target=self._renew, args=(rest,), daemon=True)
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
            thread.start()

    def take_notices(self, library: Library) -> None:
        """Report what could not be done after a change that is kept: in the terminal, and in the state."""
        self.notice = ""
        for notice in library.core.notices:
            _log.warning(notice)
            self.notice = notice
        library.core.notices.clear()

    def song(self, library: Library, answer: int) -> dict[str, Any]:
        """A song as the API shows it; raises NotThereError."""
        found = library.answers.get(answer)
        if found is None:
            raise NotThereError(f"song {answer}: is not in the list; reload the list")
        return song_of(found, library.state)

    def close(self) -> None:
        """End the threads and the streams of news, and close the libraries."""
        self.closing.set()
        for thread in self._threads:
            thread.join()
        with suppress(Empty):
            while True:
                self._free.get_nowait()[1].close()

    def _take_slot(self) -> None:
        """Wait until fewer requests use the library; raises BusyError if it takes long or the server ends."""
        until = monotonic() + _WAIT_SECONDS
        while not self._slots.acquire(timeout=_LOOK_SECONDS):
            if self.closing.is_set():
                raise BusyError("the server is ending")
            if monotonic() > until:
                raise BusyError("there are too many requests at once; try again")

    def _renew(self, rest: int | None) -> None:
        with self._renewing, suppress(SingeridError):  # the next correction begins again
            while rest is not None and not self.closing.is_set():
                with self.library() as library:
                    rest = library.answer_again(None, _AGAIN_SECONDS, rest)
        self.tell("library", {})

    def _which(self) -> tuple[int, int]:
        """Device and inode of the library's file: other ones if another file was put in its place."""
        try:
            status = (self.folder / FILE).stat()
        except OSError as error:
            raise UnusableDatabaseError(
                f"{self.folder}: the library is not there any more; put it back, or start "
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
        device = choose_device(settings.device)
        library = Library.open(settings.folder, device=device, weights=settings.weights)
        library.core.fingerprint_of = self.fingerprint_of
        return library


def desk(request: Request) -> Desk:
    """The desk of the server, as a dependency of FastAPI."""
    found: Desk = request.app.state.desk
    return found


def song_of(answer: Answer, state: str) -> dict[str, Any]:
    """A song as the API shows it.

    Args:
        answer: its kept answer.
        state: the present state of the library.
    """
    content, version = answer.content, version_of(Path(answer.path))
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
        "present": bool(version),
        "version": version,
        "stale": answer.state != state,
    }
    return told | ({"warning": content["warning"]} if content.get("warning") else {})


def version_of(path: Path) -> str:
    """A text that changes with the file at a path, as far as size and time tell; "" if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return ""
    if not stat.S_ISREG(status.st_mode):
        return ""
    mark = f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(mark).hexdigest()[:16]


def _offer(queue: asyncio.Queue[News], news: News) -> None:
    with suppress(asyncio.QueueFull):  # a listener that does not read misses the event, and asks again
        queue.put_nowait(news)
