"""How loud the vocals are against the whole, window by window: what a separator hears of voices."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from singerid.sound.decoding.pieces import Samples

SILENCE_DB = -100.0  # the level of no vocals, and of vocals in silence


@dataclass(frozen=True)
class VocalLevels:
    """Level of the vocals in windows of a recording.

    Attributes:
        starts: of the windows, (N,) in seconds.
        decibels: of the vocals relative to the mixture, (N,): 0 where all that sounds is sung, at least
            `SILENCE_DB`. Over 0 it is where the rest cancels vocals.
    """

    starts: NDArray[np.float64]
    decibels: NDArray[np.float32]


def vocal_levels(
    parts: Iterable[tuple[Samples, Samples]],
    sample_rate: int,
    window_seconds: float = 3.0,
    hop_seconds: float = 1.5,
) -> VocalLevels:
    """The level of vocals v against the mixture m in each window: 10 log10(sum v^2 / sum m^2).

    A rest shorter than a window is left out, unless there is nothing else: then the only window is as
    long as the sound. No more is held of the sound than its energies, however long it is.

    Args:
        parts: blocks of (vocals, accompaniment), mono, as a separator gives them (`Separator.blocks`);
            together they are the mixture. Of vocals and a mixture `with_rest` makes them.
        sample_rate: in Hz.
        window_seconds: length of a window.
        hop_seconds: from one window to the next.

    Raises:
        ValueError: a window or a hop is shorter than a sample.

    >>> sound = np.ones(32_000, np.float32)
    >>> levels = vocal_levels([(sound, 9 * sound)], 16_000, window_seconds=1, hop_seconds=0.5)
    >>> levels.starts.tolist(), levels.decibels.tolist()
    ([0.0, 0.5, 1.0], [-20.0, -20.0, -20.0])
    """
    window, hop = round(window_seconds * sample_rate), round(hop_seconds * sample_rate)
    if window < 1 or hop < 1:
        raise ValueError(f"windows of {window} samples every {hop} are none")
    # A hop is cut where a window ends in it: a window is some of these cells, and a sample is squared once.
    rest_of_window = window % hop
    cells = (rest_of_window, hop - rest_of_window) if rest_of_window else (hop,)
    energies = np.stack(list(_energies(parts, cycle(cells))))
    in_window = window // hop * len(cells) + (rest_of_window > 0)
    count = max(1, 1 + (len(energies) - 1 - in_window) // len(cells))  # the last cell is not whole
    starts = np.arange(count)
    sums = np.stack([energies[first : first + in_window].sum(axis=0) for first in starts * len(cells)])
    vocals, mixture = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = 10 * np.log10(vocals / mixture)
    decibels[(mixture == 0) | (decibels < SILENCE_DB)] = SILENCE_DB
    return VocalLevels(starts * hop / sample_rate, decibels.astype(np.float32))


def _energies(
    parts: Iterable[tuple[Samples, Samples]], cells: Iterator[int]
) -> Iterator[NDArray[np.float64]]:
    """Energies (2,) of vocals and mixture in cells of so many samples; the last one is what is left."""
    room, energy = next(cells), np.zeros(2)
    for sung, rest in parts:
        both = np.stack((sung, sung + rest))
        while both.shape[1]:
            own, both = both[:, :room], both[:, room:]
            energy = energy + np.einsum("kn,kn->k", own, own, dtype=np.float64)
            room -= own.shape[1]
            if room == 0:
                yield energy
                room, energy = next(cells), np.zeros(2)
    yield energy
