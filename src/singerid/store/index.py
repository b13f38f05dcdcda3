"""A store's index: one line a track, appended; the last line of a track holds."""

import gc
import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.text import printable

CONDITION_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
CONTOUR_NAME = re.compile(f"{CONDITION_NAME.pattern}/{CONDITION_NAME.pattern}")


@dataclass(frozen=True)
class StoredTrack(Track):
    """A track whose features are in a store.

    Attributes:
        duration_s: length of the sound in seconds.
        frames: length of the features.
        source_hash: SHA-256 of the recording's bytes, hexadecimal.
        source_size: of the recording, in bytes.
        source_mtime_ns: time of the recording's last change, in nanoseconds; 0: not to be trusted.
        conditions: for each condition ("mixture", "vocals", ...) the SHA-256 of its feature file.
        f0: for each F0 contour, "<condition>/<tracker>", the SHA-256 of its file.
        warning: what was wrong with the recording, though it was used; "" if nothing.
    """

    duration_s: float
    frames: int
    source_hash: str
    source_size: int
    source_mtime_ns: int
    conditions: Mapping[str, str] = field(hash=False, default_factory=dict)
    f0: Mapping[str, str] = field(hash=False, default_factory=dict)
    warning: str = ""


def read_index(path: Path) -> dict[str, StoredTrack]:
    """The tracks by id: later lines hold; a last line without its end was never finished."""
    tracks: dict[str, StoredTrack] = {}
    number = 0
    try:
        with _no_collection(), path.open("rb") as file:
            for line in file:
                number += 1
                if not line.endswith(b"\n"):
                    break
                entry = json.loads(line)
                id = entry.pop("id")
                entry.setdefault("f0", {})  # before there was any, lines did not speak of it
                if entry.pop("removed", False):
                    tracks.pop(id, None)
                else:
                    tracks[id] = _stored_track(id, entry)
    except FileNotFoundError:
        pass  # killed before the first track
    except OSError as error:
        raise SingeridError(
            f"{printable(path)}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SingeridError(
            f"{printable(path)}, line {number}: is damaged; delete that line and run `singerid prepare` again"
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
    "conditions": dict,
    "f0": dict,
    "warning": str,
}


def _stored_track(id: str, entry: dict[str, Any]) -> StoredTrack:
    if {name: type(value) for name, value in entry.items()} != _TYPES:
        raise TypeError("fields of other names or types")
    if not (math.isfinite(entry["duration_s"]) and entry["frames"] > 0):
        raise ValueError("a track without length")
    # As unpickling does it: a third of the time of a frozen dataclass's constructor.
    track = object.__new__(StoredTrack)
    track.__dict__.update(entry)
    if track.id != id:
        raise ValueError("the id is not that of the path")
    for pattern, files in ((CONDITION_NAME, track.conditions), (CONTOUR_NAME, track.f0)):
        for name, checksum in files.items():
            if not pattern.fullmatch(name) or type(checksum) is not str:
                raise ValueError(name)
    return track


@contextmanager
def _no_collection() -> Iterator[None]:
    """Python's search for cycles takes longer than reading a large index, which has none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
