"""What can be promised of strangers: a threshold, and how many of their songs it would name at most.

A new stranger and those of the trials are drawn alike, so the place of the new one's score among theirs is
as likely any as another: at the k-th largest of n scores the share that lies above is Beta(k, n + 1 - k).
Songs of one singer are alike, so n counts singers; a singer's songs above the threshold count as a share of
one. The bound holds with the threshold chosen on the same scores.

Letters in shapes: N trials of strangers.
"""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SURE = 0.95
"""How sure the bound is."""
LEAST_SINGERS = 3
"""Fewer strangers tell nothing of the next."""


@dataclass(frozen=True)
class Promise:
    """A threshold, and what it does to strangers.

    Attributes:
        wanted: the share of strangers' songs that may be named.
        threshold: log-odds from which on a singer is named.
        bound: the share that is named at most; true in `SURE` of all libraries.
        named: songs of the trials' strangers that are named.
        songs: all of them.
        singers: by whom they are.
        needed: strangers' singers that would be enough for what was wanted, if none of their songs is named.
    """

    wanted: float
    threshold: float
    bound: float
    named: int
    songs: int
    singers: int
    needed: int

    @property
    def is_kept(self) -> bool:
        """Whether what is there supports what was wanted."""
        return self.bound <= self.wanted


@dataclass(frozen=True)
class Usual:
    """What log-odds of strangers are like elsewhere; it counts as much as so many of their singers here.

    Attributes:
        mean: of them.
        spread: their standard deviation.
        singers: how many singers that is worth.
    """

    mean: float
    spread: float
    singers: float = 10.0


def make_promise(
    stats: Floats, unit: NDArray[np.int64], wanted: float, growth: float = 1.0, usual: Usual | None = None
) -> Promise:
    """The least threshold that keeps a promise; where none does, one that does so as far as can be told.

    Args:
        stats: (N,) log-odds of strangers.
        unit: (N,) who each of them is.
        wanted: the share of strangers' songs that may be named.
        growth: by how much more a stranger may be taken for somebody than in the trials: each of n singers
            is met once more in a library of one singer more.
        usual: what strangers are like elsewhere; used where there are too few here to see what is wanted.
    """
    singers = len(np.unique(unit))
    cuts = np.unique(np.concatenate((stats, [np.nextafter(stats.max(), np.inf)])))
    exceeding = _exceeding(stats, unit, cuts)
    # The higher the cut, the less lies above it, and the lower the bound.
    kept = bisect_left(
        range(len(cuts)), True, key=lambda at: bound_of(float(exceeding[at]), singers, growth) <= wanted
    )
    is_kept = kept < len(cuts)
    at = float(cuts[kept]) if is_kept else _expected(stats, unit, wanted, growth, usual)
    above = stats >= at
    return Promise(
        wanted,
        at,
        bound_of(float(_exceeding(stats, unit, np.array([at]))[0]), singers, growth),
        int(above.sum()),
        len(stats),
        singers,
        _needed(wanted, growth),
    )


def bound_of(exceeding: float, singers: int, growth: float = 1.0) -> float:
    """What share of strangers' songs lies above a threshold at most, where of n singers so many lie above.

    >>> round(bound_of(0, 59), 3)
    0.05
    """
    from scipy.stats import beta

    if exceeding >= singers:
        return 1.0
    share = float(beta.ppf(SURE, exceeding + 1, singers - exceeding))
    return float(1 - (1 - share) ** growth)


def _exceeding(stats: Floats, unit: NDArray[np.int64], cuts: Floats) -> Floats:
    """For each cut the singers' shares of songs at or above it, summed."""
    found = np.zeros(len(cuts))
    _, index, counts = np.unique(unit, return_inverse=True, return_counts=True)
    share = 1 / counts[index]
    order = np.argsort(stats)
    above = np.concatenate((np.cumsum(share[order][::-1])[::-1], [0.0]))
    found[:] = above[np.searchsorted(stats[order], cuts, side="left")]
    return found


def _expected(
    stats: Floats, unit: NDArray[np.int64], wanted: float, growth: float, usual: Usual | None
) -> float:
    """The least threshold above which a stranger's next song is expected to lie as seldom as wanted.

    Where there are too few songs to see so seldom an event, a normal distribution of the singers is extended.
    """
    from scipy.stats import t

    wanted = 1 - (1 - wanted) ** (1 / growth)
    singers, songs = len(np.unique(unit)), len(stats)
    if (songs + 1) * wanted >= 1:
        cuts = np.unique(np.concatenate((stats, [np.nextafter(stats.max(), np.inf)])))
        expected = (_exceeding(stats, unit, cuts) / singers * songs + 1) / (songs + 1)
        return float(cuts[np.flatnonzero(expected <= wanted)[0]])
    _, index, counts = np.unique(unit, return_inverse=True, return_counts=True)
    weights = 1 / counts[index] / singers
    mean = float(weights @ stats)
    squares, freedom, count = float(weights @ (stats - mean) ** 2) * singers, singers - 1.0, float(singers)
    if usual is not None:  # a normal-inverse-gamma prior, whose mean is worth less than its spread
        own = usual.singers / 4
        squares += usual.singers * usual.spread**2 + own * count / (own + count) * (mean - usual.mean) ** 2
        mean = (own * usual.mean + count * mean) / (own + count)
        freedom, count = freedom + usual.singers, count + own
    reach = float(t.ppf(1 - wanted, freedom)) * np.sqrt(squares / freedom * (1 + 1 / count))
    return float(max(np.nextafter(stats.max(), np.inf), mean + reach))


def _needed(wanted: float, growth: float) -> int:
    share = 1 - (1 - wanted) ** (1 / growth)
    return int(np.ceil(np.log(1 - SURE) / np.log1p(-share)))
