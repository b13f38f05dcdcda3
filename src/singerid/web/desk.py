"""What every part of the server works at: the library, opened for each request, and who listens for news."""

import asyncio
import hashlib
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
from singerid.system.streams import complain
from singerid.text import printable
from singerid.web.review_notes import ReviewNotes
from singerid.web.settings import Settings

_AT_ONCE = 4  # libraries that are open: each holds all vectors
_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_AGAIN_SECONDS = 0.5  # that a request takes to make answers anew; the rest is made behind its back
MOST_LISTENERS = 50
_MOST_NEWS = 1000

News = tuple[str, dict[str, Any]]


class NotThereError(SingeridError):
    """What was asked for is not there."""


class BusyError(SingeridError):
    """What is asked may be asked again a little later."""


class Desk:
    """What the parts of a server share.

    Attributes:
        settings: how the server was set up.
        closing: set when the server ends.
        notes: what was skipped and answered in the review.
        notice: what was done last, but not followed by all that comes behind it; "": nothing.
        fingerprint_of: makes the fingerprint of a file's sound; the server lets another process do that.
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
        """The library, for this thread alone, as it is now; it is not opened each time.

        Raises:
            UnusableDatabaseError: it was deleted.
            BusyError: too many ask at once.
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
        """Tell all who listen: "job" with a job, or "library" when anything has changed."""
        with self._lock:
            listeners = list(self._listeners.items())
        for queue, loop in listeners:
            with suppress(RuntimeError):  # the loop has ended, and who listened with it
                loop.call_soon_threadsafe(_offer, queue, (event, data))

    def listen(self) -> asyncio.Queue[News]:
        """The news from now on, until `unlisten`; raises BusyError where too many listen."""
        queue: asyncio.Queue[News] = asyncio.Queue(_MOST_NEWS)
        with self._lock:
            if len(self._listeners) >= MOST_LISTENERS:
                raise BusyError("too many pages listen at once; close some")
            self._listeners[queue] = asyncio.get_running_loop()
        return queue

    def unlisten(self, queue: asyncio.Queue[News]) -> None:
        """Put no more news into a queue."""
        with self._lock:
            self._listeners.pop(queue, None)

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

    def take_notices(self, library: Library) -> None:
        """Tell what did not follow from a change that is kept: the terminal, and who asks for the state."""
        self.notice = ""
        for notice in library.core.notices:
            complain(notice)
            self.notice = notice
        library.core.notices.clear()

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

    def _take_slot(self) -> None:
        """Wait until fewer use the library; what ends waits no more."""
        until = monotonic() + _WAIT_SECONDS
        while not self._slots.acquire(timeout=_LOOK_SECONDS):
            if self.closing.is_set():
                raise BusyError("the server is ending")
            if monotonic() > until:
                raise BusyError("too much is asked at once; try again")

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
        device = choose_device(settings.device)
        library = Library.open(settings.folder, device=device, weights=settings.weights)
        library.core.fingerprint_of = self.fingerprint_of
        return library


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
    """Another text for each content that lies at a path, as far as size and time tell; "": no file does."""
    try:
        status = path.stat()
    except OSError:
        return ""
    if not stat.S_ISREG(status.st_mode):
        return ""
    mark = f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(mark).hexdigest()[:16]


def _offer(queue: asyncio.Queue[News], news: News) -> None:
    with suppress(asyncio.QueueFull):  # who does not read has missed it, and asks anew
        queue.put_nowait(news)
