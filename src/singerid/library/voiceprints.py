"""Voiceprints of the known singers, and the score of a voice for each of them.

A recording has one vector for each sound that the library hears (mixture, vocals, or both): the mean over its
windows with voice. After the back end, the vectors of a recording's sounds are concatenated; the cosine of
two such vectors is the mean of the sounds' cosines. A singer's voiceprint is the mean of the singer's
recordings, and up to five exemplars if the recordings form groups, for example an era, a register, or live
recordings. The score of a singer is the best cosine with the mean or an exemplar.

Letters in shapes: T recordings, K sounds, D size of a vector, S singers, P prints (means and exemplars),
N voices that are scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from singerid.encoders.back_end import BackEnd, WithinSinger

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

MOST_EXEMPLARS = 5
_LEAST_RECORDINGS = 3  # of an exemplar: fewer may all be from one unusual evening
_DISTINCT = 0.15  # the lowest silhouette score at which groups are accepted


class BackEnds:
    """Fits the back ends of all sounds to recordings, also with some of the recordings left out.

    Args:
        vectors: (T, K, D) vectors of the recordings.
        owners: (T,) number of each recording's singer, 0 to S - 1; every singer has at least one.
    """

    def __init__(self, vectors: FloatArray, owners: IntArray) -> None:
        self._singers = int(owners.max()) + 1
        self._sounds = [WithinSinger(vectors[:, sound], owners) for sound in range(vectors.shape[1])]

    def fit(self, singer: int | None = None, kept: NDArray[np.bool_] | None = None) -> tuple[BackEnd, ...]:
        """The back end of each sound; the arguments are those of `WithinSinger.back_end`.

        The mean of one singer is that singer's voice: subtracting it would leave noise. So a single singer is
        not centred, and for S singers only S / (S + 2) of their mean is subtracted.
        """
        count = self._singers - (singer is not None and (kept is None or not kept.any()))
        share = np.float32(0.0 if count < 2 else count / (count + 2))
        fitted = (within.back_end(singer, kept) for within in self._sounds)
        return tuple(replace(back_end, mean=back_end.mean * share) for back_end in fitted)


def fit_back_ends(vectors: FloatArray, owners: IntArray) -> tuple[BackEnd, ...]:
    """The back end of each sound, fitted to recordings (T, K, D) of singers (T,), numbered 0 to S - 1."""
    return BackEnds(vectors, owners).fit()


def behind(back_ends: Sequence[BackEnd], vectors: FloatArray) -> FloatArray:
    """Vectors (N, K, D) after the back ends, concatenated: (N, K * D), of unit length."""
    joined = [back_end(vectors[:, sound]) for sound, back_end in enumerate(back_ends)]
    if len(joined) == 1:
        return joined[0]
    return np.concatenate(joined, axis=1) / np.float32(np.sqrt(len(joined)))


def print_means(vectors: FloatArray, owners: IntArray, exemplars: IntArray) -> tuple[FloatArray, IntArray]:
    """The singers' means and exemplars before the back end (P, K, D), and their singers (P,), sorted.

    Args:
        vectors: (T, K, D) vectors of the recordings.
        owners: (T,) number of each recording's singer.
        exemplars: (T,) number of the singer's exemplar that each recording belongs to, from 1; 0: none.

    >>> voices = np.array([[[1.0, 0]], [[0, 1]], [[0, 2]]], np.float32)
    >>> means, singers = print_means(voices, np.array([0, 0, 1]), np.array([0, 1, 0]))
    >>> means[:, 0].tolist(), singers.tolist()  # a mean, an exemplar, the other singer's mean
    ([[0.5, 0.5], [0.0, 1.0], [0.0, 2.0]], [0, 0, 1])
    """
    base = MOST_EXEMPLARS + 1
    every = np.arange(len(owners))
    in_one = exemplars > 0
    rows = np.concatenate((every, every[in_one]))
    groups = np.concatenate((owners * base, (owners * base + exemplars)[in_one]))
    order = np.argsort(groups, kind="stable")
    names, begins, counts = np.unique(groups[order], return_index=True, return_counts=True)
    if not len(names):
        return vectors, names
    means = np.add.reduceat(vectors[rows[order]], begins, axis=0) / counts[:, None, None]
    return means.astype(np.float32), names // base


def best_of_prints(asked: FloatArray, prints: FloatArray, owners: IntArray) -> FloatArray:
    """The score of every singer for each voice: (N, S), -1 to 1.

    Args:
        asked: (N, K * D) the voices after the back ends.
        prints: (P, K * D) the prints after the back ends.
        owners: (P,) number of each print's singer, sorted; every singer has at least one.

    >>> prints = np.array([[1.0, 0], [0, 1], [-1, 0]], np.float32)
    >>> best_of_prints(prints[1:2], prints, np.array([0, 0, 1])).tolist()
    [[1.0, 0.0]]
    """
    if not len(owners):
        return np.zeros((len(asked), 0), np.float32)
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    return np.asarray(np.maximum.reduceat(asked @ prints.T, first, axis=1), np.float32)


@dataclass(frozen=True, eq=False)
class Voiceprints:
    """The voiceprints of the known singers.

    Attributes:
        back_ends: the back end of each sound.
        vectors: (T, K, D) vectors of the recordings, each of unit length.
        owners: (T,) number of each recording's singer, 0 to S - 1; every singer has at least one.
        exemplars: (T,) number of the singer's exemplar that each recording belongs to, from 1; 0: none.
    """

    back_ends: tuple[BackEnd, ...]
    vectors: FloatArray
    owners: IntArray
    exemplars: IntArray

    @cached_property
    def counts(self) -> IntArray:
        """(S,) number of recordings of each singer."""
        return np.bincount(self.owners)

    @cached_property
    def prints(self) -> tuple[FloatArray, IntArray]:
        """The prints after the back ends, (P, K * D), and the singer of each, (P,)."""
        means, owners = print_means(self.vectors, self.owners, self.exemplars)
        return behind(self.back_ends, means), owners

    @property
    def singers(self) -> FloatArray:
        """The mean voice of each singer after the back ends, (S, K * D)."""
        prints, owners = self.prints
        return prints[np.flatnonzero(np.diff(owners, prepend=-1))]

    @cached_property
    def recordings(self) -> FloatArray:
        """The recordings after the back ends, (T, K * D)."""
        return behind(self.back_ends, self.vectors)

    @cached_property
    def own_scores(self) -> FloatArray:
        """(T,) the score of each recording for its own singer, -1 to 1."""
        prints, of_print = self.prints
        found = np.zeros(len(self.owners), np.float32)
        for place in range(len(self.counts)):
            own = self.owners == place
            found[own] = (self.recordings[own] @ prints[of_print == place].T).max(1)
        return found

    def asked(self, vectors: FloatArray) -> FloatArray:
        """Voices (N, K, D) after the back ends, ready to be scored: (N, K * D)."""
        return behind(self.back_ends, vectors)

    def scores(self, asked: FloatArray) -> FloatArray:
        """The score of every singer for each voice (N, K * D) from `asked`: (N, S), -1 to 1."""
        return best_of_prints(asked, *self.prints)

    def alike(self, asked: FloatArray) -> FloatArray:
        """The cosine of each voice with every recording: (N, T)."""
        return np.asarray(asked @ self.recordings.T, np.float32)


def exemplars_of(recordings: FloatArray) -> IntArray:
    """The exemplar that each recording of one singer belongs to, (T,), from 1; all 0: there are no groups.

    Args:
        recordings: (T, K * D) recordings after the back end.
    """
    count = len(recordings)
    none = np.zeros(count, np.int64)
    if count < 2 * _LEAST_RECORDINGS:
        return none
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics import silhouette_score

    best, found = _DISTINCT, none
    for groups in range(2, min(MOST_EXEMPLARS, count // _LEAST_RECORDINGS) + 1):
        labels = AgglomerativeClustering(groups, metric="cosine", linkage="average").fit_predict(recordings)
        kept = np.flatnonzero(np.bincount(labels) >= _LEAST_RECORDINGS)
        if len(kept) < 2:
            continue
        distinct = float(silhouette_score(recordings, labels, metric="cosine"))
        if distinct > best:
            number = np.zeros(groups, np.int64)
            number[kept] = np.arange(1, len(kept) + 1)
            best, found = distinct, number[labels]
    return found
