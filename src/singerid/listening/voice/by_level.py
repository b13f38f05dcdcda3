"""Where somebody sings, found from the level of the separated vocals."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from singerid.listening.voice.cells import VoiceCells
from singerid.sound.decoding.pieces import Samples
from singerid.sound.separation.level import vocal_levels

# Levels of the vocals relative to the mixture: at EVEN_DB they are as likely sung as not, and each STEP_DB
# multiplies the odds by e. Chosen for Spleeter, on real songs and on music in which nobody sings
# (docs/results.md): there, its false vocals are seldom louder than this.
EVEN_DB, STEP_DB = -10.0, 2.0
CELL_SECONDS = 0.25
_AROUND = 4  # cells whose level is taken together: singing goes on between two syllables


def sung_by_level(parts: Iterable[tuple[Samples, Samples]], sample_rate: int) -> VoiceCells:
    """When somebody sings in a separated recording, from the level of the vocals around each cell.

    Args:
        parts: blocks of (vocals, accompaniment), as for `vocal_levels`.
        sample_rate: in Hz.
    """
    levels = vocal_levels(parts, sample_rate, _AROUND * CELL_SECONDS, CELL_SECONDS).decibels
    before = (_AROUND - 1) // 2
    sung = np.pad(likelihood(levels), (before, _AROUND - 1 - before), mode="edge")
    return VoiceCells(sung, CELL_SECONDS)


def likelihood(decibels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability that vocals of this level are sung, not remains of instruments; shape of `decibels`.

    >>> likelihood(np.array([-100, -10, 0], np.float32)).round(1).tolist()
    [0.0, 0.5, 1.0]
    """
    return (1 / (1 + np.exp((EVEN_DB - decibels.astype(np.float64)) / STEP_DB))).astype(np.float32)
