"""Comparison of models over seeds, with intervals that respect albums, and comparison with chance.

Clips of one track resemble each other, and so do tracks of one album. Therefore intervals resample whole
albums, never clips.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from singerid.evaluation.counts import (
    RESAMPLES,
    Counts,
    FloatArray,
    GroupCounts,
    IntArray,
    Interval,
    Measure,
    bootstrap_weights,
    interval_of,
)


@dataclass(frozen=True, eq=False)
class Named:
    """What one model named on the test split of one seed; arrays are (items,), items are clips or tracks."""

    truth: IntArray
    named: IntArray
    albums: tuple[Hashable, ...]  # of each item; equal for the same album in every seed

    def __post_init__(self) -> None:
        _require_one_length("truth, named and albums", self.albums, self.truth, self.named)


@dataclass(frozen=True, eq=False)
class Paired:
    """What two models named on the test split of one seed; arrays are (items,), items are clips or tracks."""

    truth: IntArray
    first: IntArray
    second: IntArray
    albums: tuple[Hashable, ...]  # of each item; equal for the same album in every seed

    def __post_init__(self) -> None:
        _require_one_length(
            "truth, first, second and albums", self.albums, self.truth, self.first, self.second
        )


@dataclass(frozen=True)
class SeedMean:
    """A measure of one model, or the first model's measure minus the second's, as mean over seeds.

    Attributes:
        measure: the measure.
        value: the mean; of a difference positive if the first model is better.
        interval: 95 % interval of the mean; test albums are resampled over all seeds.
        seeds: number of seeds.
        albums: number of different test albums.
    """

    measure: Measure
    value: float
    interval: Interval
    seeds: int
    albums: int


@dataclass(frozen=True)
class Chance:
    """A measure of a model's names when the test albums exchange their singers at random.

    Attributes:
        measure: which measure.
        value: mean over the exchanges.
        interval: the middle 95 % of the exchanges.
        p_value: share of exchanges that score as high as the truth; the truth itself counts as one of them.
    """

    measure: Measure
    value: float
    interval: Interval
    p_value: float


def average(
    seeds: Sequence[Named],
    measure: Measure = "f1_weighted",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SeedMean:
    """The mean over one or several seeds (splits) of a model's measure; resampled as in `compare`.

    Raises:
        ValueError: `seeds` is empty.

    >>> average([Named(np.array([0, 1]), np.array([0, 0]), ("first", "second"))], "accuracy").value
    0.5
    """
    observed, resampled, albums = _over_seeds(
        [(one.truth, (one.named,), one.albums) for one in seeds], measure, resamples, seed
    )
    return SeedMean(measure, float(np.mean(observed)), _interval_of_mean(resampled[:, 0]), len(seeds), albums)


def compare(
    seeds: Sequence[Paired],
    measure: Measure = "f1_weighted",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SeedMean:
    """Compare two models on the same test items of one or several seeds (splits).

    A resample draws, with replacement, as many albums as there are different test albums in all
    seeds together; an album that is tested under several seeds comes with its items in all of them.
    The measure is taken for each seed and model; the difference is averaged over the seeds that have
    items in the resample.

    Raises:
        ValueError: `seeds` is empty.
    """
    observed, resampled, albums = _over_seeds(
        [(pair.truth, (pair.first, pair.second), pair.albums) for pair in seeds], measure, resamples, seed
    )
    return SeedMean(
        measure=measure,
        value=float(np.mean(observed[:, 0] - observed[:, 1])),
        interval=_interval_of_mean(resampled[:, 0] - resampled[:, 1]),
        seeds=len(seeds),
        albums=albums,
    )


def chance(
    model: Named, measure: Measure = "f1_weighted", permutations: int = RESAMPLES, seed: int = 0
) -> Chance:
    """The measure that a model's names reach by chance, when they have nothing to do with the singers.

    A permutation test (Ojala and Garriga, "Permutation Tests for Studying Classifier Performance",
    JMLR 11, 2010). Albums exchange their singers as wholes, because a model names the clips of an album
    alike: shuffling single clips would make everything look far better than chance. The p-value counts the
    truth as one of the permutations, so it is never 0 (Phipson and Smyth 2010).

    Args:
        model: what the model named; each album is by one singer.
        measure: which measure.
        permutations: number of exchanges.
        seed: seed of drawing them.

    Raises:
        ValueError: an album has items of several singers.
    """
    index = {album: number for number, album in enumerate(dict.fromkeys(model.albums))}
    groups = np.array([index[album] for album in model.albums], dtype=np.int64)
    singers = np.zeros(len(index), dtype=np.int64)
    singers[groups] = model.truth
    if not np.array_equal(singers[groups], model.truth):
        raise ValueError("each album must be by one singer")
    shape = len(index), 1 + int(max(model.truth.max(), model.named.max()))
    counts = GroupCounts.of(model.truth, model.named, groups, shape)
    items = np.bincount(groups, minlength=len(index))
    named = counts.named.weighted(np.ones((1, len(index))))
    draw = np.random.default_rng(seed)

    def exchanged(first: int, last: int) -> FloatArray:
        """(exchanges,) the measure of exchanges `first` to `last - 1`; number 0 is the truth."""
        drawn = np.vstack([draw.permutation(singers) if number else singers for number in range(first, last)])
        cells = np.arange(len(drawn))[:, None], drawn
        right, true = np.zeros((2, len(drawn), shape[1]))
        np.add.at(right, cells, counts.named.at(np.arange(len(index)), drawn))
        np.add.at(true, cells, items)
        return Counts(right, true, named).measure(measure)

    steps = range(0, permutations + 1, counts.at_once)
    values = np.concatenate(
        [exchanged(first, min(first + counts.at_once, permutations + 1)) for first in steps]
    )
    as_high = values >= values[0] - 1e-12  # the truth itself is the first
    return Chance(measure, float(values[1:].mean()), interval_of(values[1:]), float(as_high.mean()))


def _over_seeds(
    seeds: Sequence[tuple[IntArray, tuple[IntArray, ...], tuple[Hashable, ...]]],
    measure: Measure,
    resamples: int,
    seed: int,
) -> tuple[FloatArray, FloatArray, int]:
    """A measure of each seed and model, the same with albums resampled, and the number of albums.

    Args:
        seeds: for each seed the truth, what each model named, and the albums of the items.
        measure: which measure.
        resamples: number of bootstrap resamples.
        seed: seed of the resampling.

    Returns:
        (seeds, models); (seeds, models, resamples), NaN where a resample has no item of a seed; and the
        number of albums.
    """
    if not seeds:
        raise ValueError("give at least one seed's predictions")
    index = {
        album: number for number, album in enumerate(dict.fromkeys(a for _, _, own in seeds for a in own))
    }
    models_of = []
    for truth, models, albums in seeds:
        groups = np.array([index[album] for album in albums], dtype=np.int64)
        shape = len(index), 1 + int(max(truth.max(), *(named.max() for named in models)))
        models_of.append([GroupCounts.of(truth, named, groups, shape) for named in models])

    def measured(weights: FloatArray) -> FloatArray:
        """(seeds, models, weightings)."""
        return np.array([[each.weighted(weights).measure(measure) for each in own] for own in models_of])

    at_once = min(each.at_once for own in models_of for each in own)
    observed = measured(np.ones((1, len(index))))[:, :, 0]
    pieces = map(measured, bootstrap_weights(len(index), resamples, seed, at_once))
    nothing = np.zeros((*observed.shape, 0))
    return observed, np.concatenate([nothing, *pieces], axis=2), len(index)


def _interval_of_mean(resampled: FloatArray) -> Interval:
    """Interval of the mean over seeds, (seeds, resamples); a seed without items in a resample is left out."""
    return interval_of(np.nanmean(resampled, axis=0))


def _require_one_length(what: str, albums: tuple[Hashable, ...], *arrays: IntArray) -> None:
    sizes = {(len(albums),), *(array.shape for array in arrays)}
    if len(sizes) != 1 or not albums:
        raise ValueError(f"{what} must be of one length, not {sizes}")
