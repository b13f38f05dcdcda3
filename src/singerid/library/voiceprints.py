"""What stands for each known singer, and how alike a voice is to it.

A recording is one vector of each sound that the library hears (mixture, vocals, or both), the mean over its
windows with voice. Behind the back end those of one recording are joined; the cosine of two such vectors is
then the mean of the sounds' cosines. A singer is the mean of the singer's recordings, and beside it up to
five exemplars where the recordings fall into groups: an era, a register, live. The score of a singer is the
best cosine with any of these.

Letters in shapes: T recordings, K sounds, D size of a vector, S singers, P prints (means and exemplars),
N voices that are asked about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from singerid.encoders.back_end import BackEnd, fit_back_end

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

MOST_EXEMPLARS = 5
_LEAST_RECORDINGS = 3  # of an exemplar: fewer may be one odd evening
_DISTINCT = 0.15  # the silhouette from which on groups are believed


def fit_back_ends(vectors: FloatArray, singers: IntArray) -> tuple[BackEnd, ...]:
    """The back end of each sound, of recordings (T, K, D) by singers (T,).

    The voice that one singer has is no mean to take off: what is left would be noise. So a single singer is
    not centred, and of few singers only a part of their mean is taken off, S / (S + 2).
    """
    count = len(np.unique(singers))
    found = []
    for sound in range(vectors.shape[1]):
        fitted = fit_back_end(vectors[:, sound], singers.tolist())
        share = 0.0 if count < 2 else count / (count + 2)
        found.append(BackEnd((fitted.mean * share).astype(np.float32), fitted.whitening, fitted.whitened))
    return tuple(found)


def behind(back_ends: Sequence[BackEnd], vectors: FloatArray) -> FloatArray:
    """Vectors (N, K, D) behind the back ends, joined: (N, K * D), of unit length."""
    joined = [back_end(vectors[:, sound]) for sound, back_end in enumerate(back_ends)]
    if len(joined) == 1:
        return joined[0]
    return np.concatenate(joined, axis=1) / np.float32(np.sqrt(len(joined)))


@dataclass(frozen=True, eq=False)
class Voiceprints:
    """The known singers, ready to be compared with.

    Attributes:
        back_ends: of each sound.
        vectors: (T, K, D) of the recordings, each of unit length.
        owners: (T,) whose each is, 0 to S - 1; every singer has one at least.
        exemplars: (T,) which exemplar of its singer's each belongs to, from 1; 0: none.
    """

    back_ends: tuple[BackEnd, ...]
    vectors: FloatArray
    owners: IntArray
    exemplars: IntArray

    @cached_property
    def counts(self) -> IntArray:
        """(S,) recordings of each singer."""
        return np.bincount(self.owners)

    @cached_property
    def prints(self) -> tuple[FloatArray, IntArray]:
        """The prints (P, K * D), sorted by singer, and where each singer's begin (S,)."""
        base = MOST_EXEMPLARS + 1
        every = np.arange(len(self.owners))
        in_one = self.exemplars > 0
        rows = np.concatenate((every, every[in_one]))
        groups = np.concatenate((self.owners * base, (self.owners * base + self.exemplars)[in_one]))
        order = np.argsort(groups, kind="stable")
        names, begins, counts = np.unique(groups[order], return_index=True, return_counts=True)
        if not len(names):
            return behind(self.back_ends, self.vectors), begins
        means = np.add.reduceat(self.vectors[rows[order]], begins, axis=0) / counts[:, None, None]
        first = np.flatnonzero(np.diff(names // base, prepend=-1))
        return behind(self.back_ends, means.astype(np.float32)), first

    @cached_property
    def recordings(self) -> FloatArray:
        """The recordings behind the back ends, (T, K * D)."""
        return behind(self.back_ends, self.vectors)

    def asked(self, vectors: FloatArray) -> FloatArray:
        """Voices (N, K, D) as they are compared: (N, K * D)."""
        return behind(self.back_ends, vectors)

    def scores(self, asked: FloatArray) -> FloatArray:
        """The score of every singer for each voice that is asked about: (N, S), -1 to 1."""
        prints, first = self.prints
        if not len(first):
            return np.zeros((len(asked), 0), np.float32)
        return np.asarray(np.maximum.reduceat(asked @ prints.T, first, axis=1), np.float32)

    def alike(self, asked: FloatArray) -> FloatArray:
        """The cosine with every recording: (N, T)."""
        return np.asarray(asked @ self.recordings.T, np.float32)


def exemplars_of(recordings: FloatArray) -> IntArray:
    """Which exemplar each recording of one singer belongs to, (T,), from 1; 0 all through: they are alike.

    Args:
        recordings: (T, K * D) behind the back end.
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
