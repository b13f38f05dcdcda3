"""What one process does: the features and the F0 of one recording, into files."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import IO

import numpy as np
import torch

from singerid.config import MIXTURE, FeatureConfig
from singerid.data.tracks import Track
from singerid.errors import Failure
from singerid.sound.audio import AudioError, Read, Samples, read_blocks
from singerid.sound.features import LogMel, seconds_to_frames, stream_log_mel, stream_waveform
from singerid.sound.melody.contour import Tracker
from singerid.sound.separation.separated import separated
from singerid.sound.separation.separators import Separator
from singerid.store.index import StoredTrack
from singerid.store.reader import waveform_of
from singerid.system.devices import CPU
from singerid.system.files import atomic_write, file_hash


def _quiet(_: str) -> None:
    """What is wrong with a recording was said when its features were made."""


@dataclass(frozen=True)
class Source:
    """A track and the recording that it has now; see `StoredTrack` for the fields."""

    track: Track
    source_hash: str
    source_size: int
    source_mtime_ns: int


@dataclass(frozen=True)
class Job:
    """What is to be made of a source.

    Attributes:
        source: the recording.
        stored: what the store has of this very recording; None: nothing.
        conditions: whose features are to be made.
        contours: the F0 contours to be made, "<condition>/<tracker>".
    """

    source: Source
    stored: StoredTrack | None
    conditions: frozenset[str]
    contours: frozenset[str]

    @property
    def keeps_mixture(self) -> bool:
        """Whether the store has the features of the mixture, whatever becomes of this job."""
        return self.stored is not None and MIXTURE not in self.conditions


@dataclass(frozen=True)
class Extracted:
    """What was made of a source, in finished files that no index tells of yet.

    Attributes:
        frames: length of its features.
        duration_s: length of its sound in seconds.
        warning: what is wrong with the recording, though it was used; "" if nothing.
        features: a file for each condition.
        f0: a file for each contour.
        failures: what could not be made, while the rest was.
    """

    frames: int
    duration_s: float
    warning: str
    features: dict[str, Path] = field(default_factory=dict)
    f0: dict[str, Path] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Extraction:
    """How files are made of recordings; workers get it once.

    Attributes:
        root: the folder that the tracks' paths are relative to.
        incoming: where the files go.
        config: of the features.
        min_seconds: a recording shorter than a clip of this length is of no use.
        device: where spectrograms are made.
        separator: what takes the vocals out of the mixture.
        trackers: what follows the melody.
    """

    root: Path
    incoming: Path
    config: FeatureConfig
    min_seconds: float
    device: torch.device = CPU
    separator: Separator | None = None
    trackers: tuple[Tracker, ...] = ()

    def __call__(self, job: Job) -> Extracted | Failure:
        """Make the files of a job; a SingeridError that is no AudioError is one of writing."""
        path = self.root / job.source.track.path
        try:
            with _one_thread():
                made = self._mixture(path, job)
                read = partial(read_blocks, path, self.config.sample_rate, warn=_quiet)
                self._melody(read, MIXTURE, job, made)
                self._waveform(read, MIXTURE, job, made)
                if any(not wanted.startswith(MIXTURE) for wanted in job.conditions | job.contours):
                    self._separated(path, job, made)
            if content_hash(path) != job.source.source_hash:
                raise AudioError(path, "was changed while it was read; run the command again")
        except AudioError as error:
            return Failure(job.source.track.path, error.reason)
        return made

    def _mixture(self, path: Path, job: Job) -> Extracted:
        if MIXTURE not in job.conditions:
            stored = job.stored
            assert stored is not None  # else the features of the mixture would be wanted
            return Extracted(stored.frames, stored.duration_s, stored.warning)
        samples: list[int] = []  # of each reading
        warnings: list[str] = []

        def read() -> Iterator[Samples]:
            samples.append(0)
            for block in read_blocks(path, self.config.sample_rate, warn=warnings.append):
                samples[-1] += len(block)
                yield block

        file = self._file(job, MIXTURE)
        frames, loudest = self._features(read, file)
        duration_s = samples[0] / self.config.sample_rate
        if frames < seconds_to_frames(self.min_seconds, self.config):
            raise AudioError(path, too_short(duration_s, self.min_seconds))
        if loudest <= 20 * math.log10(self.config.amin):
            raise AudioError(path, "is silent; remove it or record it again")
        return Extracted(frames, duration_s, warnings[0] if warnings else "", {MIXTURE: file})

    def _separated(self, path: Path, job: Job, made: Extracted) -> None:
        """What is made of the vocals and of the rest; without them the mixture is of use all the same."""
        assert self.separator is not None  # else nothing of the kind would be wanted
        try:
            with separated(self.separator, path, self.incoming) as parts:
                for condition in sorted(job.conditions & parts.keys()):
                    file = self._file(job, condition)
                    frames, _ = self._features(parts[condition], file)
                    if frames != made.frames:
                        raise AudioError(path, f"its {condition} have {frames} frames, not {made.frames}")
                    made.features[condition] = file
                for condition in parts:
                    self._melody(parts[condition], condition, job, made)
                    self._waveform(parts[condition], condition, job, made)
        except AudioError as error:
            made.failures.append(Failure(job.source.track.path, error.reason))

    def _waveform(self, read: Read, condition: str, job: Job, made: Extracted) -> None:
        name = waveform_of(condition)
        if name in job.conditions:
            file = self._file(job, name)
            with atomic_write(file) as output:
                _write_features(output, stream_waveform(read(), self.config), self.config.hop_length)
            made.features[name] = file

    def _melody(self, read: Read, condition: str, job: Job, made: Extracted) -> None:
        for tracker in self.trackers:
            contour = f"{condition}/{tracker.name}"
            if contour not in job.contours:
                continue
            found = tracker.contour(read())
            file = self._file(job, contour.replace("/", "-"), "npz")
            with atomic_write(file) as output:
                np.savez(output, f0=found.f0, confidence=found.confidence)
            made.f0[contour] = file

    def _features(self, read: Read, file: Path) -> tuple[int, float]:
        with atomic_write(file) as output:
            chunks = stream_log_mel(read, _log_mel(self.config, self.device))
            return _write_features(output, chunks, self.config.n_mels)

    def _file(self, job: Job, name: str, suffix: str = "npy") -> Path:
        return self.incoming / f"{job.source.track.id}-{name}.{suffix}"


def _write_features(file: IO[bytes], chunks: Iterable[torch.Tensor], n_mels: int) -> tuple[int, float]:
    """Write (H, W) chunks as one .npy array of shape (frames, H); returns frames and the loudest cell."""
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


def content_hash(path: Path) -> str:
    """SHA-256 of a recording's bytes, hexadecimal; AudioError where it cannot be read."""
    try:
        return file_hash(path)
    except OSError as error:
        raise AudioError(path, f"cannot be read ({error.strerror or error}); copy it again") from error


def too_short(duration_s: float, min_seconds: float) -> str:
    """The reason to leave out a recording that is shorter than a clip of `min_seconds`."""
    return f"is too short ({duration_s:.2f} s, a clip has {min_seconds:g} s); see --min-seconds"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute with one thread: then its sums do not depend on the number of workers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@cache
def _log_mel(config: FeatureConfig, device: torch.device) -> LogMel:
    return LogMel(config).to(device)
