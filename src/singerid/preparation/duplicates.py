"""Recordings that are there twice: the same bytes, or the same sound under other tags."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Protocol, TypeVar

from singerid.config import MIXTURE
from singerid.data.tracks import Track
from singerid.errors import Failure
from singerid.preparation.worker import Source
from singerid.store.arrays import features_of
from singerid.store.index import StoredTrack
from singerid.store.writer import StoreWriter
from singerid.system.files import file_hash
from singerid.text import printable


class Labelled(Protocol):
    """What has a path and a singer."""

    @property
    def path(self) -> str:
        """Of the recording."""

    @property
    def singer(self) -> str:
        """Who sings."""


L = TypeVar("L", bound=Labelled)


def keep_one(twins: Sequence[L], alike: str) -> tuple[L | None, list[Failure]]:
    """Which of several recordings of one sound is kept, and why the others are left out.

    The first in the order of paths is kept, unless they stand under several singers: then all are left out,
    for no one knows who sings.

    Args:
        twins: the recordings.
        alike: what they are to each other: "is byte-identical to".
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
    """Leave out what is byte-identical to another recording, as `keep_one` says.

    Returns:
        What is kept, sorted by path, and what is left out, with the reason.
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

    Sounds are the same where the features of the mixture are, to the last bit: the index tells by their
    SHA-256.

    Args:
        writer: of the store.
        known: what it has of recordings that are still there and unchanged; what else it has is stale.
    """

    def __init__(self, writer: StoreWriter, known: Iterable[StoredTrack]) -> None:
        self._writer = writer
        self._groups: dict[str, dict[str, StoredTrack]] = defaultdict(dict)
        for track in known:
            if features_of(MIXTURE) in track.arrays:
                self._groups[track.arrays[features_of(MIXTURE)]][track.path] = track

    def admit(self, track: StoredTrack, features: Path) -> bool:
        """Whether a new recording goes into the store; what it replaces there is taken out.

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
        """What was left out, with the reason."""
        found = []
        for group in self._groups.values():
            found += keep_one(list(group.values()), "has the same sound as")[1]
        return found
