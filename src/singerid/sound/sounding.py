"""Where a stem sounds: the stretches in which it is loud enough."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL_SECONDS = 0.02
FLOOR_DB = -25.0  # against the stem's loud cells: softly sung notes lie above, the room's echo soon below
LOUD_SHARE = 0.01  # of the cells are as loud as the loud ones, or louder: one pop does not decide
PAUSE_SECONDS = 0.25  # a consonant or a breath; a stretch goes on over what is shorter


@dataclass(frozen=True)
class Stretch:
    """From one moment to another, in seconds."""

    start_s: float
    end_s: float


def sounding(samples: NDArray[np.float32], sample_rate: int) -> list[Stretch]:
    """Where one voice sounds in a stem that holds nothing else.

    The stem is cut into cells of 20 ms. One sounds where its power lies less than 25 dB below the power that
    one cell in a hundred reaches; pauses under 0.25 s do not end a stretch. The last cell may be shorter.

    Args:
        samples: mono, (N,).
        sample_rate: in Hz.

    Returns:
        Stretches in order, with pauses of 0.25 s or more between; none where all is silent.

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
    # A pause lies where the next cell that sounds begins late.
    breaks = np.flatnonzero(starts[heard[1:]] - ends[:-1] >= PAUSE_SECONDS * sample_rate)
    firsts = starts[heard[np.append(0, breaks + 1)]]
    lasts = ends[np.append(breaks, len(heard) - 1)]
    return [
        Stretch(int(first) / sample_rate, int(last) / sample_rate)
        for first, last in zip(firsts, lasts, strict=True)
    ]
