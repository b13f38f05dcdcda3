"""How loud a sound is, tenth of a second by tenth: where nothing sounds nobody sings.

In a mixture the band fills the pauses of a voice, and this tells nothing. Of a voice alone it tells more
exactly than any network when it is there.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from singerid.sound.audio import Read
from singerid.sound.decoding.pieces import Samples

CELL_SECONDS = 0.1
_LOUD = 0.9  # quantile of the level that counts as the sound's own
# So much below that a cell counts as a pause: a voice's quiet end is about 20 dB down, a room more.
QUIET_DB = 30.0
_SILENCE_DB = -120.0


class Loudness:
    """Measures a sound while it passes for something else."""

    def __init__(self) -> None:
        self._energies = bytearray()
        self._done = False

    def passing(self, read: Read, sample_rate: int) -> Read:
        """The same sound; the first time that it is read to its end it is measured."""

        def reading() -> Iterator[Samples]:
            if self._done:
                yield from read()
                return
            self._energies.clear()
            size, held = round(CELL_SECONDS * sample_rate), np.zeros(0, np.float32)
            for block in read():
                held = np.concatenate((held, block))
                whole = len(held) // size
                self._measure(held[: whole * size].reshape(whole, size))
                held = held[whole * size :].copy()
                yield block
            if len(held):
                self._measure(held[None])
            self._done = True

        return reading

    def sounds(self) -> NDArray[np.bool_]:
        """Whether each cell is no pause, (L,)."""
        levels = np.frombuffer(self._energies, np.float32)
        if not len(levels):
            return np.zeros(0, np.bool_)
        heard = levels[levels > _SILENCE_DB]
        if not len(heard):
            return np.zeros(len(levels), np.bool_)
        return np.asarray(levels > np.quantile(heard, _LOUD) - QUIET_DB)

    def _measure(self, cells: Samples) -> None:
        power = np.einsum("ns,ns->n", cells, cells, dtype=np.float64) / max(1, cells.shape[1])
        decibels = 10 * np.log10(np.maximum(power, 10 ** (_SILENCE_DB / 10)))
        self._energies.extend(decibels.astype(np.float32).tobytes())
