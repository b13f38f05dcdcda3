"""Does the jobs of a library's queue, one after another, in a process of its own."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import sleep
from typing import Any

from singerid.errors import Failure, SingeridError
from singerid.library.database import UnusableDatabaseError
from singerid.library.jobs import Job
from singerid.library.library import Library
from singerid.library.pages import sentences
from singerid.plugins import load_plugin
from singerid.system.children import Child, ChildEndedError, StoppedError, end_with_parent
from singerid.system.devices import choose_device, use_threads
from singerid.system.files import locked
from singerid.system.streams import guard_streams
from singerid.text import counted, names_text
from singerid.web.decoding import Ears, within
from singerid.web.settings import Settings

_LOOK_SECONDS = 0.3
_AGAIN_SECONDS = 1.0  # after which a worker that died is started again, and a busy library asked again
_TOLD = 5  # failures


class Worker:
    """Keeps a process that works on the queue; when it dies another one goes on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._process: Any = None

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def close(self) -> None:
        """End it; the job that it is at waits for the next one."""
        self._closing.set()
        if self._process is not None:
            self._process.kill()
        self._thread.join()

    def _keep(self) -> None:
        # "spawn", for a process that has used torch's threads cannot be forked safely.
        context = get_context("spawn")
        while not self._closing.is_set():
            process = context.Process(target=work, args=(self._settings,))
            process.start()
            self._process = process
            if self._closing.is_set():
                process.kill()
            process.join()
            self._closing.wait(_AGAIN_SECONDS)


def work(settings: Settings) -> None:
    """Do jobs for ever, or until the library is not there; only one process does so at a time."""
    guard_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    for plugin in settings.plugins:
        load_plugin(plugin)
    use_threads(settings.threads)
    while True:
        try:
            with locked(settings.own / "worker", "another server works on this library's queue"):
                _work(settings)
            return
        except SingeridError:  # it works on it, or the library cannot be opened now
            sleep(_AGAIN_SECONDS)
            if not settings.folder.is_dir():
                return


def _work(settings: Settings) -> None:
    device = choose_device(settings.device)
    with Library.open(settings.folder, device=device, weights=settings.weights) as library:
        library.jobs.resume()
        which = library.core.database.path.stat().st_ino
        while True:
            try:
                is_there = library.core.database.path.stat().st_ino == which
            except OSError:
                is_there = False
            if not is_there:
                return
            taken = library.jobs.take()
            if taken is None:
                sleep(_LOOK_SECONDS)
            else:
                do(library, settings, *taken)


def do(library: Library, settings: Settings, job: Job, arguments: dict[str, Any]) -> None:
    """Do a job, and tell what became of it; nothing that goes wrong with it is raised."""
    try:
        message = _KINDS[job.kind](library, settings, job.id, arguments)
        library.jobs.end(job.id, "done", message)
    except StoppedError:
        pass  # it is told as cancelled by who did that
    except SingeridError as error:
        library.jobs.end(job.id, "failed", str(error))
    except Exception as error:
        library.jobs.end(job.id, "failed", f"unexpected {type(error).__name__}: {error}")


def _hear(library: Library, settings: Settings, job: int, arguments: dict[str, Any]) -> str:
    if library.core.contents.settings is None:
        with library.core.database.command("hear", can_undo=False):
            library.core.settle(None)
    limits = settings.limits
    child = Child(Ears(settings), limits.child_bytes, limits.quiet_seconds)

    def goes_on() -> bool:
        return library.jobs.is_running(job)

    failures: list[Failure] = []
    heard = known = 0
    try:
        names: dict[str, str] = arguments.get("names", {})
        files, failures = child.ask(("list", arguments["paths"]), goes_on)
        for done, path in enumerate(files):
            if not library.jobs.progress(job, done, len(files), path.name):
                raise StoppedError
            if not within(path, (*settings.roots, settings.uploads)):
                failures.append(Failure(str(path), "leads out of the folders that may be heard (--root)"))
            elif _is_known(library, path):
                known += 1
            else:
                try:
                    voice, warning = child.ask(("hear", path), goes_on)
                    name = names.get(str(path), "")
                    _patiently(partial(library.keep, path, voice, warning, name), goes_on)
                    heard += 1
                except ChildEndedError as error:
                    failures.append(Failure(str(path), f"cannot be used: {error}"))
                except UnusableDatabaseError:
                    raise
                except SingeridError as error:
                    failures.append(Failure(str(path), getattr(error, "reason", str(error))))
        library.jobs.progress(job, len(files), len(files))
    finally:
        child.close()
    told = _told(heard, known, failures)
    if failures and not heard and not known:
        raise SingeridError(told)
    return told


def _told(heard: int, known: int, failures: Sequence[Failure]) -> str:
    parts = [f"{counted(heard, 'song')} heard"]
    if known:
        parts.append(f"{known:,} known already")
    if failures:
        parts.append(f"{len(failures):,} could not be used: {names_text(map(str, failures), _TOLD)}")
    return "; ".join(parts)


def _is_known(library: Library, path: Path) -> bool:
    """Whether the answer for a file is up to date."""
    answer = library.answers.at(os.path.abspath(path))  # noqa: PTH100 (as answers are kept)
    if answer is None or answer.state != library.state:
        return False
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (answer.size, answer.changed_ns)


def _patiently(write: Callable[[], object], goes_on: Callable[[], bool]) -> None:
    """Write to the library as soon as no other program does; raises StoppedError where that is not wanted."""
    while True:
        try:
            write()
            return
        except UnusableDatabaseError:
            if not goes_on():
                raise StoppedError from None
            sleep(_AGAIN_SECONDS)


class _Steps:
    """Tells the steps of a job; raises StoppedError where it was cancelled."""

    def __init__(self, library: Library, job: int, total: int = 0) -> None:
        self._library, self._job, self.total, self._done = library, job, total, 0

    def begin(self, total: int) -> None:
        self.total = total

    def __call__(self) -> None:
        self._done += 1
        if not self._library.jobs.progress(self._job, self._done, self.total):
            raise StoppedError


def _calibrate(library: Library, settings: Settings, job: int, arguments: dict[str, Any]) -> str:
    steps = _Steps(library, job)
    found, _ = library.calibrate(arguments["fpir"], begin=steps.begin, step=steps)
    library.answer_again()
    return " ".join(sentences(found)[:1])


def _discover(library: Library, settings: Settings, job: int, arguments: dict[str, Any]) -> str:
    found, _ = library.discover([], _Steps(library, job))
    alone = counted(len(found.single), "recording")
    return f"{counted(len(found.voices), 'voice')} without a name; {alone} like no other"


def _migrate(library: Library, settings: Settings, job: int, arguments: dict[str, Any]) -> str:
    steps = _Steps(library, job, len(library.core.contents.recordings))
    report = library.migrate(arguments.get("encoder"), step=steps)
    library.answer_again()
    made = f"{counted(report.made, 'recording')} heard anew; calibrate next"
    failed = names_text(map(str, report.failures), _TOLD)
    return f"{made}; {len(report.failures):,} could not be: {failed}" if report.failures else made


_KINDS: dict[str, Callable[[Library, Settings, int, dict[str, Any]], str]] = {
    "hear": _hear,
    "calibrate": _calibrate,
    "discover": _discover,
    "migrate": _migrate,
}
