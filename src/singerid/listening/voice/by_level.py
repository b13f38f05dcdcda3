"""Where somebody sings, told by how loud the vocals are that a separator takes out."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from singerid.listening.voice.cells import VoiceCells
from singerid.sound.decoding.pieces import Samples
from singerid.sound.separation.level import vocal_levels

# Of the vocals against the whole: as likely sung as not; the odds grow e times with each step. Chosen for
# Spleeter, on real songs and music in which nobody sings (docs/results.md): what it takes for vocals in that
# is seldom louder.
EVEN_DB, STEP_DB = -10.0, 2.0
CELL_SECONDS = 0.25
_AROUND = 4  # cells whose level is taken together: a syllable ends, the singing goes on


def sung_by_level(parts: Iterable[tuple[Samples, Samples]], sample_rate: int) -> VoiceCells:
    """When somebody sings in a recording that was separated: the level around each cell tells.

    Args:
        parts: blocks of (vocals, accompaniment), as for `vocal_levels`.
        sample_rate: in Hz.
    """
    levels = vocal_levels(parts, sample_rate, _AROUND * CELL_SECONDS, CELL_SECONDS).decibels
    before = (_AROUND - 1) // 2
    sung = np.pad(likelihood(levels), (before, _AROUND - 1 - before), mode="edge")
    return VoiceCells(sung, CELL_SECONDS)


def likelihood(decibels: NDArray[np.float32]) -> NDArray[np.float32]:
    """How likely vocals so loud against the whole are sung and no remains of instruments; as `decibels`.

    >>> likelihood(np.array([-100, -10, 0], np.float32)).round(1).tolist()
    [0.0, 0.5, 1.0]
    """
    return (1 / (1 + np.exp((EVEN_DB - decibels.astype(np.float64)) / STEP_DB))).astype(np.float32)
