"""From recordings to tags: hears files, plans what changes in them and, if asked to, writes it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal

from singerid.errors import Failure, SingeridError
from singerid.identify.result import Result
from singerid.library.asking import identify_files
from singerid.library.library import Library
from singerid.sound.files import AudioError
from singerid.system.files import locked
from singerid.tags.fields import Fields, TagError
from singerid.tags.journal import FOLDER, Journal
from singerid.tags.kinds import KINDS, kind_of, open_tagged, require_mutagen
from singerid.tags.plan import Change, plan
from singerid.tags.sidecar import (
    plan_sidecar,
    read_sidecar,
    replace_sidecar,
    sidecar_fields,
    sidecar_of,
)
from singerid.tags.writer import FileState, explained, require_writable, settle_unfinished, write_tags
from singerid.text import printable, shell_word
from singerid.version import __version__

Medium = Literal["tags", "json", "nfo"]
Outcome = Change | Failure
Ask = Callable[[Sequence[Path]], Iterator[Result | Failure]]

PROMISE = 0.01
"""The largest share of strangers' songs that a library may name if its names are to be written into tags."""

_TOGETHER = 16  # files that are looked at before the first of them is heard


def unkept_promise(library: Library) -> str:
    """Why a library's names are not written, with the remedy; "" if they are."""
    reason = reason_held_back(library)
    command = f"singerid library calibrate {shell_word(library.path)} --fpir 1%"
    return f"{reason}: {command}, or `force=True`" if reason else ""


def reason_held_back(library: Library) -> str:
    """Why a library's names are not written, without the remedy; "" if they are."""
    calibration = library.calibration
    if calibration is None:
        return "is not calibrated, so names of strangers might be written"
    if calibration.wanted > PROMISE:
        return f"is calibrated to name up to {calibration.wanted:.0%} of strangers' songs; tags need 1 %"
    return ""


def notice_of(library: Library) -> str:
    """A warning for the user before a library's names are written; "" if there is none."""
    calibration = library.calibration
    if library.notice or calibration is None or calibration.is_kept:
        return library.notice
    return (
        f"{printable(library.path)}: has too few singers to prove its promise of {calibration.wanted:.0%}; "
        f"what they prove is that at most {calibration.bound:.0%} of strangers' songs are named"
    )


