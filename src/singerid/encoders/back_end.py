"""Centring and whitening, which are applied to vectors before they are compared; fitted on known singers.

A speaker network spreads its vectors over all people. The singers of a library, recorded as they are, fill
only a part of that space. Centring subtracts what all its singers share. Whitening reduces the weight of the
directions in which recordings of one singer differ (another band, another room), as linear discriminant
analysis does. The covariance is shrunk towards a sphere (Ledoit and Wolf 2004) because singers have few
recordings.

Letters in shapes: N vectors, D their size, T recordings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

SHRINKAGE = 0.3
SINGERS, RECORDINGS = 5, 3
"""Whitening is fitted if at least so many singers have at least so many recordings each."""


@dataclass(frozen=True, eq=False)
class BackEnd:
    """Centring and whitening.

    Attributes:
        mean: (D,), the mean of the singers' means.
        whitening: (D, D); the identity if there are too few recordings.
        whitened: whether there are enough recordings for whitening.
    """

    mean: FloatArray
    whitening: FloatArray
    whitened: bool

    def __call__(self, vectors: npt.NDArray[np.floating]) -> FloatArray:
        """An encoder's vectors (N, D) -> unit vectors (N, D), to be compared by their cosine."""
        centred = vectors - self.mean
        return unit(centred @ self.whitening if self.whitened else centred)


def unit(vectors: npt.NDArray[np.floating]) -> FloatArray:
    """Vectors (..., D) scaled to unit length; zero vectors stay zero.

    >>> unit(np.array([[0.0, 2.0], [0.0, 0.0]])).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: FloatArray = (vectors / np.maximum(length, np.finfo(np.float32).tiny)).astype(np.float32)
    return found


def is_unit(vectors: npt.NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether vectors (..., D) are of unit length, except for rounding; (...).

    >>> is_unit(np.array([[0.6, 0.8], [1.0, 1.0]])).tolist()
    [True, False]
    """
    return np.asarray(np.abs(np.linalg.norm(vectors.astype(np.float64), axis=-1) - 1) < 1e-3)


class WithinSinger:
    """The scatter of recordings within singers, summed; makes back ends without some recordings quickly.

    Args:
        recordings: (T, D), the mean vector of each recording.
        owners: (T,), the singer of each recording, 0 to S - 1; every singer has at least one recording.
    """

    def __init__(self, recordings: npt.NDArray[np.floating], owners: NDArray[np.int64]) -> None:
        recordings = np.asarray(recordings, np.float64)
        self._counts = np.bincount(owners)
        order = np.argsort(owners, kind="stable")
        begins = np.concatenate(([0], np.cumsum(self._counts)[:-1]))
        self._means = np.add.reduceat(recordings[order], begins, axis=0) / self._counts[:, None]
        self._ordered, self._begins = recordings[order], begins
        several = self._counts >= RECORDINGS
        used = several[owners]
        within = recordings[used] - self._means[owners[used]]
        self._scatter: NDArray[np.float64] = within.T @ within
        self._freedom = int(used.sum() - several.sum())
        self._several = int(several.sum())

    def back_end(self, singer: int | None = None, kept: NDArray[np.bool_] | None = None) -> BackEnd:
        """The back end of all recordings, or of all recordings except some of one singer.

        Args:
            singer: the singer whose recordings are left out; None: no recording is left out.
            kept: which recordings of this singer stay, in the order in which they were given; None: none of
                them.
        """
        means, scatter, freedom, several = self._means, self._scatter, self._freedom, self._several
        if singer is not None:
            begin, count = self._begins[singer], self._counts[singer]
            own = self._ordered[begin : begin + count]
            if count >= RECORDINGS:
                rest = own - means[singer]
                scatter, freedom, several = scatter - rest.T @ rest, freedom - (count - 1), several - 1
            stays = own[:0] if kept is None else own[kept]
            means = np.delete(means, singer, axis=0)
            if len(stays):
                means = np.concatenate((means, stays.mean(0, keepdims=True)))
            if len(stays) >= RECORDINGS:
                rest = stays - stays.mean(0)
                scatter, freedom, several = scatter + rest.T @ rest, freedom + len(stays) - 1, several + 1
        mean = means.mean(0)
        size = means.shape[1]
        whitening, whitened = np.eye(size), several >= SINGERS
        if whitened:
            covariance = scatter / freedom
            sphere = np.trace(covariance) / size * np.eye(size)
            values, directions = np.linalg.eigh((1 - SHRINKAGE) * covariance + SHRINKAGE * sphere)
            whitening = directions / np.sqrt(values) @ directions.T
        return BackEnd(mean.astype(np.float32), whitening.astype(np.float32), bool(whitened))


def fit_back_end(recordings: npt.NDArray[np.floating], singers: Sequence[object]) -> BackEnd:
    """The back end of known singers.

    Args:
        recordings: (T, D), the mean vector of each recording.
        singers: the singer of each recording, T of them.
    """
    number: dict[object, int] = {}
    owners = np.array([number.setdefault(singer, len(number)) for singer in singers], np.int64)
    return WithinSinger(recordings, owners).back_end()
