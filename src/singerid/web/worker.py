"""Does the jobs of a library's queue, one after another, in a process of its own."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from time import sleep
from typing import Any

from singerid.errors import SingeridError
from singerid.library.database import Database, is_library
from singerid.library.jobs import Job, Jobs, JobState
from singerid.library.library import Library
from singerid.plugins import load_plugin
from singerid.system.allocator import one_heap
from singerid.system.children import StoppedError, end_with_parent
from singerid.system.devices import choose_device, use_threads
from singerid.system.files import locked
from singerid.system.streams import guard_streams
from singerid.text import printable
from singerid.web.bench import AGAIN_SECONDS, Bench, done, patiently
from singerid.web.kept import files_of, remove_forgotten, remove_unheard
from singerid.web.settings import Settings

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.3


class Worker:
    """Keeps a process that works on the queue; if it dies, another process goes on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._process: Any = None

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def close(self) -> None:
        """End it. Its current job waits for the next process, and this end does not count as a death."""
        self._closing.set()
        if self._process is not None:
            self._process.kill()
        self._thread.join()
        with (
            suppress(SingeridError),
            only_worker(self._settings),
            Database(self._settings.folder) as database,
        ):
            Jobs(database).resume(died=False)

    def _keep(self) -> None:
        # "spawn", because a process that has used torch's threads cannot be forked safely.
        context = get_context("spawn")
        while not self._closing.is_set():
            process = context.Process(target=work, args=(self._settings,))
            try:
                process.start()
            except OSError as error:  # no memory for it now, for example
                _log.warning(f"jobs wait: no process can be started for them ({error}); trying again")
            else:
                self._process = process
                if self._closing.is_set():
                    process.kill()
                process.join()
            self._closing.wait(AGAIN_SECONDS)


def work(settings: Settings) -> None:
    """Do jobs until the library is gone; only one process does so at a time."""
    guard_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Every write is one transaction, so it may end at any moment; it ends with the server.
    threading.Thread(target=end_with_parent, daemon=True).start()
    for plugin in settings.plugins:
        load_plugin(plugin)
    one_heap()
    use_threads(settings.threads)
    told = ""
    while is_library(settings.folder):
        try:
            with only_worker(settings):
                _work(settings)
            return
        except SingeridError as error:  # another process works on it, or the library cannot be opened now
            if str(error) != told:
                _log.warning(f"jobs wait: {error}")
            told = str(error)
            sleep(AGAIN_SECONDS)


@contextmanager
def only_worker(settings: Settings) -> Iterator[None]:
    """A context in which no other process works on the queue. A deleted library is not made again for it."""
    place = settings.own / "worker"
    settings.make(place)
    with locked(place, "another server works on this library's queue"):
        yield


def _work(settings: Settings) -> None:
    device = choose_device(settings.device)
    with Library.open(settings.folder, device=device, weights=settings.weights) as library:
        library.jobs.resume()
        which = library.core.database.path.stat().st_ino
        remove_forgotten(library, settings)
        bench = Bench(library, settings)
        try:
            while _is_there(library, which):
                taken = library.jobs.take()
                if taken is None:
                    sleep(_LOOK_SECONDS)
                else:
                    do(bench, *taken)
        finally:
            bench.close()


def _is_there(library: Library, which: int) -> bool:
    try:
        return library.core.database.path.stat().st_ino == which
    except OSError:
        return False


def do(bench: Bench, job: Job, arguments: dict[str, Any]) -> None:
    """Do a job, and record how it ended; its errors are recorded, not raised."""
    library = bench.library
    try:
        _end(library, job, "done", done(bench, job, arguments))
    except StoppedError:
        pass  # whoever cancelled it has recorded that
    except SingeridError as error:
        _end(library, job, "failed", str(error))
    except Exception as error:
        _end(library, job, "failed", printable(f"unexpected {type(error).__name__}: {error}"))
    for notice in library.core.notices:
        _log.warning(notice)
    library.core.notices.clear()
    with suppress(SingeridError):  # files that stay now are removed a day later
        remove_unheard(library, bench.settings, files_of(arguments))


def _end(library: Library, job: Job, state: JobState, message: str) -> None:
    """Record how a job ended, as soon as the library can be written."""
    with suppress(StoppedError):
        patiently(partial(library.jobs.end, job.id, state, message), lambda: library.jobs.is_running(job.id))
