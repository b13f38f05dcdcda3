"""What every measure is made of: counts of items that were named right and wrong, and resampled counts."""

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
    """All that F1 needs, for each row (a group of items, or a weighting of groups): (rows, classes)."""

    right: FloatArray  # items of the class that were named so
    true: FloatArray  # items of the class
    named: FloatArray  # items named as the class

    @classmethod
    def by_group(cls, true: IntArray, named: IntArray, groups: IntArray, shape: tuple[int, int]) -> "Counts":
        """Counts of each group; `shape` is (groups, classes)."""

        def count(group: IntArray, label: IntArray) -> FloatArray:
            cells = np.bincount(group * shape[1] + label, minlength=shape[0] * shape[1])
            return cells.reshape(shape).astype(np.float64)

        hit = true == named
        return cls(count(groups[hit], true[hit]), count(groups, true), count(groups, named))

    @property
    def groups(self) -> int:
        """Number of rows."""
        return len(self.true)

    def weighted(self, weights: FloatArray) -> "Counts":
        """Counts with group j taken weights[:, j] times: (weightings, classes)."""
        return Counts(weights @ self.right, weights @ self.true, weights @ self.named)

    @property
    def precision(self) -> FloatArray:
        """(rows, classes) share of the items named as a class that are of it; 0 where none is."""
        return _ratio(self.right, self.named)

    @property
    def recall(self) -> FloatArray:
        """(rows, classes) share of the items of a class that are named so; 0 where there are none."""
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
    """The quotient, 0 where `whole` is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def bootstrap_weights(groups: int, resamples: int, seed: int) -> FloatArray:
    """(resamples, groups): how often each group is drawn when `groups` are drawn with replacement."""
    draws = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    return draws.astype(np.float64)


def interval_of(values: FloatArray) -> Interval:
    """The middle 95 % of resampled values; NaN is left out."""
    tail = (1 - COVERAGE) / 2
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return Interval(float(low), float(high))
