"""Duplicate recordings: the same bytes, or the same sound with other tags."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Protocol, TypeVar

from singerid.config import MIXTURE
from singerid.data.tracks import Track
from singerid.errors import Failure
from singerid.preparation.sources import Source
from singerid.store.arrays import features_of
from singerid.store.index import StoredTrack
from singerid.store.writer import StoreWriter
from singerid.system.files import file_hash
from singerid.text import printable


class Labelled(Protocol):
    """An object with a path and a singer."""

    @property
    def path(self) -> str:
        """Path of the recording."""

    @property
    def singer(self) -> str:
        """Who sings."""


L = TypeVar("L", bound=Labelled)


def keep_one(twins: Sequence[L], alike: str) -> tuple[L | None, list[Failure]]:
    """Return which of several recordings of one sound is kept, and why the others are left out.

    The first in the order of paths is kept. If the recordings are under several singers, all are left out,
    because it is not known who sings.

    Args:
        twins: the recordings.
        alike: how one of them relates to another, for the reason: "is byte-identical to".
    """
    first, *others = sorted(twins, key=attrgetter("path"))
    if any(other.singer != first.singer for other in others):
        reasons = zip((first, *others), (others[-1], *([first] * len(others))), strict=True)
        return None, [
            Failure(one.path, f"{alike} {printable(twin.path)}; keep it under one singer only")
            for one, twin in reasons
        ]
    reason = f"{alike} {printable(first.path)}, which is kept; remove one of them"
    return first, [Failure(other.path, reason) for other in others]


def drop_duplicates(sources: Iterable[Source]) -> tuple[list[Source], list[Failure]]:
    """Leave out recordings that are byte-identical to another one, as `keep_one` says.

    Returns:
        The recordings that are kept, sorted by path, and those that are left out, with the reason.
    """
    kept: list[Source] = []
    left_out: list[Failure] = []
    by_content = sorted(sources, key=attrgetter("source_hash"))
    for _, group in groupby(by_content, key=attrgetter("source_hash")):
        twins = {source.track: source for source in group}
        first, failures = keep_one(list[Track](twins), "is byte-identical to")
        kept += [] if first is None else [twins[first]]
        left_out += failures
    return sorted(kept, key=lambda source: source.track.path), left_out


class SameSound:
    """Keeps a store free of recordings whose decoded sound is the same, at every moment.

    Two sounds are the same if the features of their mixtures are equal to the last bit; the index has the
    SHA-256 of these.

    Args:
        writer: of the store.
        known: the store's tracks whose recordings exist and are unchanged; its other tracks are out of date.
    """

    def __init__(self, writer: StoreWriter, known: Iterable[StoredTrack]) -> None:
        self._writer = writer
        self._groups: dict[str, dict[str, StoredTrack]] = defaultdict(dict)
        for track in known:
            if features_of(MIXTURE) in track.arrays:
                self._groups[track.arrays[features_of(MIXTURE)]][track.path] = track

    def admit(self, track: StoredTrack, features: Path) -> bool:
        """Return whether a new recording goes into the store; a recording that it replaces is taken out.

        Args:
            track: the recording.
            features: file of the features of its mixture.
        """
        group = self._groups[file_hash(features)]
        group[track.path] = track
        first, _ = keep_one(list(group.values()), "")
        self._writer.remove(
            other.id
            for other in group.values()
            if other is not first and other.path != track.path and other.id in self._writer.tracks
        )
        return first is track

    def failures(self) -> list[Failure]:
        """The recordings that were left out, with the reason."""
        found = []
        for group in self._groups.values():
            found += keep_one(list(group.values()), "has the same sound as")[1]
        return found
