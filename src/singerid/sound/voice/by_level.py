"""Where somebody sings, told by how loud the vocals are that a separator takes out."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from singerid.sound.audio import Samples
from singerid.sound.separation.level import vocal_levels
from singerid.sound.voice.cells import CELL_SECONDS, VoiceCells

# Of the vocals against the whole: as likely sung as not; the odds grow e times with each step.
EVEN_DB, STEP_DB = -12.0, 2.0


def sung_by_level(parts: Iterable[tuple[Samples, Samples]], sample_rate: int) -> VoiceCells:
    """When somebody sings in a recording that was separated.

    Args:
        parts: blocks of (vocals, accompaniment), as for `vocal_levels`.
        sample_rate: in Hz.
    """
    return VoiceCells(likelihood(vocal_levels(parts, sample_rate, CELL_SECONDS, CELL_SECONDS).decibels))


def likelihood(decibels: NDArray[np.float32]) -> NDArray[np.float32]:
    """How likely vocals so loud against the whole are sung and no remains of instruments; as `decibels`.

    >>> likelihood(np.array([-100, -12, 0], np.float32)).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    return (1 / (1 + np.exp((EVEN_DB - decibels.astype(np.float64)) / STEP_DB))).astype(np.float32)
