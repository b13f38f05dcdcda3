"""What the jobs of a library's queue do; untrusted files are heard in a separate process."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any, TypeVar

from singerid.errors import Failure, SingeridError
from singerid.library.database import BusyDatabaseError, FullDiskError
from singerid.library.hearing import SOUNDS, HeardVoice, Hearing
from singerid.library.jobs import Job, JobKind, deaths, step_of
from singerid.library.library import Library
from singerid.library.pages import sentences
from singerid.listening.listener import Sound
from singerid.sound.decoding.pieces import Warn
from singerid.sound.files import AudioError
from singerid.system.children import Child, StoppedError
from singerid.system.file_names import absolute
from singerid.text import counted, names_text, printable
from singerid.web.decoding import Ears
from singerid.web.reach import LEADS_OUT, within
from singerid.web.replies import asked, list_of, voice_of
from singerid.web.seen import digest_of
from singerid.web.settings import Settings

_log = logging.getLogger(__name__)
AGAIN_SECONDS = 1.0  # after which a busy library, or a full disk, is tried again
_TOLD = 5  # failures that a message lists
_MOST_DEATHS = 3  # of the worker at one step; after them the file of that step is left out

T = TypeVar("T")
GoesOn = Callable[[], bool]


class Bench:
    """What jobs need: the library, and a process that hears for it.

    Args:
        library: the library of the jobs.
        settings: the settings of the server.
    """

    def __init__(self, library: Library, settings: Settings) -> None:
        self.library, self.settings = library, settings
        self._ears: Child | None = None
        self._hears: object = None

    @property
    def ears(self) -> Child:
        """The process that hears with the library's present settings; it is kept between jobs."""
        library = self.library
        if library.core.contents.settings is None:
            with library.core.database.command("hear", can_undo=False):
                library.core.settle(None)
        if self._ears is None or self._hears != library.core.settings:
            self.close()
            self._ears, self._hears = self.child(Ears(self.settings)), library.core.settings
        return self._ears

    def child(self, ears: Ears) -> Child:
        """A process that listens, within the limits."""
        limits = self.settings.limits
        return Child(ears, limits.child_bytes, limits.quiet_seconds)

    def close(self) -> None:
        """End that process."""
        if self._ears is not None:
            self._ears.close()
            self._ears = None


def done(bench: Bench, job: Job, arguments: dict[str, Any]) -> str:
    """Do a job; returns its final message.

    Raises:
        StoppedError: it was cancelled.
        SingeridError: it failed.
    """
    library = bench.library

    def goes_on() -> bool:
        return library.jobs.is_running(job.id)

    def fingerprint_of(path: Path) -> str:
        return read(asked(bench.ears, ("digest", path), path, goes_on), path, digest_of)

    library.core.fingerprint_of = fingerprint_of
    if job.kind != "hear" and deaths(arguments) >= _MOST_DEATHS:
        raise SingeridError(
            f"its process has ended {_MOST_DEATHS} times in a row at one step; the command line shows "
            f"more: singerid {'' if job.kind == 'discover' else 'library '}{job.kind}"
        )
    return _KINDS[job.kind](bench, job, arguments, goes_on)


def patiently(write: Callable[[], object], goes_on: GoesOn) -> None:
    """Write to the library as soon as possible; raises StoppedError if the job was stopped.

    It waits while another program writes, and while the disk is full. A full disk is reported in the
    terminal, because the library has no room for a message. Any other error of the library is raised.
    """
    is_told = False
    while True:
        try:
            write()
            return
        except FullDiskError as error:
            if not is_told:
                _log.warning(f"{error}; the job waits until then, and goes on by itself")
                is_told = True
        except BusyDatabaseError:
            pass
        if not goes_on():
            raise StoppedError
        sleep(AGAIN_SECONDS)


def read(reply: Any, path: Path, reader: Callable[[Any], T]) -> T:
    """What another process replied about a file, read by `reader`; raises AudioError if it is invalid."""
    try:
        return reader(reply)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise AudioError(path, _senseless(error)) from error


def _senseless(error: Exception) -> str:
    return f"cannot be used: the result of listening is invalid ({error})"


def _hear(bench: Bench, job: Job, arguments: dict[str, Any], goes_on: GoesOn) -> str:
    library = bench.library
    heard = known = 0
    names: dict[str, str] = arguments.get("names", {})
    files, failures = _listed(bench, arguments["paths"], goes_on)
    for place, path in enumerate(files):
        step = printable(path.name)
        patiently(partial(_tell, library, job.id, place, len(files), step), goes_on)
        if not within(path, bench.settings.reached):
            failures.append(Failure(str(path), LEADS_OUT))
        elif not arguments.get("again") and _is_known(library, path):
            known += 1
        elif deaths(arguments, step_of(place, step)) >= _MOST_DEATHS:
            failures.append(Failure(str(path), f"has ended the process {_MOST_DEATHS} times; it is left out"))
        else:
            try:
                voice, warning = _heard(bench, path, goes_on)
                patiently(
                    partial(library.keep, path, voice, warning, names.get(str(path), "")),
                    goes_on,
                )
                heard += 1
            except AudioError as error:
                failures.append(Failure(str(path), error.reason))
            except (ValueError, ArithmeticError) as error:  # the library cannot use what was heard
                failures.append(Failure(str(path), _senseless(error)))
    patiently(partial(library.jobs.progress, job.id, len(files), len(files)), goes_on)
    told = _told(heard, known, failures)
    if failures and not heard and not known:
        raise SingeridError(told)
    return told


