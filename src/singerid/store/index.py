"""A store's index: one line per track, appended; the last line of a track is the valid one."""

import gc
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.store.arrays import kind_of


@dataclass(frozen=True)
class StoredTrack(Track):
    """A track whose arrays are in a store.

    Attributes:
        duration_s: length of the sound in seconds.
        frames: length of the features.
        source_hash: SHA-256 of the recording's bytes, hexadecimal.
        source_size: of the recording, in bytes.
        source_mtime_ns: time of the recording's last change, in nanoseconds; 0: cannot be relied on.
        arrays: the SHA-256 of the file of each array, by its name: see `singerid.store.arrays`.
        warning: what was wrong with the recording, though it was used; "" if nothing.
    """

    duration_s: float
    frames: int
    source_hash: str
    source_size: int
    source_mtime_ns: int
    arrays: Mapping[str, str] = field(hash=False, default_factory=dict)
    warning: str = ""

    def of_kind(self, kind: str) -> list[str]:
        """Sorted names of its arrays of one kind, without the kind: for "f0", "<condition>/<tracker>"."""
        return sorted(name.removeprefix(f"{kind}/") for name in self.arrays if name.startswith(f"{kind}/"))


def read_index(path: Path) -> dict[str, StoredTrack]:
    """The tracks of an index by id.

    A later line of a track replaces an earlier one. A last line without a line end was not finished, and is
    ignored.
    """
    tracks: dict[str, StoredTrack] = {}
    known: set[str] = set()
    number = 0
    try:
        with _no_collection(), path.open("rb") as file:
            for line in file:
                number += 1
                if not line.endswith(b"\n"):
                    break
                entry = json.loads(line)
                id = entry.pop("id")
                if entry.pop("removed", False):
                    tracks.pop(id, None)
                else:
                    tracks[id] = _stored_track(id, entry, known)
    except FileNotFoundError:
        pass  # killed before the first track
    except OSError as error:
        raise SingeridError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SingeridError(
            f"{path}, line {number}: is damaged; delete that line and run `singerid prepare` again"
        ) from error
    return tracks


_TYPES: dict[str, type] = {
    "path": str,
    "singer": str,
    "album": str,
    "duration_s": float,
    "frames": int,
    "source_hash": str,
    "source_size": int,
    "source_mtime_ns": int,
    "arrays": dict,
    "warning": str,
}


def _stored_track(id: str, entry: dict[str, Any], known: set[str]) -> StoredTrack:
    """The track of a line; `known` holds names of arrays that were already checked."""
    if {name: type(value) for name, value in entry.items()} != _TYPES:
        raise TypeError("fields of other names or types")
    if not (math.isfinite(entry["duration_s"]) and entry["frames"] > 0):
        raise ValueError("a track without length")
    # Built as unpickling does it: that takes a third of the time of a frozen dataclass's constructor.
    track = object.__new__(StoredTrack)
    track.__dict__.update(entry)
    if track.id != id:
        raise ValueError("the id is not that of the path")
    for name, checksum in track.arrays.items():
        if name not in known:
            kind_of(name)
            known.add(name)
        if type(checksum) is not str:
            raise TypeError(f"the checksum of {name}")
    return track


@contextmanager
def _no_collection() -> Iterator[None]:
    """Turn off Python's search for cycles: it takes longer than reading a large index, which has none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
