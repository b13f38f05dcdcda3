"""Full scale of a sound: the sample value that all others are measured against."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# 30 dB above full scale: no mix is that hot.
_LOUDEST = 32.0
# The power spectrum of larger samples overflows float32.
_HUGE = 1e15
SILENT = "is silent; remove it or record it again"
"""Reason for which a silent recording is refused."""

_RARE = 1000
_FULL_SCALES = (2.0**15, 2.0**23, 2.0**31)  # of integers of 16, 24 and 32 bits


def silenced(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """The samples with those that are NaN, infinite or absurdly large set to 0, and how many these were.

    >>> silenced(np.array([0.5, np.nan, -np.inf, 1e16], np.float32))
    (array([0.5, 0. , 0. , 0. ], dtype=float32), 3)
    """
    if -_HUGE < samples.min() <= samples.max() < _HUGE:  # False for NaN, too
        return samples, 0
    usable = np.abs(samples) < _HUGE
    return np.where(usable, samples, np.float32(0)), int(samples.size - usable.sum())


def usual_peak(samples: NDArray[np.floating[Any]]) -> float:
    """The magnitude that one sample in a thousand exceeds; a click or two do not change it.

    >>> usual_peak(np.append(np.full(1999, 0.5), 1.0))  # one click
    0.5
    """
    magnitudes = np.abs(samples, dtype=samples.dtype).ravel()
    rank = len(magnitudes) - 1 - len(magnitudes) // _RARE
    return float(np.partition(magnitudes, rank)[rank])


def full_scale(peak: float) -> float:
    """Full scale of floating-point samples whose `usual_peak` is `peak`.

    It is normally 1, and a mix may exceed it. Some programs write the values of integers as floating-point
    numbers. A peak above 32 (30 dB above full scale) is taken as a sign of that. Full scale is then that of
    the first kind of integers (16, 24, 32 bits) that the peak exceeds by at most 30 dB. If the peak is too
    large for all three, full scale stays 1.

    >>> [full_scale(peak) for peak in (0.01, 1.5, 32.0, 900.0, 40_000.0, 8e6, 2e9, float("nan"))]
    [1.0, 1.0, 1.0, 32768.0, 32768.0, 8388608.0, 2147483648.0, 1.0]
    """
    if not peak > _LOUDEST:
        return 1.0
    return next((scale for scale in _FULL_SCALES if peak <= _LOUDEST * scale), 1.0)


def scale_notice(peak: float, scale: float) -> str:
    """Notice for a sound whose full scale is not 1."""
    bits = int(scale).bit_length()
    return (
        f"its samples reach {peak:,.0f}, as {bits}-bit integers do, although full scale should be 1; "
        f"they are divided by {scale:,.0f}"
    )
