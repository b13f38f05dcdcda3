"""How well singers were named: F1, accuracy, confusion matrix, and intervals that respect tracks and albums.

Clips of one track resemble each other, and so do tracks of one album. So no interval here resamples
clips: those of one model resample whole tracks, those of the difference of two models whole albums.
"""

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix

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


@dataclass(frozen=True)
class SingerScore:
    """One row of the per-singer table; precision, recall and F1 are 0 where nothing was counted."""

    singer: str
    precision: float
    recall: float
    f1: float
    count: int  # clips or tracks of this singer


@dataclass(frozen=True)
class Scores:
    """How well one model named the singers, at clip or at track level.

    Attributes:
        f1_weighted: mean of the singers' F1, weighted by their number of clips (tracks).
        f1_macro: unweighted mean over the singers that occur or were named.
        accuracy: share of clips (tracks) named right.
        intervals: of each of the three; they resample whole tracks and describe this split only.
        confusion: (singers, singers) counts; rows are true singers, columns named ones.
        singers: the per-singer table, in the order of the classes.
        count: number of clips (tracks).
    """

    f1_weighted: float
    f1_macro: float
    accuracy: float
    intervals: dict[Measure, Interval]
    confusion: tuple[tuple[int, ...], ...]
    singers: tuple[SingerScore, ...]
    count: int

    def to_json(self) -> dict[str, Any]:
        """The value of "clip" or "track" in `singerid evaluate --json`."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Named:
    """What one model named on the test split of one seed; arrays (items,), items being clips or tracks."""

    truth: IntArray
    named: IntArray
    albums: tuple[Hashable, ...]  # of each item; equal for the same album in every seed

    def __post_init__(self) -> None:
        _require_one_length("truth, named and albums", self.albums, self.truth, self.named)


@dataclass(frozen=True, eq=False)
class Paired:
    """What two models named on the test split of one seed; arrays (items,), items being clips or tracks."""

    truth: IntArray
    first: IntArray
    second: IntArray
    albums: tuple[Hashable, ...]  # of each item; equal for the same album in every seed

    def __post_init__(self) -> None:
        _require_one_length(
            "truth, first, second and albums", self.albums, self.truth, self.first, self.second
        )


@dataclass(frozen=True)
class Average:
    """A model's measure, mean over seeds.

    Attributes:
        measure: which measure.
        value: the mean.
        interval: of the mean, resampling test albums over all seeds.
        seeds: number of seeds.
        albums: number of different test albums.
    """

    measure: Measure
    value: float
    interval: Interval
    seeds: int
    albums: int


@dataclass(frozen=True)
class Comparison:
    """The first model's measure minus the second's, mean over seeds.

    Attributes:
        measure: which measure.
        difference: positive where the first model is better.
        interval: of the difference, resampling test albums over all seeds.
        seeds: number of seeds.
        albums: number of different test albums.
    """

    measure: Measure
    difference: float
    interval: Interval
    seeds: int
    albums: int


@dataclass(frozen=True)
class Chance:
    """A measure of a model's names after the test albums exchanged their singers at random.

    Attributes:
        measure: which measure.
        value: mean over the exchanges.
        interval: of the middle 95 % of them.
        p_value: share of exchanges, the true singers counted among them, that score as high as the truth.
    """

    measure: Measure
    value: float
    interval: Interval
    p_value: float


def score(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    tracks: npt.ArrayLike,
    singers: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Scores:
    """Score predictions at clip level (several items a track) or at track level (one).

    Args:
        truth: (items,) class indices of the true singers.
        predicted: (items,) class indices of the named ones.
        tracks: (items,) anything that tells tracks apart.
        singers: names of the classes.
        resamples: number of bootstrap resamples behind the intervals.
        seed: of the resampling.

    Raises:
        ValueError: no items, arrays of different lengths, or an index outside `singers`.
    """
    true, named = _indices(truth, len(singers)), _indices(predicted, len(singers))
    _, groups = np.unique(np.asarray(tracks), return_inverse=True)
    if not true.shape == named.shape == groups.shape or true.size == 0:
        raise ValueError(
            f"{true.size} truths, {named.size} predictions, {groups.size} tracks; give equally many"
        )
    counts = _Counts.by_group(true, named, groups, (int(groups.max()) + 1, len(singers)))
    whole = counts.weighted(np.ones((1, counts.groups)))
    resampled = counts.weighted(_bootstrap_weights(counts.groups, resamples, seed))
    matrix = confusion_matrix(true, named, labels=np.arange(len(singers)))
    precision, recall, f1 = whole.precision[0], whole.recall[0], whole.f1[0]
    return Scores(
        **{measure: float(whole.measure(measure)[0]) for measure in MEASURES},
        intervals={measure: _interval(resampled.measure(measure)) for measure in MEASURES},
        confusion=tuple(tuple(int(cell) for cell in row) for row in matrix),
        singers=tuple(
            SingerScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(whole.true[0, i]))
            for i, name in enumerate(singers)
        ),
        count=int(true.size),
    )


def average(
    seeds: Sequence[Named],
    measure: Measure = "f1_weighted",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Average:
    """The mean over one or several seeds (splits) of a model's measure; resampled as in `compare`.

    Raises:
        ValueError: `seeds` is empty.
    """
    observed, resampled, albums = _over_seeds(
        [(one.truth, (one.named,), one.albums) for one in seeds], measure, resamples, seed
    )
    return Average(measure, float(np.mean(observed)), _interval_of_mean(resampled[:, 0]), len(seeds), albums)


def compare(
    seeds: Sequence[Paired],
    measure: Measure = "f1_weighted",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare two models on the same test items of one or several seeds (splits).

    A resample draws, with replacement, as many albums as there are different test albums in all
    seeds together; an album that is tested under several seeds comes with its items in all of them.
    The measure is taken for each seed and model, the difference is averaged over the seeds that got
    an item.

    Raises:
        ValueError: `seeds` is empty.
    """
    observed, resampled, albums = _over_seeds(
        [(pair.truth, (pair.first, pair.second), pair.albums) for pair in seeds], measure, resamples, seed
    )
    return Comparison(
        measure=measure,
        difference=float(np.mean(observed[:, 0] - observed[:, 1])),
        interval=_interval_of_mean(resampled[:, 0] - resampled[:, 1]),
        seeds=len(seeds),
        albums=albums,
    )


