"""How well singers were named: F1, accuracy, confusion matrix, and intervals that respect tracks.

Clips of one track resemble each other, so intervals resample whole tracks, never clips.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from singerid.evaluation.confusion import Confusion
from singerid.evaluation.counts import (
    MEASURES,
    RESAMPLES,
    GroupCounts,
    IntArray,
    Interval,
    Measure,
    interval_of,
)


@dataclass(frozen=True)
class SingerScore:
    """One row of the per-singer table; precision, recall and F1 are 0 if nothing was counted."""

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
        intervals: of each of these three measures; they resample whole tracks and describe this split only.
        confusion: counts of who was taken for whom; `numpy.asarray` makes it (singers, singers).
        singers: the per-singer table, in the order of the classes.
        count: number of clips (tracks).
    """

    f1_weighted: float
    f1_macro: float
    accuracy: float
    intervals: dict[Measure, Interval]
    confusion: Confusion
    singers: tuple[SingerScore, ...]
    count: int

    def to_json(self) -> dict[str, Any]:
        """The value of "clip" or "track" in `singerid evaluate --json`.

        With very many singers, "confusion_cells" replaces "confusion", see `Confusion.to_json`.
        """
        return {
            **{measure: getattr(self, measure) for measure in MEASURES},
            "intervals": {measure: asdict(interval) for measure, interval in self.intervals.items()},
            **self.confusion.to_json(),
            "singers": [asdict(row) for row in self.singers],
            "count": self.count,
        }


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
        predicted: (items,) class indices of the named singers.
        tracks: (items,) anything that tells tracks apart.
        singers: names of the classes.
        resamples: number of bootstrap resamples behind the intervals.
        seed: seed of the resampling.

    Raises:
        ValueError: no items, arrays of different lengths, or an index outside `singers`.

    >>> scores = score([0, 0, 1], [0, 1, 1], ["a.mp3", "a.mp3", "b.mp3"], ["Ann", "Bob"])
    >>> round(scores.accuracy, 2), scores.singers[1].precision, scores.singers[1].recall
    (0.67, 0.5, 1.0)
    """
    true, named = _indices(truth, len(singers)), _indices(predicted, len(singers))
    _, groups = np.unique(np.asarray(tracks), return_inverse=True)
    if not true.shape == named.shape == groups.shape or true.size == 0:
        raise ValueError(
            f"{true.size} truths, {named.size} predictions, {groups.size} tracks; give as many of each"
        )
    counts = GroupCounts.of(true, named, groups, (int(groups.max()) + 1, len(singers)))
    whole = counts.weighted(np.ones((1, counts.groups)))
    resampled = counts.resampled(resamples, seed)
    precision, recall, f1 = whole.precision[0], whole.recall[0], whole.f1[0]
    return Scores(
        **{measure: float(whole.measure(measure)[0]) for measure in MEASURES},
        intervals={measure: interval_of(resampled[measure]) for measure in MEASURES},
        confusion=Confusion.of(true, named, len(singers)),
        singers=tuple(
            SingerScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(whole.true[0, i]))
            for i, name in enumerate(singers)
        ),
        count=int(true.size),
    )


def _indices(values: npt.ArrayLike, classes: int) -> IntArray:
    indices = np.asarray(values, dtype=np.int64)
    if indices.ndim != 1 or (indices.size and not 0 <= indices.min() <= indices.max() < classes):
        raise ValueError(f"class indices must be one-dimensional and from 0 to {classes - 1}")
    return indices
