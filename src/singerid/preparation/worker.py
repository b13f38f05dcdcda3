"""The work of one process: it makes files with the arrays of one recording."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from singerid.config import ACCOMPANIMENT, MIXTURE, VOCALS, FeatureConfig
from singerid.encoders.encoder import Encoder
from singerid.errors import Failure
from singerid.listening.voice.watch import VoiceWatch
from singerid.preparation.sources import Source, content_hash
from singerid.sound.audio import Read, read_blocks
from singerid.sound.decoding.pieces import Samples
from singerid.sound.features import LogMel, seconds_to_frames, stream_log_mel, stream_waveform
from singerid.sound.files import AudioError, one_warning
from singerid.sound.levels import SILENT
from singerid.sound.melody.contour import Tracker
from singerid.sound.scratch import keep
from singerid.sound.separation.separated import SEPARATED, separated
from singerid.sound.separation.separators import Separator, knows_voices
from singerid.store.arrays import condition_of, f0_of, features_of, kind_of, vectors_of, waveform_of
from singerid.store.index import StoredTrack
from singerid.system.devices import CPU
from singerid.system.files import atomic_write


@dataclass(frozen=True)
class Job:
    """The arrays to make from a source.

    Attributes:
        source: the recording.
        stored: the store's track of this same recording; None: there is none.
        wanted: names of the arrays to be made.
    """

    source: Source
    stored: StoredTrack | None
    wanted: frozenset[str]

    @property
    def keeps_mixture(self) -> bool:
        """Whether the store has the features of the mixture, even if this job fails."""
        return self.stored is not None and features_of(MIXTURE) not in self.wanted


@dataclass(frozen=True)
class Extracted:
    """What was made from a source, in finished files that are not in the index yet.

    Attributes:
        frames: length of its features.
        duration_s: length of its sound in seconds.
        warning: what is wrong with the recording, though it was used; "" if nothing.
        arrays: the file of each array, by the array's name.
        failures: arrays that could not be made, while the others were.
    """

    frames: int
    duration_s: float
    warning: str
    arrays: dict[str, Path] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


@dataclass
class _Recording:
    """Decodes a recording each time it is called, and remembers its length and warnings.

    Attributes:
        path: the file.
        sample_rate: of the samples that it yields, in Hz.
        samples: number of samples, once the recording was read to its end.
    """

    path: Path
    sample_rate: int
    samples: int = 0
    _reasons: list[str] = field(default_factory=list)

    @property
    def warning(self) -> str:
        """What is wrong with the file, though it could be used; "" if nothing."""
        return one_warning(self._reasons)

    def __call__(self) -> Iterator[Samples]:
        self.samples = 0
        for block in read_blocks(self.path, self.sample_rate, warn=self._warn):
            self.samples += len(block)
            yield block

    def _warn(self, reason: str) -> None:
        self._reasons.append(reason)


@dataclass(frozen=True)
class Extraction:
    """How arrays are made from recordings; each worker gets it once.

    Attributes:
        root: the folder that the tracks' paths are relative to.
        incoming: where the files go.
        config: of the features.
        min_seconds: recordings shorter than a clip of this length are left out.
        device: where spectrograms are made.
        separator: takes the vocals out of the mixture.
        trackers: follow the melody.
        encoders: make vectors; each by the part of the names of arrays that stands for it.
    """

    root: Path
    incoming: Path
    config: FeatureConfig
    min_seconds: float
    device: torch.device = CPU
    separator: Separator | None = None
    trackers: tuple[Tracker, ...] = ()
    encoders: Mapping[str, Encoder] = field(default_factory=dict)

    @cached_property
    def log_mel(self) -> LogMel:
        """The front end that makes the features."""
        return LogMel(self.config).to(self.device)

    def __getstate__(self) -> dict[str, Any]:
        """Only the fields: another process makes the front end itself."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def __call__(self, job: Job) -> Extracted | Failure:
        """Make the files of a job; raises SingeridError only if one cannot be written."""
        path = self.root / job.source.track.path
        try:
            with _one_thread():
                made = self._made(_Recording(path, self.config.sample_rate), job)
            if content_hash(path) != job.source.source_hash:
                raise AudioError(path, "was changed while it was read; run the command again")
        except AudioError as error:
            return Failure(job.source.track.path, error.reason)
        return made

    def _made(self, recording: _Recording, job: Job) -> Extracted:
        with self._decoded(recording, job) as mixture:
            made = self._mixture(recording, mixture, job)
            self._f0(mixture, MIXTURE, job, made)
            self._waveform(mixture, MIXTURE, job, made)
            self._vectors(mixture, MIXTURE, job, made)
            parts = sorted({condition_of(name) for name in job.wanted} - {MIXTURE})
            if parts:
                self._separated(recording.path, mixture, parts, job, made)
        return made

    @contextmanager
    def _decoded(self, recording: _Recording, job: Job) -> Iterator[Read]:
        """The recording's sound; if it is read more than once, it is kept on disk meanwhile."""
        if len(job.wanted) == 1 and condition_of(*job.wanted) == MIXTURE:
            yield recording
            return
        file = self.incoming / f"{job.source.track.id}-decoded"
        try:
            yield keep(recording(), file)
        finally:
            file.unlink(missing_ok=True)

    def _mixture(self, recording: _Recording, mixture: Read, job: Job) -> Extracted:
        """Make the features of the mixture; raises AudioError if the recording is too short or silent."""
        if features_of(MIXTURE) not in job.wanted:
            stored = job.stored
            assert stored is not None  # else the features of the mixture would be wanted
            return Extracted(stored.frames, stored.duration_s, stored.warning)
        file = self._file(job, features_of(MIXTURE))
        frames, loudest = self._features(mixture, file)
        duration_s = recording.samples / self.config.sample_rate
        if frames < seconds_to_frames(self.min_seconds, self.config):
            raise AudioError(recording.path, too_short(duration_s, self.min_seconds))
        if loudest <= 20 * math.log10(self.config.amin):
            raise AudioError(recording.path, SILENT)
        return Extracted(frames, duration_s, recording.warning, {features_of(MIXTURE): file})

    def _separated(self, path: Path, mixture: Read, parts: list[str], job: Job, made: Extracted) -> None:
        """Make the arrays of vocals and accompaniment; if that fails, those of the mixture are still used."""
        assert self.separator is not None  # else nothing of the kind would be wanted
        try:
            needed = (
                {*parts, *SEPARATED} if any(name.startswith("vectors/") for name in job.wanted) else parts
            )
            with separated(self.separator, path, self.incoming, mixture=mixture, parts=needed) as reads:
                for condition in parts:
                    self._features_of_part(path, reads[condition], condition, job, made)
                    self._f0(reads[condition], condition, job, made)
                    self._waveform(reads[condition], condition, job, made)
                    self._vectors(reads[condition], condition, job, made, reads)
        except AudioError as error:
            made.failures.append(Failure(job.source.track.path, error.reason))

    def _features_of_part(self, path: Path, read: Read, condition: str, job: Job, made: Extracted) -> None:
        name = features_of(condition)
        if name in job.wanted:
            file = self._file(job, name)
            frames, _ = self._features(read, file)
            if frames != made.frames:
                raise AudioError(path, f"its {condition} have {frames} frames, not {made.frames}")
            made.arrays[name] = file

    def _waveform(self, read: Read, condition: str, job: Job, made: Extracted) -> None:
        name = features_of(waveform_of(condition))
        if name in job.wanted:
            file = self._file(job, name)
            with atomic_write(file) as output:
                _write_features(output, stream_waveform(read(), self.config), self.config.hop_length)
            made.arrays[name] = file

    def _f0(self, read: Read, condition: str, job: Job, made: Extracted) -> None:
        for tracker in self.trackers:
            name = f0_of(condition, tracker.name)
            if name in job.wanted:
                found = tracker.contour(read())
                file = self._file(job, name)
                with atomic_write(file) as output:
                    np.savez(output, f0=found.f0, confidence=found.confidence)
                made.arrays[name] = file

    def _vectors(
        self, read: Read, condition: str, job: Job, made: Extracted, parts: Mapping[str, Read] | None = None
    ) -> None:
        """Make the vectors; if the recording was separated, its parts show when somebody sings."""
        for key, encoder in self.encoders.items():
            name = vectors_of(condition, key)
            if name not in job.wanted:
                continue
            watch = None
            if parts is not None and self.separator is not None:
                watch = VoiceWatch(None if knows_voices(self.separator) else encoder.voices)
                watch.separated(self.separator, parts[VOCALS], parts[ACCOMPANIMENT], encoder.device)
            try:
                # If nobody sings, the vocals are silent throughout.
                voices = encoder.encode(read, allow_silence=True, watch=watch)
            except AudioError as error:  # the other arrays of the recording are still used
                made.failures.append(
                    Failure(job.source.track.path, f"no vectors of the {condition}: {error.reason}")
                )
                continue
            file = self._file(job, name)
            with atomic_write(file) as output:
                np.savez(
                    output,
                    vectors=voices.vectors.astype(np.float16),
                    starts=voices.starts.astype(np.float32),
                    # Rounded, like the vectors, so that the size of a batch of windows does not show in it.
                    voice_share=voices.voice_share.round(3),
                )
            made.arrays[name] = file

    def _features(self, read: Read, file: Path) -> tuple[int, float]:
        with atomic_write(file) as output:
            return _write_features(output, stream_log_mel(read, self.log_mel), self.config.n_mels)

    def _file(self, job: Job, name: str) -> Path:
        return self.incoming / f"{job.source.track.id}-{name.replace('/', '-')}{kind_of(name).suffix}"


def _write_features(file: IO[bytes], chunks: Iterable[torch.Tensor], n_mels: int) -> tuple[int, float]:
    """Write (H, W) chunks as one .npy array, (frames, H); returns the frames and the loudest cell."""
    frames, loudest = 0, -math.inf
    _write_header(file, frames, n_mels)
    for chunk in (columns.cpu().numpy() for columns in chunks):
        file.write(chunk.T.astype(np.float16).tobytes())
        frames += chunk.shape[1]
        loudest = max(loudest, float(chunk.max()))
    file.seek(0)
    _write_header(file, frames, n_mels)
    return frames, loudest


def _write_header(file: IO[bytes], frames: int, n_mels: int) -> None:
    # NumPy leaves room for the first axis to grow, so every header is equally long.
    header = {"descr": "<f2", "fortran_order": False, "shape": (frames, n_mels)}
    np.lib.format.write_array_header_1_0(file, header)


def too_short(duration_s: float, min_seconds: float) -> str:
    """The reason to leave out a recording that is shorter than a clip of `min_seconds`."""
    return f"is too short ({duration_s:.2f} s, a clip has {min_seconds:g} s); see `min_seconds`"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute with one thread, so that its sums do not depend on the number of workers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