class Tagger:
    """Writes singers into files, or says what it would write. Use it as a context manager.

    Args:
        library: the library that knows the singers.
        write: write; if False, nothing is changed anywhere.
        medium: where to write: into tags, or into a JSON or NFO file beside the recording.
        force: write although the library is not calibrated to 1 %, and put back names that a person removed.
        break_hard_links: tag a file that has several names (hard links) under the given name only.
        prior: see `Library.identify`.
        ask: gives the result of each of some files, in turn; None: the files are heard.

    Attributes:
        held_back: why the library's names are not written, with the remedy; "" if they are.

    Raises:
        SingeridError: mutagen is missing, another command writes tags by this library, or its journal is
            damaged.
    """

    def __init__(
        self,
        library: Library,
        *,
        write: bool = False,
        medium: Medium = "tags",
        force: bool = False,
        break_hard_links: bool = False,
        prior: float | None = None,
        ask: Ask | None = None,
    ) -> None:
        require_mutagen()
        self.library, self.medium, self.force = library, medium, force
        self._break_hard_links, self._prior = break_hard_links, prior
        self._ask = ask or partial(identify_files, library, prior=prior)
        self.held_back = "" if force else unkept_promise(library)
        self._resources = ExitStack()
        self._journal: Journal | None = None
        self._run: int | None = None
        if write and not self.held_back:
            try:
                self._journal = open_journal(library.path, self._resources)
            except BaseException:
                self._resources.close()
                raise

    def __enter__(self) -> "Tagger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal, not the library."""
        self._resources.close()

    @property
    def name(self) -> str:
        """The library's name in tags: the name of its folder."""
        return self.library.path.resolve().name

    def outcomes(self, files: Sequence[Path], again: bool = False) -> Iterator[Outcome]:
        """What happens to each file, in turn; a file that fails is a `Failure` and does not stop the others.

        Args:
            files: recordings, each once.
            again: also hear files that have not changed since they were processed.
        """
        state = self._state()
        for first in range(0, len(files), _TOGETHER):
            yield from self._together(files[first : first + _TOGETHER], state, again)

    def _together(self, files: Sequence[Path], state: str, again: bool) -> Iterator[Outcome]:
        found = [(path, self._looked_at(path, state, again)) for path in files]
        waiting = [path for path, known in found if isinstance(known, FileState)]
        answers = self._ask(waiting)
        for path, known in found:
            if not isinstance(known, FileState):
                yield known
                continue
            answer = next(answers)
            yield answer if isinstance(answer, Failure) else self._dealt_with(path, known, answer, state)

    def _looked_at(self, path: Path, state: str, again: bool) -> Outcome | FileState:
        """The state of a file before it is heard; or its outcome, if that is known already."""
        try:
            with explained():
                status = path.stat()
                place = path.resolve()
            size, changed_ns = status.st_size, status.st_mtime_ns
            if not again and self._is_settled(place, size, changed_ns, state):
                return Change(str(path), "up to date")
            if self.medium == "tags":
                with explained():
                    kind_of(path)
            return FileState.of(path)
        except AudioError as error:
            return Failure(str(path), error.reason)
        except SingeridError as error:
            return Failure(str(path), str(error))

    def _dealt_with(self, path: Path, before: FileState, answer: Result, state: str) -> Outcome:
        try:
            now = before
            if self.medium == "tags":
                with explained():
                    kind = kind_of(path)
                    change, edit = plan(open_tagged(path, kind), answer, self.name, self.force)
                    if change.is_due:  # told in a preview, too
                        require_writable(path.resolve(), before, self._break_hard_links)
                if change.is_due and self._journal:
                    step = self._journal.begin(self._this_run(), path.resolve(), kind, before.fingerprint)
                    now = write_tags(path, kind, before, edit, step, self._break_hard_links)
            else:
                change, content = plan_sidecar(path, self.medium, answer, self.name)
                if change.is_due and self._journal:
                    self._write_sidecar(path, content, before)
            if self.held_back and change.is_due:
                change = change.with_status("held back")
            if self._journal is None:
                return change
            self._journal.settle(path.resolve(), self.medium, now.size, now.changed_ns, state)
            return change.with_status("written") if change.is_due else change
        except AudioError as error:
            return Failure(str(path), error.reason)
        except SingeridError as error:
            return Failure(str(path), str(error))

    def _is_settled(self, place: Path, size: int, changed_ns: int, state: str) -> bool:
        return self._journal is not None and self._journal.is_settled(
            place, self.medium, size, changed_ns, state
        )

    def _write_sidecar(self, path: Path, content: str | None, before: FileState) -> None:
        assert self._journal is not None
        place = sidecar_of(path, self.medium)
        step = self._journal.begin(self._this_run(), place.absolute(), self.medium, before.fingerprint)
        replace_sidecar(place, content, sidecar_fields(read_sidecar(place)), step)

    def _this_run(self) -> int:
        assert self._journal is not None
        if self._run is None:
            self._run = self._journal.new_run()
        return self._run

    def _state(self) -> str:
        """A digest of all that results depend on; while it is the same, unchanged files need not be heard."""
        rows = self.library.core.database.rows
        known = [
            rows("SELECT key, value FROM settings ORDER BY key"),
            rows("SELECT id, name FROM singers ORDER BY id"),
            rows("SELECT id, role, singer FROM recordings ORDER BY id"),
            rows("SELECT recording, singer, is_them FROM statements ORDER BY recording, singer"),
            sorted(self.library.core.contents.nobody),
        ]
        asked = (self._prior, self.force, self.name, __version__)
        return hashlib.sha256(repr((known, asked)).encode("utf-8", "surrogateescape")).hexdigest()


def open_journal(library: Path, resources: ExitStack) -> Journal:
    """The journal of a library, for one command at a time; changes that were cut off are settled first.

    Args:
        library: the library's folder.
        resources: the stack that will close it.

    Raises:
        SingeridError: another command uses it, or it is damaged.
    """
    busy = "another command is writing tags by this library; try again when it has ended"
    resources.enter_context(locked(library / FOLDER, busy))
    journal = resources.enter_context(Journal(library))
    settle_unfinished(journal, current_fields)
    return journal


def current_fields(path: Path, kind: str) -> Fields | None:
    """The fields of a file, or of a sidecar file, that singerid may change; None if they cannot be read."""
    try:
        if kind in KINDS:
            with explained():
                return open_tagged(path, kind).fields()
        return sidecar_fields(read_sidecar(path))
    except TagError:
        return None