def _heard(bench: Bench, path: Path, goes_on: GoesOn) -> tuple[HeardVoice, str]:
    reply = asked(bench.ears, ("hear", path, True), path, goes_on)
    core = bench.library.core
    vectors = core.contents.vectors  # (N, K, D); if there are none yet, the encoder tells D
    size = vectors.shape[2] if len(vectors) else core.hearing.encoder.size
    return read(reply, path, lambda told: voice_of(told, len(SOUNDS[core.settings.audio]), size))


def _listed(bench: Bench, paths: Sequence[str], goes_on: GoesOn) -> tuple[list[Path], list[Failure]]:
    """The files below folders; a folder that ends the process is a failure, and the others are listed."""
    files: list[Path] = []
    failures: list[Failure] = []
    for path in map(Path, paths):
        try:
            found = read(asked(bench.ears, ("list", [str(path)]), path, goes_on), path, list_of)
        except AudioError as error:
            failures.append(Failure(str(path), error.reason))
        else:
            files += found[0]
            failures += found[1]
    return list(dict.fromkeys(files)), failures


def _told(heard: int, known: int, failures: Sequence[Failure]) -> str:
    parts = [f"{counted(heard, 'song')} heard"]
    if known:
        parts.append(f"{known:,} known already")
    if failures:
        parts.append(f"{len(failures):,} could not be used: {names_text(map(str, failures), _TOLD)}")
    return "; ".join(parts)


def _is_known(library: Library, path: Path) -> bool:
    """Whether the answer for a file is up to date."""
    answer = library.answers.at(str(absolute(path)))
    if answer is None or answer.state != library.state:
        return False
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (answer.size, answer.changed_ns)


def _tell(library: Library, job: int, place: int, total: int, step: str = "") -> None:
    """Record the progress of a job; raises StoppedError if it was cancelled."""
    if not library.jobs.progress(job, place, total, step):
        raise StoppedError


class _Steps:
    """Records the steps of a job; raises StoppedError if it was cancelled."""

    def __init__(self, library: Library, job: Job, goes_on: GoesOn, total: int = 0) -> None:
        self._library, self._job, self._goes_on = library, job.id, goes_on
        self._total, self._done = total, 0

    def begin(self, total: int) -> None:
        self._total = total

    def __call__(self) -> None:
        self._done += 1
        patiently(partial(_tell, self._library, self._job, self._done, self._total), self._goes_on)


def _calibrate(bench: Bench, job: Job, arguments: dict[str, Any], goes_on: GoesOn) -> str:
    library = bench.library
    steps = _Steps(library, job, goes_on)
    found, _ = library.calibrate(arguments["fpir"], begin=steps.begin, step=steps)
    with library.core.afterwards():
        library.answer_again()
    return " ".join(sentences(found)[:1])


def _discover(bench: Bench, job: Job, arguments: dict[str, Any], goes_on: GoesOn) -> str:
    library = bench.library
    found, _ = library.discover([], _Steps(library, job, goes_on))
    alone = counted(len(found.single), "recording")
    return f"{counted(len(found.voices), 'voice')} without a name; {alone} like no other"


@dataclass(frozen=True, eq=False)
class _Elsewhere(Hearing):
    """Listens in another process, in which untrusted files are decoded."""

    child: Child | None = None
    goes_on: GoesOn = bool

    def __call__(
        self,
        sound: Sound,
        warn: Warn,
        *,
        with_cells: bool = False,
        beat: Callable[[], None] = lambda: None,
    ) -> HeardVoice:
        """Listen as a `Hearing` does."""
        assert isinstance(sound, Path)
        assert self.child is not None
        reply = asked(self.child, ("hear", sound, with_cells), sound, self.goes_on)
        sounds, size = len(SOUNDS[self.audio]), self.encoder.size
        return read(reply, sound, lambda told: voice_of(told, sounds, size))[0]


def _migrate(bench: Bench, job: Job, arguments: dict[str, Any], goes_on: GoesOn) -> str:
    library = bench.library
    steps = _Steps(library, job, goes_on, len(library.core.contents.recordings))
    children: list[Child] = []

    def elsewhere(hearing: Hearing) -> Hearing:
        separator = hearing.separator.name if hearing.separator else ""
        children.append(
            bench.child(Ears(bench.settings, (hearing.encoder.address, hearing.audio, separator)))
        )
        return _Elsewhere(hearing.encoder, hearing.audio, hearing.separator, children[-1], goes_on)

    try:
        report = library.migrate(arguments.get("encoder"), step=steps, far=elsewhere)
    finally:
        for child in children:
            child.close()
    with library.core.afterwards():
        library.answer_again()
    made = f"{counted(report.made, 'recording')} heard again; calibrate next"
    failed = names_text(map(str, report.failures), _TOLD)
    return f"{made}; {len(report.failures):,} could not be heard: {failed}" if report.failures else made


_KINDS: dict[JobKind, Callable[[Bench, Job, dict[str, Any], GoesOn], str]] = {
    "hear": _hear,
    "calibrate": _calibrate,
    "discover": _discover,
    "migrate": _migrate,
}
