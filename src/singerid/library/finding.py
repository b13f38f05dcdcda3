"""Which recording of the library a file is: by where it is, by its sound, or by how it sounds."""

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from singerid.library.database import Change, Database, text
from singerid.library.hearing import HeardVoice
from singerid.library.records import Contents, Recording
from singerid.library.voiceprints import FloatArray
from singerid.sound.files import AudioError
from singerid.sound.fingerprint import SCHEME, sound_fingerprint
from singerid.system.file_names import absolute

SAME_SECONDS, SAME_COSINE = 0.1, 0.999
"""Two files that differ in length by so much at most, and whose vectors are so alike, are one recording."""

TAKEN_FOR = "sounds like a recording that the library has and is as long; it is taken for that"


@dataclass(frozen=True)
class FoundFile:
    """A file on the disk.

    Attributes:
        path: absolute; "": it is not known.
        size: in bytes.
        changed_ns: time of its last change.
        fingerprint: of its sound.
        scheme: the way in which that was made.
        recording: id of the recording that it is; None: none that is known by place or fingerprint.
    """

    path: str
    size: int
    changed_ns: int
    fingerprint: str
    scheme: int = SCHEME
    recording: str | None = None


def look(
    database: Database, path: Path, fingerprint_of: Callable[[Path], str] = sound_fingerprint
) -> FoundFile:
    """Which recording a file is, by place, size and time of change, else by the fingerprint of its sound.

    Args:
        database: of the library.
        path: the file.
        fingerprint_of: makes the fingerprint; where strangers' files are read, in another process.

    Raises:
        AudioError: it cannot be read, or holds no sound.
    """
    place = str(absolute(path))
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise AudioError(path, "does not exist; check the name") from error
    except OSError as error:
        raise AudioError(path, f"cannot be read ({error.strerror}); check its permissions") from error
    when = (status.st_size, status.st_mtime_ns)
    rows = _at(database, place, status)
    if rows:
        return FoundFile(place, *when, *rows[0])
    fingerprint = fingerprint_of(path)
    recording = database.value(
        "SELECT id FROM recordings WHERE fingerprint = ? AND scheme = ?", (fingerprint, SCHEME)
    )
    return FoundFile(place, *when, fingerprint, SCHEME, recording)


def known_at(database: Database, path: Path) -> bool:
    """Whether a file is known by place, size and time of change, and its recording has vectors."""
    try:
        rows = _at(database, str(absolute(path)), path.stat())
    except OSError:
        return False
    waits = "SELECT 1 FROM waiting WHERE recording = ?"
    return bool(rows) and database.value(waits, (rows[0][2],)) is None


def _at(database: Database, place: str, status: os.stat_result) -> list[tuple[Any, ...]]:
    """Fingerprint, its scheme and recording of a file that is where it was, as it was."""
    return database.rows(
        "SELECT fingerprint, scheme, recordings.id FROM places JOIN recordings ON recordings.id = recording "
        "WHERE path = CAST(? AS TEXT) AND size = ? AND changed_ns = ?",
        (text(place), status.st_size, status.st_mtime_ns),
    )


def by_sound(contents: Contents, heard: HeardVoice) -> Recording | None:
    """The recording that sounds like what was heard and is as long; None: there is none."""
    if heard.vectors is None or not len(contents.recordings):
        return None
    near = np.flatnonzero(np.abs(contents.seconds - heard.seconds) <= SAME_SECONDS)
    cosines = (contents.vectors[near] * heard.vectors).sum(-1).min(-1)
    alike = near[cosines >= SAME_COSINE]
    return contents.recordings[alike[cosines[cosines >= SAME_COSINE].argmax()]] if len(alike) else None


class Fresh:
    """Recordings of which the contents, as they were read, do not know yet."""

    def __init__(self) -> None:
        self._by_length: dict[int, list[tuple[str, float, FloatArray]]] = defaultdict(list)

    def add(self, recording: str, heard: HeardVoice) -> None:
        """Keep what was heard of a recording."""
        if heard.vectors is not None:
            self._by_length[int(heard.seconds)].append((recording, heard.seconds, heard.vectors))

    def by_sound(self, heard: HeardVoice) -> str | None:
        """As the function `by_sound`, of these; gives its id."""
        if heard.vectors is None:
            return None
        for length in (int(heard.seconds) + step for step in (-1, 0, 1)):
            for recording, seconds, vectors in self._by_length.get(length, ()):
                is_as_long = abs(seconds - heard.seconds) <= SAME_SECONDS
                if is_as_long and (vectors * heard.vectors).sum(-1).min() >= SAME_COSINE:
                    return recording
        return None


def remember_place(change: Change, file: FoundFile, recording: str) -> None:
    """Keep where a recording was found, so that it need not be read again."""
    change.run(
        "INSERT INTO places (path, recording, size, changed_ns) VALUES (CAST(? AS TEXT), ?, ?, ?) "
        "ON CONFLICT (path) DO UPDATE SET recording = excluded.recording, size = excluded.size, "
        "changed_ns = excluded.changed_ns",
        (text(file.path), recording, file.size, file.changed_ns),
    )


def paths_of(database: Database, recordings: list[str]) -> dict[str, str]:
    """Where each recording was found last, as far as it is known."""
    found: dict[str, str] = {}
    for first in range(0, len(recordings), 500):
        part = recordings[first : first + 500]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT recording, path FROM places WHERE recording IN ({marks}) ORDER BY rowid"
        found.update(database.rows(sql, part))
    return found
