"""What can be promised about strangers: a threshold, and the largest share of their songs that it names.

A new stranger and the strangers of the trials are exchangeable, so each rank of the new score among theirs is
equally likely: above the k-th largest of n scores lies a share that is Beta(k, n + 1 - k) distributed. Songs
of one singer are similar, so n counts singers, and a singer counts with the share of songs above the
threshold. The bound also holds for a threshold that was chosen on the same scores.

Letters in shapes: N trials of strangers.
"""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SURE = 0.95
"""Confidence of the bound."""
LEAST_SINGERS = 3
"""Fewer strangers say nothing about the next one."""


@dataclass(frozen=True)
class Promise:
    """A threshold, and the share of strangers' songs that it names.

    Attributes:
        wanted: the share of strangers' songs that may be named.
        threshold: log-odds from which on a singer is named.
        bound: upper bound of the share that is named; it holds for the share `SURE` of all libraries.
        named: number of strangers' songs in the trials that are named.
        songs: number of strangers' songs in the trials.
        singers: number of strangers in the trials.
        needed: number of strangers that would be enough for `wanted`, if none of their songs were named.
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
        """Whether the bound is at most the wanted share."""
        return self.bound <= self.wanted


@dataclass(frozen=True)
class Usual:
    """The typical distribution of strangers' log-odds, known from other libraries.

    Attributes:
        mean: mean of the log-odds.
        spread: standard deviation of the log-odds.
        singers: its weight, in number of strangers of this library.
    """

    mean: float
    spread: float
    singers: float = 10.0


def make_promise(
    stats: Floats, unit: NDArray[np.int64], wanted: float, growth: float = 1.0, usual: Usual | None = None
) -> Promise:
    """The lowest threshold that keeps a promise; if none does, the best estimate of one.

    Args:
        stats: (N,) log-odds of strangers.
        unit: (N,) number of the stranger of each.
        wanted: the share of strangers' songs that may be named.
        growth: factor by which a false name is more likely than in the trials, because the library has one
            singer more.
        usual: typical log-odds of strangers; used if this library has too few for the wanted share.
    """
    singers = len(np.unique(unit))
    cuts = np.unique(np.concatenate((stats, [np.nextafter(stats.max(), np.inf)])))
    exceeding = _exceeding(stats, unit, cuts)
    # The higher the cut, the fewer songs lie above it, and the lower the bound: so bisection finds the cut.
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
    """Upper bound of the share of strangers' songs above a threshold, if `exceeding` of n singers lie above.

    >>> round(bound_of(0, 59), 3)
    0.05
    """
    from scipy.stats import beta

    if exceeding >= singers:
        return 1.0
    share = float(beta.ppf(SURE, exceeding + 1, singers - exceeding))
    return float(1 - (1 - share) ** growth)


def _exceeding(stats: Floats, unit: NDArray[np.int64], cuts: Floats) -> Floats:
    """For each cut: each singer's share of songs at or above it, summed over the singers."""
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
    """The lowest threshold that a stranger's next song is expected to exceed as rarely as wanted.

    If there are too few songs to observe such a rare event, a normal distribution is fitted and extrapolated.
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
    if usual is not None:  # a normal-inverse-gamma prior, whose mean has less weight than its spread
        own = usual.singers / 4
        squares += usual.singers * usual.spread**2 + own * count / (own + count) * (mean - usual.mean) ** 2
        mean = (own * usual.mean + count * mean) / (own + count)
        freedom, count = freedom + usual.singers, count + own
    reach = float(t.ppf(1 - wanted, freedom)) * np.sqrt(squares / freedom * (1 + 1 / count))
    return float(max(np.nextafter(stats.max(), np.inf), mean + reach))


def _needed(wanted: float, growth: float) -> int:
    share = 1 - (1 - wanted) ** (1 / growth)
    return int(np.ceil(np.log(1 - SURE) / np.log1p(-share)))
