"""Asking who sings in files on a Ray cluster: each worker opens the library, or the network, once.

A library goes to the workers as it is when the command starts; a run's folder has to be seen by all machines.
Answers are kept in Parquet files, with the vectors that they were made of (`library.heard_rows`), and are not
made twice while neither the file nor the library has changed.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from singerid.config import AudioCondition
from singerid.encoders.trained import TrainedNetwork
from singerid.errors import Failure, SingeridError
from singerid.identifier import Identifier
from singerid.identify.result import Result
from singerid.library.core import settings_of
from singerid.library.database import FILE
from singerid.library.decide import known_of
from singerid.library.enroll import OnStep
from singerid.library.heard_rows import Heard, HeardFolder, HeardRow, clean
from singerid.library.heard_schema import HeardBy
from singerid.library.library import Library
from singerid.library.on_ray import CHANGED, Asked, Elsewhere, hear, marked, rows_of, with_voice
from singerid.library.records import Settings
from singerid.sound.files import AudioError, one_warning
from singerid.system.devices import choose_device
from singerid.system.file_names import absolute
from singerid.system.files import writing
from singerid.system.processes import WorkerDied
from singerid.text import printable


@dataclass(frozen=True)
class Question:
    """What `Identifier.load` is asked for; see there.

    Attributes:
        run: the library's or the run's folder, or the name of a pretrained network.
        audio: what is listened to.
        separator: what takes the vocals out.
        pretrained_weights: of a pretrained network.
        all_clips: whether clips vote in which nobody sings.
        prior: of a library: the share of songs by its singers that is expected.
    """

    run: Path
    audio: AudioCondition | None = None
    separator: str | None = None
    pretrained_weights: Path | None = None
    all_clips: bool = False
    prior: float | None = None

    def load(self, device: str, weights: Path | None, library: Path | None = None) -> Identifier:
        """The identifier; `library`: where a copy of the library is."""
        return Identifier.load(
            library or self.run,
            choose_device(device),
            audio=self.audio,
            separator=self.separator,
            weights=weights,
            pretrained_weights=self.pretrained_weights,
            all_clips=self.all_clips,
            prior=self.prior,
        )


@dataclass(frozen=True)
class Asking:
    """Opens in a worker what is asked.

    Attributes:
        question: what is asked, with whole paths.
        library: the library's file as it was at the start; None: a network is asked.
        folder: where answers are kept.
        device: where workers compute.
        weights: of the separator; None: the published ones.
        identity: of the network, as this machine has it.
        hears_voices: whether a network beside it hears there when somebody sings.
    """

    question: Question
    library: bytes | None
    folder: HeardFolder
    device: str
    weights: Path | None
    identity: str
    hears_voices: bool

    def __call__(self) -> "Answering":
        """Open it.

        Raises:
            SingeridError: it cannot be opened there, or is another than this machine's.
        """
        run, library = printable(self.question.run), self.library
        if library is None:
            identifier = self.question.load(self.device, self.weights)
            if identity_of(identifier) != self.identity:
                raise SingeridError(f"{run}: is another network there than here; put the same on both")
            if self.hears_voices and identifier.voices is None:
                raise SingeridError(f"{run}: {identifier.notice}")
            return Answering(identifier, self.folder)
        # Voices are in it: where the system allows that, nobody finds the copy while it is open.
        copy = tempfile.TemporaryDirectory(prefix="singerid-", ignore_cleanup_errors=True)
        folder = Path(copy.name)
        with writing(folder):
            (folder / FILE).write_bytes(library)
        try:
            identifier = self.question.load(self.device, self.weights, folder)
        except SingeridError as error:
            raise SingeridError(
                f"cannot hear as {run} does ({error}); put the weights of the machine that asks there, too"
            ) from error
        identity_of(identifier)  # reads all of it
        if os.name == "posix":
            copy.cleanup()
        return Answering(identifier, self.folder, copy)


@dataclass(frozen=True)
class Answering:
    """What a worker does: answers for a file, and keeps what a load gave."""

    identifier: Identifier
    folder: HeardFolder
    copy: "tempfile.TemporaryDirectory[str] | None" = None

    def __call__(self, asked: Asked) -> HeardRow:
        """The answer for a file; one that cannot be used is a row with its reason."""
        row = marked(asked.path)
        if row.reason:
            return row
        try:
            if self.identifier.library is None:
                result = self.identifier.identify(Path(asked.path))
                found = replace(row, seconds=result.seconds, voice_seconds=result.voice_seconds)
                found = replace(found, short=result.short, warning=result.warning)
            else:
                found, result = self._by_library(self.identifier.library, row)
        except AudioError as error:
            return replace(row, reason=error.reason)
        return replace(found, decision=result.decision, answer=json.dumps(result.to_json()))

    def _by_library(self, library: Library, row: HeardRow) -> tuple[HeardRow, Result]:
        path, warnings = Path(row.path), list[str]()
        file = library.core.look(path)
        heard = library.hearing(path, warnings.append, with_cells=True)
        warning = one_warning(warnings)
        known = known_of(library.core.contents, file.recording, (file.fingerprint, file.scheme))
        result = library.judged(heard, known, str(path), warning, self.identifier.prior)
        found = replace(row, fingerprint=file.fingerprint, scheme=file.scheme)
        return with_voice(found, heard, warning), result

    def end(self, done: Sequence[tuple[Asked, HeardRow | WorkerDied]]) -> int:
        """Keep the rows of a load; gives their number."""
        self.folder.write(rows_of(done))
        return len(done)


def identity_of(identifier: Identifier) -> str:
    """Which library or network it is: the same on all machines, or their answers differ."""
    if identifier.library is not None:
        return identifier.library.state
    network = identifier.scorer
    return network.identity if isinstance(network, TrainedNetwork) else ""


def answers_elsewhere(
    identifier: Identifier,
    question: Question,
    files: Sequence[Path],
    elsewhere: Elsewhere,
    *,
    timeline: bool = True,
    step: OnStep = lambda: None,
) -> Iterator[Result | Failure]:
    """The answer for each file in turn, as `identify_files` gives it, made on a cluster.

    Args:
        identifier: what the question opens on this machine.
        question: what is asked.
        files: what to listen to.
        elsewhere: the cluster, and where answers are kept.
        timeline: say when who sings; else timelines are empty.
        step: is called for each file that is done.

    Raises:
        SingeridError: as `library.on_ray.hear`.
    """
    asked = [(str(absolute(file)), file) for file in files]
    given = (elsewhere.weights, question.pretrained_weights)
    seen: list[Path | str] = [path for path in given if path is not None]
    if identifier.library is None and question.run.exists():
        seen.append(question.run)
    work = _asking(identifier, question, elsewhere)
    once = dict.fromkeys(path for path, _ in asked)
    heard = hear([Asked(path) for path in once], work, work.folder, elsewhere, seen=seen, step=step)
    found = _answers(heard, once)
    for path, file in asked:
        outcome = found.get(clean(path))
        if outcome is None:
            yield Failure(str(file), CHANGED)
        elif isinstance(outcome, str):
            yield Failure(str(file), outcome)
        else:
            result = replace(Result.from_json(json.loads(outcome.answer)), path=str(file))
            yield result if timeline else replace(result, timeline=())


def _asking(identifier: Identifier, question: Question, elsewhere: Elsewhere) -> Asking:
    """What workers open, for this identifier."""
    identity, library = identity_of(identifier), identifier.library
    if library is None:
        spec = identifier.listener.spec
        name = getattr(identifier.scorer, "name", "")
        separator = identifier.listener.separator
        settings = Settings(
            name,
            identity,
            spec.audio,
            separator.name if separator else "",
            separator.origin if separator else "",
        )
        size, content = 0, None
    else:
        settings, size = settings_of(library.hearing), library.hearing.encoder.size
        content = library.core.database.copy()
    mark = hashlib.sha256(f"{identity} {question.all_clips} {question.prior}".encode()).hexdigest()[:16]
    folder = HeardFolder(elsewhere.parquet, HeardBy(settings, mark), size, answers=True)
    run = absolute(question.run) if question.run.exists() else question.run
    weights = question.pretrained_weights
    whole = replace(question, run=run, pretrained_weights=None if weights is None else absolute(weights))
    voices = identifier.voices is not None
    return Asking(whole, content, folder, elsewhere.device, elsewhere.weights, identity, voices)


def _answers(heard: Heard, asked: Iterable[str]) -> dict[str, HeardRow | str]:
    """Of each file that was asked about its row, as the file is now, or why it has none, by the path."""
    now = {clean(path): marked(path) for path in asked}
    found: dict[str, HeardRow | str] = {}
    for row in heard.rows():
        file = now.get(row.path)
        if file is None:
            continue
        if row.reason or file.reason:
            found.setdefault(row.path, row.reason or file.reason)
        elif (row.size, row.changed_ns) == (file.size, file.changed_ns):
            found[row.path] = row
    return found
