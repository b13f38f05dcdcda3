"""Figures with intervals: of one split, resampling whole albums, which is what an audit is about."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.audit.remix import album_of
from singerid.metrics import Average, Comparison, Named, Paired, average, compare
from singerid.runs import Part
from singerid.voting import vote_tracks

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval, albums resampled."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, found: Average | Comparison) -> "Estimate":
        """What `metrics.average` or `metrics.compare` found."""
        value = found.value if isinstance(found, Average) else found.difference
        return cls(value, found.interval.low, found.interval.high)


def albums_of_clips(part: Part) -> tuple[Hashable, ...]:
    """The album of each clip of a part."""
    albums = [album_of(track) for track in part.tracks]
    return tuple(albums[index] for index in part.clips.track)


def named_clips(part: Part, probabilities: NDArray[np.floating[Any]]) -> Named:
    """Whom probabilities (clips, singers) name in each clip of a part."""
    return Named(part.clips.labels, probabilities.argmax(1), albums_of_clips(part))


def named_tracks(part: Part, probabilities: NDArray[np.floating[Any]]) -> Named:
    """Whom the clips of each track vote for."""
    votes = vote_tracks(probabilities, part.clips.track)
    tracks = [part.tracks[index] for index in votes]
    return Named(
        np.array([part.singers.index(track.singer) for track in tracks], np.int64),
        np.array([vote.singer for vote in votes.values()], np.int64),
        tuple(map(album_of, tracks)),
    )


def f1(named: Named) -> Estimate:
    """Weighted F1."""
    return Estimate.of(average([named]))


def f1_difference(pair: Paired) -> Estimate:
    """Weighted F1 of the first less that of the second."""
    return Estimate.of(compare([pair]))


def share(flags: Flags, albums: tuple[Hashable, ...]) -> Estimate:
    """Share of items that are flagged."""
    true: Any = np.ones(len(flags), np.int64)
    return Estimate.of(average([Named(true, flags.astype(np.int64), albums)], "accuracy"))


def share_difference(first: Flags, second: Flags, albums: tuple[Hashable, ...]) -> Estimate:
    """Share of items that the first flags less the share that the second flags."""
    true: Any = np.ones(len(first), np.int64)
    pair = Paired(true, first.astype(np.int64), second.astype(np.int64), albums)
    return Estimate.of(compare([pair], "accuracy"))
