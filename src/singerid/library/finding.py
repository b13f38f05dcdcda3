"""Which recording of the library a file is: found by path, by fingerprint, or by similar vectors."""

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
"""Two files are one recording if their lengths differ by at most this and their cosine is at least this."""

TAKEN_FOR = "sounds like a recording in the library and has the same length; taken to be that recording"


@dataclass(frozen=True)
class FoundFile:
    """A file on the disk.

    Attributes:
        path: absolute path; "": not known.
        size: size in bytes.
        changed_ns: time of its last change in ns.
        fingerprint: fingerprint of its sound.
        scheme: number of the scheme by which the fingerprint was made.
        recording: id of its recording; None: none is known by path or fingerprint.
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
    """Find a file's recording by path, size and time of change, otherwise by the fingerprint of its sound.

    Args:
        database: database of the library.
        path: the file.
        fingerprint_of: returns the fingerprint; for untrusted files it is made in another process.

    Raises:
        AudioError: the file cannot be read, or has no sound.
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
    """Whether a file is known by path, size and time of change, and its recording has vectors."""
    try:
        rows = _at(database, str(absolute(path)), path.stat())
    except OSError:
        return False
    waits = "SELECT 1 FROM waiting WHERE recording = ?"
    return bool(rows) and database.value(waits, (rows[0][2],)) is None


def _at(database: Database, place: str, status: os.stat_result) -> list[tuple[Any, ...]]:
    """(fingerprint, scheme, recording) of a file that has not moved or changed; empty for any other file."""
    return database.rows(
        "SELECT fingerprint, scheme, recordings.id FROM places JOIN recordings ON recordings.id = recording "
        "WHERE path = CAST(? AS TEXT) AND size = ? AND changed_ns = ?",
        (text(place), status.st_size, status.st_mtime_ns),
    )


def by_sound(contents: Contents, heard: HeardVoice) -> Recording | None:
    """The recording with the same length and nearly the same vectors; None: there is none."""
    if heard.vectors is None or not len(contents.recordings):
        return None
    near = np.flatnonzero(np.abs(contents.seconds - heard.seconds) <= SAME_SECONDS)
    cosines = np.einsum("nkd,kd->nk", contents.vectors[near], heard.vectors).min(-1)
    alike = near[cosines >= SAME_COSINE]
    return contents.recordings[alike[cosines[cosines >= SAME_COSINE].argmax()]] if len(alike) else None


class Fresh:
    """Recordings that were added after the library's contents were read."""

    def __init__(self) -> None:
        self._by_length: dict[int, _SameLength] = defaultdict(_SameLength)

    def add(self, recording: str, heard: HeardVoice) -> None:
        """Add a recording and its vectors."""
        if heard.vectors is not None:
            self._by_length[int(heard.seconds)].add(recording, heard.seconds, heard.vectors)

    def by_sound(self, heard: HeardVoice) -> str | None:
        """Like the function `by_sound`, among these recordings; returns the id."""
        if heard.vectors is None:
            return None
        for length in (int(heard.seconds) + step for step in (-1, 0, 1)):
            if length in self._by_length:
                found = self._by_length[length].like(heard.seconds, heard.vectors)
                if found is not None:
                    return found
        return None


class _SameLength:
    """Recordings of about the same length: thousands, where somebody cuts music into clips of 30 s.

    Letters in shapes: N recordings, K sounds, D size of a vector.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._seconds = np.zeros(0)
        self._vectors: FloatArray = np.zeros((0, 0, 0), np.float32)  # (N, K, D), with room for more

    def add(self, recording: str, seconds: float, vectors: FloatArray) -> None:
        count = len(self._ids)
        if count == len(self._seconds):
            room = max(2 * count, 8)
            grown = np.zeros((room, *vectors.shape), np.float32)
            lengths = np.zeros(room)
            if count:
                grown[:count], lengths[:count] = self._vectors, self._seconds
            self._vectors, self._seconds = grown, lengths
        self._ids.append(recording)
        self._seconds[count], self._vectors[count] = seconds, vectors

    def like(self, seconds: float, vectors: FloatArray) -> str | None:
        """Id of the first recording with the same length in seconds and nearly the same vectors, (K, D)."""
        count = len(self._ids)
        cosines = np.einsum("nkd,kd->nk", self._vectors[:count], vectors).min(-1)
        same = (cosines >= SAME_COSINE) & (np.abs(self._seconds[:count] - seconds) <= SAME_SECONDS)
        return self._ids[int(same.argmax())] if same.any() else None


def remember_place(change: Change, file: FoundFile, recording: str) -> None:
    """Store where a recording was found, so that the file need not be read again."""
    change.run(
        "INSERT INTO places (path, recording, size, changed_ns) VALUES (CAST(? AS TEXT), ?, ?, ?) "
        "ON CONFLICT (path) DO UPDATE SET recording = excluded.recording, size = excluded.size, "
        "changed_ns = excluded.changed_ns",
        (text(file.path), recording, file.size, file.changed_ns),
    )


def paths_of(database: Database, recordings: list[str]) -> dict[str, str]:
    """The latest known path of each recording; recordings without one are left out."""
    found: dict[str, str] = {}
    for first in range(0, len(recordings), 500):
        part = recordings[first : first + 500]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT recording, path FROM places WHERE recording IN ({marks}) ORDER BY rowid"
        found.update(database.rows(sql, part))
    return found
