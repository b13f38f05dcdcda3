"""Level of the separated vocals relative to the mixture, window by window."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from singerid.sound.decoding.pieces import Samples

SILENCE_DB = -100.0  # the level where there are no vocals, and in silence


@dataclass(frozen=True)
class VocalLevels:
    """Level of the vocals in windows of a recording.

    Attributes:
        starts: start of each window, (N,) in seconds.
        decibels: level of the vocals relative to the mixture, (N,), at least `SILENCE_DB`: 0 if there are
            only vocals, above 0 if the accompaniment cancels a part of the vocals.
    """

    starts: NDArray[np.float64]
    decibels: NDArray[np.float32]


def vocal_levels(
    parts: Iterable[tuple[Samples, Samples]],
    sample_rate: int,
    window_seconds: float = 3.0,
    hop_seconds: float = 1.5,
) -> VocalLevels:
    """The level of vocals v relative to the mixture m in each window: 10 log10(sum v^2 / sum m^2).

    A remainder shorter than a window is left out. A sound shorter than a window gives one window of its own
    length. Only energies are held in memory, however long the sound is.

    Args:
        parts: blocks of (vocals, accompaniment), mono, as a separator gives them (`Separator.blocks`);
            their sum is the mixture. `with_rest` makes such blocks from vocals and a mixture.
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
        raise ValueError(f"a window and a hop must have at least 1 sample, not {window} and {hop}")
    # A hop is cut where a window ends within it: so a window is a number of cells, and a sample is squared
    # once.
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
    """Yield energies (2,) of vocals and mixture in cells of `cells` samples; the last one is the rest."""
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
