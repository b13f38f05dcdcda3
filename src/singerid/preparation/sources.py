"""Recordings as they are now: which bytes each track has, read only if its file may have changed."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from singerid.data.tracks import Track
from singerid.errors import Failure
from singerid.sound.files import AudioError, open_file
from singerid.store.index import StoredTrack
from singerid.system.files import file_hash
from singerid.system.on_ray import in_parts

# Two changes of a file this close together may have the same time stamp.
_CLOCK_NS = 2_000_000_000
_AT_ONCE = 32  # files that one task of a cluster reads: some seconds from a shared drive


@dataclass(frozen=True)
class Source:
    """A track and the recording that it has now; see `StoredTrack` for the fields."""

    track: Track
    source_hash: str
    source_size: int
    source_mtime_ns: int


def unchanged_source(track: Track, root: Path, known: Mapping[str, StoredTrack]) -> Source | None:
    """The recording of a track whose file has the size and time of change that the store knows; else None."""
    stored = known.get(track.id)
    if stored is None:
        return None
    try:
        with open_file(root / track.path) as file:
            status = os.fstat(file.fileno())
    except AudioError:  # `read_source` says why
        return None
    if (stored.source_size, stored.source_mtime_ns) != (status.st_size, status.st_mtime_ns):
        return None
    return Source(track, stored.source_hash, status.st_size, status.st_mtime_ns)


def read_source(track: Track, root: Path) -> Source | Failure:
    """The recording that a track has now, read to its end."""
    path = root / track.path
    try:
        with open_file(path) as file:
            status = os.fstat(file.fileno())
        content = content_hash(path)
    except AudioError as error:
        return Failure(track.path, error.reason)
    settled = status.st_mtime_ns < time.time_ns() - _CLOCK_NS
    return Source(track, content, status.st_size, status.st_mtime_ns if settled else 0)


def read_sources(tracks: Iterable[Track], root: Path, threads: int) -> Iterator[Source | Failure]:
    """`read_source` of each track, by threads of this process."""
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(partial(read_source, root=root), tracks)


def read_sources_on_cluster(ray: Any, tracks: Sequence[Track], root: Path) -> Iterator[Source | Failure]:
    """`read_source` of each track, by a Ray cluster to which this process is connected.

    All of the recordings go through the drives of all machines, and not through those of one.
    """
    for part, found in in_parts(ray, partial(_read_all, root=root), tracks, _AT_ONCE):
        yield from _read_all(part, root) if found is None else found


def _read_all(tracks: Sequence[Track], root: Path) -> list[Source | Failure]:
    return [read_source(track, root) for track in tracks]


def content_hash(path: Path) -> str:
    """SHA-256 of a recording's bytes, hexadecimal; raises AudioError if it cannot be read."""
    try:
        return file_hash(path)
    except OSError as error:
        raise AudioError(path, f"cannot be read ({error.strerror or error}); copy it again") from error
