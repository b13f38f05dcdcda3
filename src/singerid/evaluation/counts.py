"""Counts of items named right and wrong, from which every measure is computed, and resampled counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Measure = Literal["f1_weighted", "f1_macro", "accuracy"]
MEASURES: tuple[Measure, ...] = ("f1_weighted", "f1_macro", "accuracy")

RESAMPLES = 1000
COVERAGE = 0.95  # of every interval: percentile bootstrap (Efron and Tibshirani 1993, ch. 13)


@dataclass(frozen=True)
class Interval:
    """A 95 % percentile-bootstrap interval."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts that F1 needs, (rows, classes); a row is a group of items, or a weighting of groups.

    >>> counts = Counts(right=np.array([[1.0, 1]]), true=np.array([[2.0, 1]]), named=np.array([[1.0, 2]]))
    >>> counts.precision.tolist(), counts.recall.tolist()
    ([[1.0, 0.5]], [[0.5, 1.0]])
    """

    right: FloatArray  # items of the class that were named as it
    true: FloatArray  # items of the class
    named: FloatArray  # items named as the class

    @property
    def precision(self) -> FloatArray:
        """(rows, classes) share of the items named as a class that belong to it; 0 if none is named so."""
        return _ratio(self.right, self.named)

    @property
    def recall(self) -> FloatArray:
        """(rows, classes) share of the items of a class that are named as it; 0 if it has no items."""
        return _ratio(self.right, self.true)

    @property
    def f1(self) -> FloatArray:
        """(rows, classes) harmonic mean of precision and recall."""
        return _ratio(2 * self.right, self.true + self.named)

    def measure(self, name: Measure) -> FloatArray:
        """(rows,) the measure of each row; NaN for a row without items."""
        total = self.true.sum(axis=1)
        if name == "accuracy":
            parts = self.right.sum(axis=1), total
        elif name == "f1_weighted":
            parts = (self.f1 * self.true).sum(axis=1), total
        else:
            parts = self.f1.sum(axis=1), ((self.true + self.named) > 0).sum(axis=1).astype(np.float64)
        return np.where(total > 0, _ratio(*parts), np.nan)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """The quotient; 0 where `whole` is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@dataclass(frozen=True, eq=False)
class Cells:
    """Counts (groups, classes), stored sparsely: only counts that are not 0 are kept.

    Attributes:
        group: (cells,) group of each cell.
        label: (cells,) class of each cell; cells are sorted by class, then by group.
        count: (cells,) number of items in each cell.
        shape: (groups, classes).
    """

    group: IntArray
    label: IntArray
    count: IntArray
    shape: tuple[int, int]

    @classmethod
    def of(cls, groups: IntArray, labels: IntArray, shape: tuple[int, int]) -> "Cells":
        """Count items by group (items,) and class (items,).

        >>> cells = Cells.of(np.array([0, 0, 1]), np.array([1, 1, 0]), (2, 2))
        >>> list(zip(cells.group.tolist(), cells.label.tolist(), cells.count.tolist()))
        [(1, 0, 1), (0, 1, 2)]
        """
        cells, counts = np.unique(labels * shape[0] + groups, return_counts=True)
        return cls(cells % shape[0], cells // shape[0], counts, shape)

    def at(self, groups: IntArray, labels: IntArray) -> IntArray:
        """Counts of any cells; the arrays are broadcast against each other."""
        keys, wanted = self.label * self.shape[0] + self.group, labels * self.shape[0] + groups
        place = np.searchsorted(keys, wanted)
        counts: IntArray = np.append(self.count, 0)[place]
        return np.where(np.append(keys, -1)[place] == wanted, counts, 0)

    def weighted(self, weights: FloatArray) -> FloatArray:
        """(weightings, classes) sums over the groups, group j counting weights[:, j] times."""
        sums = np.zeros((len(weights), self.shape[1]))
        if len(self.label):
            first = np.flatnonzero(np.diff(self.label, prepend=-1))
            sums[:, self.label[first]] = np.add.reduceat(weights[:, self.group] * self.count, first, axis=1)
        return sums


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """The counts of `Counts` for each group of items; bootstrap resamples draw from these groups.

    Groups are tracks or albums. With 20,000 singers, (groups, classes) numbers do not fit into memory.
    """

    right: Cells
    true: Cells
    named: Cells

    @classmethod
    def of(cls, true: IntArray, named: IntArray, groups: IntArray, shape: tuple[int, int]) -> "GroupCounts":
        """Counts of items (items,); `shape` is (groups, classes)."""
        hit = true == named
        return cls(
            Cells.of(groups[hit], true[hit], shape),
            Cells.of(groups, true, shape),
            Cells.of(groups, named, shape),
        )

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.true.shape[0]

    def weighted(self, weights: FloatArray) -> Counts:
        """Counts with group j taken weights[:, j] times: (weightings, classes)."""
        return Counts(*(cells.weighted(weights) for cells in (self.right, self.true, self.named)))

    @property
    def at_once(self) -> int:
        """Number of weightings to take at a time, so that arrays of counts stay small."""
        return weightings_at_once(max(*self.true.shape, len(self.true.count), len(self.named.count)))

    def resampled(self, resamples: int, seed: int) -> dict[Measure, FloatArray]:
        """Every measure of each bootstrap resample, (resamples,); see `bootstrap_weights`."""
        pieces = [
            {measure: counts.measure(measure) for measure in MEASURES}
            for counts in map(self.weighted, bootstrap_weights(self.groups, resamples, seed, self.at_once))
        ]
        return {
            measure: np.concatenate([np.zeros(0), *(piece[measure] for piece in pieces)])
            for measure in MEASURES
        }


PIECE_NUMBERS = 2**20
"""An array of resamples holds about this many numbers: 8 MB."""


def weightings_at_once(numbers: int) -> int:
    """Number of weightings to take at a time if each takes this many numbers.

    >>> weightings_at_once(2**10), weightings_at_once(2**30)
    (1024, 1)
    """
    return max(1, PIECE_NUMBERS // numbers)


def bootstrap_weights(groups: int, resamples: int, seed: int, at_once: int) -> Iterator[FloatArray]:
    """(resamples, groups): how often each group is drawn when `groups` are drawn with replacement.

    They come in pieces of `at_once` resamples. The size of the pieces does not change what is drawn.

    >>> pieces = list(bootstrap_weights(groups=3, resamples=5, seed=0, at_once=2))
    >>> [piece.shape for piece in pieces], [piece.sum(axis=1).tolist() for piece in pieces[:1]]
    ([(2, 3), (2, 3), (1, 3)], [[3.0, 3.0]])
    """
    draw = np.random.default_rng(seed)
    shares = np.full(groups, 1 / groups)
    for first in range(0, resamples, at_once):
        size = min(at_once, resamples - first)
        yield draw.multinomial(groups, shares, size=size).astype(np.float64)


def interval_of(values: FloatArray) -> Interval:
    """The middle 95 % of resampled values; NaNs are left out.

    >>> found = interval_of(np.arange(1001.0))
    >>> round(found.low), round(found.high)
    (25, 975)
    """
    tail = (1 - COVERAGE) / 2
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return Interval(float(low), float(high))
