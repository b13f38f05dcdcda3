"""Identifying the singers of files on a Ray cluster: each worker opens the library, or the network, once.

A library is sent to the workers as it is when the command starts; a run's folder must be visible to all
machines. Answers are kept in Parquet files, together with the vectors that they were made from
(`library.heard_rows`). They are reused until the file or the library changes.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
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
from singerid.library.heard_rows import HeardFolder, HeardRow
from singerid.library.heard_schema import HeardBy
from singerid.library.library import Library
from singerid.library.on_ray import Asked, Elsewhere, HeardElsewhere, hear, marked, rows_of, with_voice
from singerid.library.records import Settings
from singerid.sound.files import AudioError, one_warning
from singerid.system.devices import choose_device
from singerid.system.file_names import absolute
from singerid.system.files import writing
from singerid.system.hub import is_hub
from singerid.system.processes import WorkerDied
from singerid.text import printable


@dataclass(frozen=True)
class Question:
    """The arguments of `Identifier.load`; see there.

    Attributes:
        run: folder of a library or a run, address of a run on a model hub, or name of a pretrained network.
        audio: what to listen to.
        separator: the separator that extracts the vocals.
        pretrained_weights: weights of a pretrained network.
        all_clips: let clips without singing vote too.
        prior: for a library: expected share of songs that are by its singers.
    """

    run: Path
    audio: AudioCondition | None = None
    separator: str | None = None
    pretrained_weights: Path | None = None
    all_clips: bool = False
    prior: float | None = None

    def load(self, device: str, weights: Path | None, library: Path | None = None) -> Identifier:
        """The identifier; `library` is the folder of a copy of the library, if there is one."""
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
    """Opens the library or the network in a worker.

    Attributes:
        question: what to open, with absolute paths.
        library: content of the library's file when the command started; None: a network answers.
        folder: where answers are kept.
        device: where the workers compute.
        weights: weights of the separator; None: the published ones.
        identity: identity of the network on the machine that asks.
        hears_voices: whether another network finds the windows in which somebody sings.
    """

    question: Question
    library: bytes | None
    folder: HeardFolder
    device: str
    weights: Path | None
    identity: str
    hears_voices: bool

    def __call__(self) -> "Answering":
        """Open the identifier in a worker.

        Raises:
            SingeridError: it cannot be opened, or it differs from the one on the machine that asks.
        """
        run, library = printable(self.question.run), self.library
        if library is None:
            identifier = self.question.load(self.device, self.weights)
            if identity_of(identifier) != self.identity:
                raise SingeridError(f"{run}: is another network there than here; put the same one on both")
            if self.hears_voices and identifier.voices is None:
                raise SingeridError(f"{run}: {identifier.notice}")
            return Answering(identifier, self.folder)
        # The library holds voiceprints: where the system allows it, the copy is deleted while it is open.
        copy = tempfile.TemporaryDirectory(prefix="singerid-", ignore_cleanup_errors=True)
        folder = Path(copy.name)
        with writing(folder):
            (folder / FILE).write_bytes(library)
        try:
            identifier = self.question.load(self.device, self.weights, folder)
        except SingeridError as error:
            raise SingeridError(
                f"cannot listen as {run} does ({error}); put the weights of the machine that asks there, too"
            ) from error
        identity_of(identifier)  # reads the whole library into memory
        if os.name == "posix":
            copy.cleanup()
        return Answering(identifier, self.folder, copy)


@dataclass(frozen=True)
class Answering:
    """The work of a worker: it answers for each file, and writes the answers of each load."""

    identifier: Identifier
    folder: HeardFolder
    copy: "tempfile.TemporaryDirectory[str] | None" = None

    def __call__(self, asked: Asked) -> HeardRow:
        """The row with the answer for a file, or with the reason why the file cannot be used."""
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
        """Write the rows of a load; returns their number."""
        self.folder.write(rows_of(done))
        return len(done)


def identity_of(identifier: Identifier) -> str:
    """The identity of the library or network; it must be equal on all machines, or their answers differ."""
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
    """The answer for each file in turn, as from `identify_files`, made on a cluster.

    Args:
        identifier: the identifier that the question opens on this machine.
        question: what the workers open.
        files: what to listen to.
        elsewhere: the cluster, and where answers are kept.
        timeline: give timelines, which say who sings when; else they are empty.
        step: called after each file.

    Returns:
        An iterator over the answers, which are on the disk: all files have been heard by then.

    Raises:
        SingeridError: as `library.on_ray.hear`.
    """
    given = (elsewhere.weights, question.pretrained_weights)
    seen: list[Path | str] = [path for path in given if path is not None]
    if identifier.library is None and question.run.exists():
        seen.append(question.run)
    work = _asking(identifier, question, elsewhere)
    asked = dict.fromkeys(str(absolute(file)) for file in files)
    heard = hear([Asked(path) for path in asked], work, work.folder, elsewhere, seen=seen, step=step)
    return _answers(HeardElsewhere(heard, asked), files, timeline)


def _answers(heard: HeardElsewhere, files: Sequence[Path], timeline: bool) -> Iterator[Result | Failure]:
    for file in files:
        try:
            answer = heard.row(file).answer
        except AudioError as error:
            yield Failure(str(file), error.reason)
            continue
        result = replace(Result.from_json(json.loads(answer)), path=str(file))
        yield result if timeline else replace(result, timeline=())


def _asking(identifier: Identifier, question: Question, elsewhere: Elsewhere) -> Asking:
    """The object that opens this identifier in the workers."""
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
    if is_hub(run) and isinstance(identifier.scorer, TrainedNetwork):
        run = Path(identifier.scorer.name)  # with the commit, so that all workers download the same weights
    weights = question.pretrained_weights
    whole = replace(question, run=run, pretrained_weights=None if weights is None else absolute(weights))
    voices = identifier.voices is not None
    return Asking(whole, content, folder, elsewhere.device, elsewhere.weights, identity, voices)
