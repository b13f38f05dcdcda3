"""Figures of one split with intervals that resample whole albums, since an audit is about albums."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.analysis.audit.remix import album_of
from singerid.evaluation.significance import Named, Paired, SeedMean, average, compare
from singerid.evaluation.voting import vote_tracks
from singerid.runs.part import Part

Flags = NDArray[np.bool_]

SIGNIFICANT = 0.05
"""The largest p-value that counts as significant."""
FEWEST_ALBUMS = 6
"""Fewest albums with which `sign_flip_p` can be significant: 2 / 2**6 = .03 is, 2 / 2**5 = .06 is not."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval, resampling albums; (None, None) for a single album."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, found: SeedMean) -> "Estimate":
        """The estimate for a result of `significance.average` or `significance.compare`."""
        if found.albums < 2:  # every resample is the same: that is no interval
            return cls(found.value, None, None)
        return cls(found.value, found.interval.low, found.interval.high)

    @property
    def positive(self) -> bool:
        """Whether its interval is above 0."""
        return self.low is not None and self.low > 0

    @property
    def negative(self) -> bool:
        """Whether its interval is below 0."""
        return self.high is not None and self.high < 0


def albums_of_clips(part: Part) -> tuple[Hashable, ...]:
    """The album of each clip of a part."""
    albums = [album_of(track) for track in part.tracks]
    return tuple(albums[index] for index in part.clips.track)


def named_clips(part: Part, probabilities: NDArray[np.floating[Any]]) -> Named:
    """The singers that probabilities (clips, singers) name in each clip of a part."""
    return Named(part.clips.labels, probabilities.argmax(1), albums_of_clips(part))


def named_tracks(part: Part, probabilities: NDArray[np.floating[Any]]) -> Named:
    """The singers that the clips of each track vote for."""
    votes = vote_tracks(probabilities, part.clips.track)
    return Named(
        part.labels[list(votes)],
        np.array([vote.singer for vote in votes.values()], np.int64),
        tuple(album_of(part.tracks[index]) for index in votes),
    )


def f1(named: Named) -> Estimate:
    """Weighted F1."""
    return Estimate.of(average([named]))


def f1_difference(pair: Paired) -> Estimate:
    """Weighted F1 of the first minus that of the second."""
    return Estimate.of(compare([pair]))


def share(flags: Flags, albums: tuple[Hashable, ...]) -> Estimate:
    """Share of items that are flagged."""
    true: Any = np.ones(len(flags), np.int64)
    return Estimate.of(average([Named(true, flags.astype(np.int64), albums)], "accuracy"))


def share_difference(first: Flags, second: Flags, albums: tuple[Hashable, ...]) -> Estimate:
    """Share of items that `first` flags minus the share that `second` flags."""
    true: Any = np.ones(len(first), np.int64)
    pair = Paired(true, first.astype(np.int64), second.astype(np.int64), albums)
    return Estimate.of(compare([pair], "accuracy"))


def sign_flip_p(first: Flags, second: Flags, albums: Sequence[Hashable]) -> float:
    """The p-value of the difference between two kinds of flags, if each album's sign were random.

    The exact two-sided sign-flip test over albums (Fisher, The Design of Experiments, 1935, section 21): the
    difference of each album may have either sign, and all combinations of signs are counted. With n albums
    it is never below 2 / 2**n; a percentile bootstrap of few albums ignores this limit.

    Args:
        first: (items,).
        second: (items,).
        albums: the album of each item.

    >>> better = np.array([True, True, True])
    >>> sign_flip_p(better, ~better, ("first", "second", "third"))
    0.25
    """
    differences: dict[Hashable, int] = {}
    for album, difference in zip(albums, first.astype(int) - second.astype(int), strict=True):
        differences[album] = differences.get(album, 0) + int(difference)
    most = sum(map(abs, differences.values()))
    sums = np.arange(-most, most + 1)
    likely = (sums == 0).astype(np.float64)  # probability of each sum; no sum lies beyond the ends
    for difference in differences.values():
        likely = (np.roll(likely, difference) + np.roll(likely, -difference)) / 2
    return float(likely[np.abs(sums) >= abs(sum(differences.values()))].sum())
