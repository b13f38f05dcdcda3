"""Changing a store: one process at a time, and safe against a crash at any moment.

A track's line is written only after its files are on the disk under their names. Before a file is replaced,
a line takes it out of the index. So the index never lists a file that is missing or incomplete.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from singerid.config import FeatureConfig
from singerid.errors import SingeridError
from singerid.store.arrays import array_path, is_there, kind_of
from singerid.store.index import StoredTrack, read_index
from singerid.store.reader import FORMAT, read_config, read_origins, require_equal
from singerid.system.files import file_hash, locked, sync_folder, write_json, writing

_INCOMING = ".incoming"


class Origin(Protocol):
    """What a store needs to know about a separator or an F0 tracker."""

    @property
    def name(self) -> Any:
        """Its name."""

    @property
    def origin(self) -> str:
        """Its version and weights."""


class StoreWriter:
    """The one process that changes a store; made by `open_writer`.

    Attributes:
        path: the store's folder.
        config: how its features are made.
        incoming: a folder for files that are being made; it is deleted when the writer is closed.
        tracks: the tracks that the store has now, by id.
    """

    def __init__(self, path: Path, config: FeatureConfig, incoming: Path) -> None:
        self.path = path
        self.config = config
        self.incoming = incoming
        self.tracks = read_index(path / "index.jsonl")

    def has(self, track: StoredTrack, name: str) -> bool:
        """Whether an array of a track is in the index, and its file exists with the expected length."""
        path = array_path(self.path, track, name)
        return name in track.arrays and is_there(path, name, track.frames, self.config)

    def claim(
        self,
        separator: Origin | None,
        trackers: Iterable[Origin] = (),
        encoders: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Record what makes the vocals, F0 and vectors of this store.

        Args:
            separator: takes the vocals out.
            trackers: follow the melody.
            encoders: what stands for each encoder in the names of arrays, with its identity.

        Raises:
            SingeridError: the store has vocals, F0 or vectors that were made by something else.
        """
        old = read_origins(self.path).of(self.tracks.values())
        new = old
        if separator is not None:
            new = replace(new, separator=separator.name, separator_version=separator.origin)
            before, now = (f"{o.separator} ({o.separator_version})" for o in (old, new))
            if old.separator is not None and before != now:
                raise SingeridError(
                    f"{self.path}: its vocals were made by {before}, not by {now}; "
                    "give another folder as STORE"
                )
        for tracker in trackers:
            before = old.trackers.get(tracker.name, tracker.origin)
            if before != tracker.origin:
                raise SingeridError(
                    f"{self.path}: its {tracker.name} melody was made by {before}, not by "
                    f"{tracker.origin}; give another folder as STORE"
                )
            new = replace(new, trackers={**new.trackers, tracker.name: tracker.origin})
        for encoder, identity in encoders.items():
            if old.encoders.get(encoder, identity) != identity:
                raise SingeridError(
                    f"{self.path}: its vectors by {encoder} were made with other weights or in "
                    "another way, and cannot be compared with new ones; give another folder as STORE"
                )
            new = replace(new, encoders={**new.encoders, encoder: identity})
        if new != read_origins(self.path):
            write_json(self.path / "origins.json", asdict(new))

    def put(self, track: StoredTrack, files: Mapping[str, Path]) -> None:
        """Move finished files into the store and enter them in the index.

        Other arrays of the track stay in the store as long as its recording is the same.

        Args:
            track: the track to enter; its `arrays` are filled in here.
            files: the file of each array by the array's name: finished, flushed to the disk, in `incoming`.

        Raises:
            ValueError: a name is not the name of an array.
        """
        for name in files:
            kind_of(name)
        stored = self.tracks.get(track.id)
        if stored and stored.source_hash != track.source_hash:
            self.remove([track.id])
            stored = None
        arrays = dict(stored.arrays) if stored else {}
        if stored and arrays.keys() & files.keys():
            kept = {name: checksum for name, checksum in arrays.items() if name not in files}
            self.enter(replace(stored, arrays=kept))
        for name, file in files.items():
            arrays[name] = file_hash(file)
            self._move(file, array_path(self.path, track, name))
        self.enter(replace(track, arrays=arrays))

    def _move(self, made: Path, target: Path) -> None:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            made.replace(target)
            sync_folder(target.parent)

    def enter(self, track: StoredTrack) -> None:
        """Write a track's line in the index: for a new track, or for new labels of a known one."""
        self._append(asdict(track) | {"id": track.id})
        self.tracks[track.id] = track

    def remove(self, ids: Iterable[str]) -> None:
        """Take tracks out of the index and delete their arrays."""
        for id in ids:
            track = self.tracks.pop(id)
            self._append({"id": id, "removed": True})
            for name in track.arrays:
                path = array_path(self.path, track, name)
                with writing(path):
                    path.unlink(missing_ok=True)

    def _append(self, entry: dict[str, Any]) -> None:
        path = self.path / "index.jsonl"
        # ASCII only: JSON's escapes can hold names that are not UTF-8.
        line = json.dumps(entry, ensure_ascii=True, allow_nan=False) + "\n"
        with writing(path), path.open("ab", buffering=0) as file:
            if file.write(line.encode("ascii")) != len(line):
                raise OSError("the disk took only a part of a line")
            os.fsync(file.fileno())


@contextmanager
def open_writer(path: Path, config: FeatureConfig) -> Iterator[StoreWriter]:
    """Open a store for writing, or make a new one; no other process can write to it meanwhile.

    The lock is the operating system's, so it is released when the process ends, in whatever way.

    Args:
        path: the store's folder; it may hold a store, be empty or not exist yet.
        config: how its features are made.

    Raises:
        SingeridError: another process writes to the store; the folder holds other things, or a store with
            other settings, of a newer version or damaged; or it cannot be written.
    """
    _require_store_or_nothing(path)
    with locked(path, "another singerid process is writing to it; wait for that or stop it"):
        try:
            if (path / "config.json").exists():
                require_equal(path, read_config(path), config)
            else:
                write_json(path / "config.json", {"format": FORMAT, "features": asdict(config)})
            with writing(path):
                _cut_torn_line(path / "index.jsonl")
            # Left by a process that was killed. Its workers may go on writing there for a moment, so every
            # writer has a folder of its own.
            shutil.rmtree(path / _INCOMING, ignore_errors=True)
            for leftover in path.glob(".tmp-*"):
                leftover.unlink(missing_ok=True)
            yield StoreWriter(path, config, path / _INCOMING / uuid.uuid4().hex)
        finally:
            shutil.rmtree(path / _INCOMING, ignore_errors=True)


def _require_store_or_nothing(path: Path) -> None:
    """Refuse a file, and a folder of other things: TREE and STORE may have been swapped."""
    if path.exists() and not path.is_dir():
        raise SingeridError(f"{path}: is a file; give a folder for the store")
    if path.is_dir() and not (path / "config.json").exists():
        for entry in path.iterdir():
            if not entry.name.startswith("."):  # a store that was never finished may have left those
                raise SingeridError(
                    f"{path}: is no store and holds other things; give a new or empty folder as STORE"
                )


def _cut_torn_line(index: Path) -> None:
    """Cut the index off after its last complete line, so that the next one starts a line."""
    with suppress(FileNotFoundError), index.open("rb+") as file:
        whole = 0
        for line in file:
            whole += len(line) if line.endswith(b"\n") else 0
        file.truncate(whole)