def chance(
    model: Named, measure: Measure = "f1_weighted", permutations: int = RESAMPLES, seed: int = 0
) -> Chance:
    """What the names that a model gave are worth when they cannot have to do with the singers.

    A permutation test (Ojala and Garriga, "Permutation Tests for Studying Classifier Performance",
    JMLR 11, 2010). Albums exchange their singers as wholes, for the clips of an album are named alike:
    shuffling single clips would make everything look far better than chance. The p-value counts the
    truth as one of the permutations, so it is never 0 (Phipson and Smyth 2010).

    Args:
        model: what it named; each album is of one singer.
        measure: which measure.
        permutations: number of exchanges.
        seed: of drawing them.

    Raises:
        ValueError: an album has items of several singers.
    """
    index = {album: number for number, album in enumerate(dict.fromkeys(model.albums))}
    groups = np.array([index[album] for album in model.albums], dtype=np.int64)
    singers = np.zeros(len(index), dtype=np.int64)
    singers[groups] = model.truth
    if not np.array_equal(singers[groups], model.truth):
        raise ValueError("each album must be of one singer")
    shape = len(index), 1 + int(max(model.truth.max(), model.named.max()))
    counts = _Counts.by_group(model.truth, model.named, groups, shape)
    draw = np.random.default_rng(seed)
    drawn = np.vstack([singers, *(draw.permutation(singers) for _ in range(permutations))])
    cells = np.arange(len(drawn))[:, None], drawn
    right, true = np.zeros((2, len(drawn), shape[1]))
    np.add.at(right, cells, counts.named[np.arange(len(index)), drawn])
    np.add.at(true, cells, counts.true.sum(axis=1))
    values = _Counts(right, true, counts.named.sum(axis=0, keepdims=True)).measure(measure)
    as_high = values >= values[0] - 1e-12  # the truth itself is the first
    return Chance(measure, float(values[1:].mean()), _interval(values[1:]), float(as_high.mean()))


