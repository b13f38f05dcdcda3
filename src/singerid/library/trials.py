"""Trials: the library's scores of its own recordings, with each recording left out of the library.

There are two kinds of trial. A recording is tried as an enrolled singer's with its album left out, or only
the recording itself if the singer has one album. It is tried as a stranger's with the singer left out of
everything: vectors, exemplars and back end. So no recording is compared with anything made from itself.

Letters in shapes: T recordings, K sounds, D size of a vector, S singers, N trials.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from singerid.library.voiceprints import (
    BackEnds,
    FloatArray,
    IntArray,
    Voiceprints,
    behind,
    best_of_prints,
    exemplars_of,
    fit_back_ends,
    print_means,
)

Step = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Material:
    """The recordings that a library is calibrated with.

    Attributes:
        vectors: (T, K, D) vectors of the enrolled recordings, each of unit length.
        owners: (T,) number of each recording's singer, 0 to S - 1.
        albums: (T,) number of each recording's album; no two singers share one.
        voice_seconds: (T,) seconds of voice in each recording.
        strangers: (U, K, D) vectors of recordings by people who are not in the library.
        stranger_names: (U,) number of each stranger recording's singer.
        stranger_seconds: (U,) seconds of voice in each stranger recording.
    """

    vectors: FloatArray
    owners: IntArray
    albums: IntArray
    voice_seconds: FloatArray
    strangers: FloatArray
    stranger_names: IntArray
    stranger_seconds: FloatArray


@dataclass(frozen=True, eq=False)
class Trials:
    """The results of the trials.

    Attributes:
        features: (N, F) features of the best singer, from `evidence`.
        best: (N,) number of the best singer.
        truth: (N,) number of the true singer; -1: a stranger.
        unit: (N,) number of the person who sings, also for strangers.
        recording: (N,) index of the recording; those of `Material.strangers` follow the enrolled ones.
        reduced: (N,) whether an enrolled singer is tried as a stranger, so that the library has one fewer.
    """

    features: NDArray[np.float64]
    best: IntArray
    truth: IntArray
    unit: IntArray
    recording: IntArray
    reduced: NDArray[np.bool_]

    @property
    def stranger(self) -> NDArray[np.bool_]:
        """(N,) whether a stranger sings."""
        found: NDArray[np.bool_] = self.truth < 0
        return found

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether the best singer sings."""
        found: NDArray[np.bool_] = self.best == self.truth
        return found

    def __len__(self) -> int:
        return len(self.best)


FEATURES = ("score", "margin", "log_voice_seconds", "log_recordings")
_LEAST_SECONDS = 0.5


def evidence(scores: FloatArray, counts: IntArray, voice_seconds: float) -> NDArray[np.float64]:
    """The evidence for each singer: (S, F), in the order of `FEATURES`.

    The margin is the singer's score minus the best score of the other singers; NaN for a single singer.
    """
    scores = scores.astype(np.float64)
    margin = np.full(len(scores), np.nan)
    if len(scores) > 1:
        first, second = np.argsort(scores)[::-1][:2]
        margin = scores - scores[first]
        margin[first] = scores[first] - scores[second]
    seconds = np.full(len(scores), voice_seconds)
    return np.stack((scores, margin, log_seconds(seconds), np.log(counts)), axis=1)


def log_seconds(voice_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of the seconds of voice, with a lower limit; an array of the same shape."""
    return np.log(np.maximum(voice_seconds, _LEAST_SECONDS))


def voiceprints(vectors: FloatArray, owners: IntArray) -> Voiceprints:
    """Voiceprints of recordings, with back end and exemplars fitted to them; owners are 0 to S - 1."""
    back_ends = fit_back_ends(vectors, owners)
    recordings = behind(back_ends, vectors)
    exemplars = np.zeros(len(owners), np.int64)
    for own in _by_number(owners):
        exemplars[own] = exemplars_of(recordings[own])
    return Voiceprints(back_ends, vectors, owners, exemplars)


def _by_number(owners: IntArray) -> list[IntArray]:
    """The indices of each singer's recordings, singer by singer."""
    order = np.argsort(owners, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(owners[order])) + 1)


def count_trials(material: Material) -> int:
    """Number of steps of `make_trials`."""
    return sum(1 for _ in _left_out(material)) + (len(material.strangers) > 0)


def make_trials(material: Material, step: Step = lambda: None) -> Trials:
    """Try all recordings.

    Args:
        material: recordings of at least two singers.
        step: called for each set of trials with the same recordings left out.
    """
    rows: list[tuple[NDArray[np.float64], int, int, int, int, bool]] = []
    owners, vectors = material.owners, material.vectors
    back_ends = BackEnds(vectors, owners)
    whole = voiceprints(vectors, owners)
    means, mine = print_means(vectors, owners, whole.exemplars)
    counts = whole.counts
    for singer, tried, stays in _left_out(material):
        # The exemplars of the other singers do not change.
        own = np.flatnonzero(owners == singer)
        ends = back_ends.fit(singer, np.isin(own, stays))
        again = exemplars_of(behind(ends, vectors[stays])) if len(stays) else np.zeros(0, np.int64)
        place = np.full(len(stays), singer)
        before, after = np.searchsorted(mine, (singer, singer + 1))
        new, new_mine = print_means(vectors[stays], place, again)
        prints = behind(ends, np.concatenate((means[:before], new, means[after:])))
        whose = np.concatenate((mine[:before], new_mine, mine[after:]))
        known = np.unique(whose)
        left = np.where(np.arange(len(counts)) == singer, len(stays), counts)[known]
        is_stranger = not len(stays)
        scores = best_of_prints(behind(ends, vectors[tried]), prints, whose)
        for at, found in zip(tried.tolist(), scores, strict=True):
            best = int(found.argmax())
            speaking = evidence(found, left, float(material.voice_seconds[at]))[best]
            truth = -1 if is_stranger else singer
            rows.append((speaking, int(known[best]), truth, singer, at, is_stranger))
        step()
    if len(material.strangers):
        first, total = len(counts), len(owners)
        scores = whole.scores(whole.asked(material.strangers))
        for index, found in enumerate(scores):
            best = int(found.argmax())
            speaking = evidence(found, counts, float(material.stranger_seconds[index]))[best]
            who = first + int(material.stranger_names[index])
            rows.append((speaking, best, -1, who, total + index, False))
        step()
    said_of, bests, truths, units, recordings, reduced = zip(*rows, strict=True)
    return Trials(
        np.array(said_of),
        np.array(bests, np.int64),
        np.array(truths, np.int64),
        np.array(units, np.int64),
        np.array(recordings, np.int64),
        np.array(reduced, np.bool_),
    )


def _left_out(material: Material) -> Iterator[tuple[int, IntArray, IntArray]]:
    """(singer, recordings that are tried, recordings that stay); if none stay, the singer is a stranger."""
    for singer, own in enumerate(_by_number(material.owners)):
        yield singer, own, own[:0]
        albums = material.albums[own]
        several = np.unique(albums)
        if len(several) > 1:
            for album in several:
                yield singer, own[albums == album], own[albums != album]
        elif len(own) > 1:
            for at in range(len(own)):
                yield singer, own[at : at + 1], np.delete(own, at)
