"""Loudness of a sound, for each tenth of a second: where nothing sounds nobody sings.

In a mixture the band fills the pauses of a voice, so loudness does not help. For a voice alone it shows more
exactly than any network when the voice sounds.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from singerid.sound.audio import Read
from singerid.sound.decoding.pieces import Samples
from singerid.sound.sounding import CELL_SECONDS as _FINE_SECONDS
from singerid.sound.sounding import FLOOR_DB, LOUD_SHARE

CELL_SECONDS = 0.1
_PARTS = round(CELL_SECONDS / _FINE_SECONDS)
_ENOUGH = 2  # parts that must sound for the cell to sound


class Loudness:
    """Measures a sound while it is read for another purpose."""

    def __init__(self) -> None:
        self._energies = bytearray()
        self._done = False

    def passing(self, read: Read, sample_rate: int) -> Read:
        """The same sound; it is measured the first time that it is read to its end."""

        def reading() -> Iterator[Samples]:
            if self._done:
                yield from read()
                return
            self._energies.clear()
            size, held = _FINE_SECONDS * sample_rate, np.zeros(0, np.float32)
            cells, first = 0, 0  # measured so far, and the first sample in `held`
            for block in read():
                held = np.concatenate((held, block))
                whole = int((first + len(held)) / size) - cells
                edges = np.round((cells + np.arange(whole + 1)) * size).astype(np.int64) - first
                self._measure(held, edges)
                held, first, cells = held[edges[-1] :].copy(), first + int(edges[-1]), cells + whole
                yield block
            if len(held):
                self._measure(held, np.array([0, len(held)]))
            self._done = True

        return reading

    def sounds(self) -> NDArray[np.bool_]:
        """Whether each cell sounds, (L,); see `singerid.sound.sounding`."""
        power = np.frombuffer(self._energies, np.float32)
        if not len(power):
            return np.zeros(0, np.bool_)
        loud = float(np.quantile(power, 1 - LOUD_SHARE, method="higher"))
        heard = (power > 0) & (power >= loud * 10 ** (FLOOR_DB / 10))
        cells = np.pad(heard, (0, -len(heard) % _PARTS)).reshape(-1, _PARTS)
        return np.asarray(cells.sum(1) >= _ENOUGH)

    def _measure(self, samples: Samples, edges: NDArray[np.int64]) -> None:
        """Keep the mean power of the samples between each two edges."""
        if len(edges) > 1:
            energies = np.add.reduceat(np.square(samples[: edges[-1]], dtype=np.float64), edges[:-1])
            self._energies.extend((energies / np.diff(edges)).astype(np.float32).tobytes())