def _over_seeds(
    seeds: Sequence[tuple[IntArray, tuple[IntArray, ...], tuple[Hashable, ...]]],
    measure: Measure,
    resamples: int,
    seed: int,
) -> tuple[FloatArray, FloatArray, int]:
    """A measure of each seed and model, the same with albums resampled, and the number of albums.

    Args:
        seeds: of each seed the truth, what each model named, and the albums of the items.
        measure: which measure.
        resamples: number of bootstrap resamples.
        seed: of the resampling.

    Returns:
        (seeds, models); (seeds, models, resamples), NaN where a resample has no item of a seed.
    """
    if not seeds:
        raise ValueError("give at least one seed's predictions")
    index = {
        album: number for number, album in enumerate(dict.fromkeys(a for _, _, own in seeds for a in own))
    }
    drawn = np.vstack([np.ones((1, len(index))), _bootstrap_weights(len(index), resamples, seed)])
    values = []
    for truth, models, albums in seeds:
        groups = np.array([index[album] for album in albums], dtype=np.int64)
        shape = len(index), 1 + int(max(truth.max(), *(named.max() for named in models)))
        counts = (_Counts.by_group(truth, named, groups, shape) for named in models)
        values.append([of_model.weighted(drawn).measure(measure) for of_model in counts])
    whole = np.array(values)
    return whole[:, :, 0], whole[:, :, 1:], len(index)


def _interval_of_mean(resampled: FloatArray) -> Interval:
    """Interval of the mean over seeds, (seeds, resamples), of those that a resample has items of."""
    return _interval(np.nanmean(resampled, axis=0))


@dataclass(frozen=True, eq=False)
class _Counts:
    """All that F1 needs, for each row (a group of items, or a weighting of groups): (rows, classes)."""

    right: FloatArray  # items of the class that were named so
    true: FloatArray  # items of the class
    named: FloatArray  # items named as the class

    @classmethod
    def by_group(cls, true: IntArray, named: IntArray, groups: IntArray, shape: tuple[int, int]) -> "_Counts":
        """Counts of each group; `shape` is (groups, classes)."""

        def count(group: IntArray, label: IntArray) -> FloatArray:
            cells = np.bincount(group * shape[1] + label, minlength=shape[0] * shape[1])
            return cells.reshape(shape).astype(np.float64)

        hit = true == named
        return cls(count(groups[hit], true[hit]), count(groups, true), count(groups, named))

    @property
    def groups(self) -> int:
        return len(self.true)

    def weighted(self, weights: FloatArray) -> "_Counts":
        """Counts with group j taken weights[:, j] times: (weightings, classes)."""
        return _Counts(weights @ self.right, weights @ self.true, weights @ self.named)

    @property
    def precision(self) -> FloatArray:
        return _ratio(self.right, self.named)

    @property
    def recall(self) -> FloatArray:
        return _ratio(self.right, self.true)

    @property
    def f1(self) -> FloatArray:
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


def _indices(values: npt.ArrayLike, classes: int) -> IntArray:
    indices = np.asarray(values, dtype=np.int64)
    if indices.ndim != 1 or (indices.size and not 0 <= indices.min() <= indices.max() < classes):
        raise ValueError(f"class indices must be one-dimensional and from 0 to {classes - 1}")
    return indices


def _bootstrap_weights(groups: int, resamples: int, seed: int) -> FloatArray:
    """(resamples, groups): how often each group is drawn when `groups` are drawn with replacement."""
    draws = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    return draws.astype(np.float64)


def _require_one_length(what: str, albums: tuple[Hashable, ...], *arrays: IntArray) -> None:
    sizes = {(len(albums),), *(array.shape for array in arrays)}
    if len(sizes) != 1 or not albums:
        raise ValueError(f"{what} must be of one length, not {sizes}")


def _interval(values: FloatArray) -> Interval:
    tail = (1 - COVERAGE) / 2
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return Interval(float(low), float(high))
