"""What is done to vectors before they are compared: centring and whitening, fitted on known singers.

A network that has learned people spreads its vectors for all people; a library of some singers, recorded as
they are, uses a part of that spread. Centring takes off what all its singers share. Whitening weighs down
the directions in which recordings of one singer differ (another band, another room), as linear discriminant
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
"""Whitening is fitted from so many singers on who have so many recordings each."""


@dataclass(frozen=True, eq=False)
class BackEnd:
    """Centring and whitening.

    Attributes:
        mean: (D,) of the singers' means.
        whitening: (D, D); of too few recordings it changes nothing.
        whitened: whether it does.
    """

    mean: FloatArray
    whitening: FloatArray
    whitened: bool

    def __call__(self, vectors: npt.NDArray[np.floating]) -> FloatArray:
        """Unit vectors (N, D) to compare by their cosine, of an encoder's (N, D)."""
        centred = vectors - self.mean
        return unit(centred @ self.whitening if self.whitened else centred)


def unit(vectors: npt.NDArray[np.floating]) -> FloatArray:
    """Vectors (..., D) of unit length; of nothing comes nothing."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: FloatArray = (vectors / np.maximum(length, np.finfo(np.float32).tiny)).astype(np.float32)
    return found


def fit_back_end(recordings: npt.NDArray[np.floating], singers: Sequence[object]) -> BackEnd:
    """The back end of known singers.

    Args:
        recordings: (T, D) the mean vector of each recording.
        singers: who sings in each, T of them.
    """
    recordings = np.asarray(recordings, np.float64)
    number: dict[object, int] = {}
    owners = np.array([number.setdefault(singer, len(number)) for singer in singers])
    counts = np.bincount(owners)
    order = np.argsort(owners, kind="stable")
    begins = np.concatenate(([0], np.cumsum(counts)[:-1]))
    means = np.add.reduceat(recordings[order], begins, axis=0) / counts[:, None]
    mean = means.mean(0)
    several = counts >= RECORDINGS
    size = recordings.shape[1]
    whitening, whitened = np.eye(size), several.sum() >= SINGERS
    if whitened:
        used = several[owners]
        within = recordings[used] - means[owners[used]]
        freedom = len(within) - several.sum()
        covariance = within.T @ within / freedom
        sphere = np.trace(covariance) / size * np.eye(size)
        values, directions = np.linalg.eigh((1 - SHRINKAGE) * covariance + SHRINKAGE * sphere)
        whitening = directions / np.sqrt(values) @ directions.T
    return BackEnd(mean.astype(np.float32), whitening.astype(np.float32), bool(whitened))
