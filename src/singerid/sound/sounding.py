"""Where a stem sounds: the stretches of time in which it is loud enough."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL_SECONDS = 0.02
FLOOR_DB = -25.0  # relative to the stem's loud cells: soft singing lies above, room echo soon below
LOUD_SHARE = 0.01  # share of the cells that count as the loud ones: a single pop does not decide
PAUSE_SECONDS = 0.25  # shorter pauses, such as a consonant or a breath, do not end a stretch


@dataclass(frozen=True)
class Stretch:
    """A stretch of time, in seconds."""

    start_s: float
    end_s: float


def sounding(samples: NDArray[np.float32], sample_rate: int) -> list[Stretch]:
    """The stretches in which a voice sounds, in a stem that holds nothing else.

    The stem is cut into cells of 20 ms. A cell sounds if its power is less than 25 dB below the power that
    one cell in a hundred reaches; pauses under 0.25 s do not end a stretch. The last cell may be shorter.

    Args:
        samples: mono, (N,).
        sample_rate: in Hz.

    Returns:
        Stretches in order, with pauses of 0.25 s or more between them; an empty list if all is silent.

    >>> stem = np.repeat(np.array([0, 1, 0, 1, 0, 1], np.float32), [500, 1000, 100, 400, 400, 200])
    >>> sounding(stem, 1000)
    [Stretch(start_s=0.5, end_s=2.0), Stretch(start_s=2.4, end_s=2.6)]
    """
    size = round(CELL_SECONDS * sample_rate)
    if len(samples) == 0:
        return []
    starts = np.arange(0, len(samples), size)
    power = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    power /= np.diff(np.append(starts, len(samples)))
    loud = float(np.quantile(power, 1 - LOUD_SHARE, method="higher"))
    heard = np.flatnonzero((power > 0) & (power >= loud * 10 ** (FLOOR_DB / 10)))
    if len(heard) == 0:
        return []
    ends = np.minimum((heard + 1) * size, len(samples))
    # A pause: the next cell that sounds begins too late to continue the stretch.
    breaks = np.flatnonzero(starts[heard[1:]] - ends[:-1] >= PAUSE_SECONDS * sample_rate)
    firsts = starts[heard[np.append(0, breaks + 1)]]
    lasts = ends[np.append(breaks, len(heard) - 1)]
    return [
        Stretch(int(first) / sample_rate, int(last) / sample_rate)
        for first, last in zip(firsts, lasts, strict=True)
    ]
