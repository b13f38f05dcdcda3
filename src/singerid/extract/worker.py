"""What one process does: the features of one recording, into one file."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
import torch

from singerid.audio import AudioError, Samples, read_blocks
from singerid.config import FeatureConfig
from singerid.data.tracks import Track
from singerid.errors import Failure
from singerid.extract.store import file_hash
from singerid.features import LogMel, seconds_to_frames, stream_log_mel
from singerid.files import atomic_write

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Source:
    """A track and the recording that it has now; see `StoredTrack` for the fields."""

    track: Track
    source_hash: str
    source_size: int
    source_mtime_ns: int


@dataclass(frozen=True)
class Extracted:
    """Features of a source, in a finished file that no index tells of yet."""

    made: Path
    frames: int
    duration_s: float
    warning: str


def extract(
    source: Source,
    root: Path,
    incoming: Path,
    config: FeatureConfig,
    min_seconds: float,
    device: torch.device = CPU,
) -> Extracted | Failure:
    """Write the features of a source to `incoming`; a SingeridError is one of writing."""
    path = root / source.track.path
    made = incoming / f"{source.track.id}.npy"
    samples: list[int] = []  # of each reading
    warnings: list[str] = []

    def read() -> Iterator[Samples]:
        samples.append(0)
        try:
            for block in read_blocks(path, config.sample_rate, warn=warnings.append):
                samples[-1] += len(block)
                yield block
        except OSError as error:
            raise AudioError(path, f"cannot be read ({error.strerror or error}); copy it again") from error

    try:
        with _one_thread(), atomic_write(made) as file:
            frames, loudest = _write_features(
                file, stream_log_mel(read, _log_mel(config, device)), config.n_mels
            )
            duration_s = samples[0] / config.sample_rate
            if frames < seconds_to_frames(min_seconds, config):
                raise AudioError(path, too_short(duration_s, min_seconds))
            if loudest <= 20 * math.log10(config.amin):
                raise AudioError(path, "is silent; remove it or record it again")
            if content_hash(path) != source.source_hash:
                raise AudioError(path, "was changed while it was read; run the command again")
    except AudioError as error:
        return Failure(source.track.path, error.reason)
    return Extracted(made, frames, duration_s, warnings[0] if warnings else "")


def _write_features(file: IO[bytes], chunks: Iterable[np.ndarray], n_mels: int) -> tuple[int, float]:
    """Write (H, W) chunks as one .npy array of shape (frames, H); returns frames and the loudest cell."""
    frames, loudest = 0, -math.inf
    _write_header(file, frames, n_mels)
    for chunk in chunks:
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
