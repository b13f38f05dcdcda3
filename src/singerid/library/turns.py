"""From the states of half seconds to turns: who sings from when to when, with a resolution of 0.1 s.

Letters in shapes: L cells of half a second, M tenths of a second.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from singerid.library.hearing import HeardCells
from singerid.library.parting import Parting
from singerid.listening.voice.loudness import CELL_SECONDS as TENTH

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]

_PAUSE = 2  # tenths: a pause up to this length does not end a turn
_SNAP = 4  # tenths: a change this near to a pause is moved into the pause
_LEAST = 3  # tenths that a turn lasts at least


@dataclass(frozen=True)
class Turn:
    """A stretch of time in which the same voices sing.

    Attributes:
        start_s: start in seconds.
        end_s: end in seconds.
        who: numbers of the singers, from `names` of `turns_of`.
        chance: mean probability that these voices sing.
    """

    start_s: float
    end_s: float
    who: tuple[int, ...]
    chance: float


def turns_of(parting: Parting, cells: HeardCells, names: NDArray[np.int64], seconds: float) -> Iterator[Turn]:
    """The turns of a song.

    Args:
        parting: the voices of the song.
        cells: the cells of the song.
        names: (N,) number of each voice's singer; voices with the same number are one singer.
        seconds: length of the song.
    """
    states = _fine(parting, cells)
    every = [
        tuple(sorted({int(names[voice]) for voice in parting.voices(state)}))
        for state in range(parting.emissions.shape[1])
    ]
    who = [every[state] if state >= 0 else () for state in states]
    _bridge(who)
    per_cell = round(cells.seconds / TENTH)
    at = 0
    for singers, group in groupby(who):
        count = sum(1 for _ in group)
        first, at = at, at + count
        if not singers or count < _LEAST:
            continue
        inside = np.unique(np.minimum(np.arange(first, at) // per_cell, len(parting.states) - 1))
        inside = inside[parting.states[inside] >= 0]  # a turn may reach a little into cells without a voice
        same = [state for state, own in enumerate(every) if own == singers]
        chance = float(parting.chances[inside][:, same].sum(1).mean()) if len(inside) else 1.0
        yield Turn(round(first * TENTH, 1), min(round(at * TENTH, 1), seconds), singers, min(1.0, chance))


def _fine(parting: Parting, cells: HeardCells) -> Places:
    """The state of each tenth of a second, (M,); -1 in pauses."""
    per_cell = round(cells.seconds / TENTH)
    length = min(max(len(cells.sounds), 1), (len(parting.states) + 1) * per_cell)
    coarse = parting.states
    states = coarse[np.minimum(np.arange(length) // per_cell, len(coarse) - 1)].copy()
    for cell in np.flatnonzero(np.diff(coarse)):
        begin = int(cell + 1) * per_cell
        change = begin + _shift(parting, cells, int(cell), per_cell)
        if coarse[cell] >= 0 and coarse[cell + 1] >= 0:
            change = _in_pause(cells.sounds, change)
        low, high = sorted((begin, min(max(change, 0), length)))
        states[low:high] = coarse[cell] if change > begin else coarse[cell + 1]
    sounds = cells.sounds[:length]
    states[: len(sounds)][~sounds] = -1
    return states


def _shift(parting: Parting, cells: HeardCells, cell: int, per_cell: int) -> int:
    """Tenths from the border of two cells to the point where both states are equally likely."""
    one, other = parting.states[cell], parting.states[cell + 1]
    if one < 0 or other < 0:
        before, after = cells.sung[cell] - 0.5, cells.sung[cell + 1] - 0.5
    else:
        both = parting.emissions[cell : cell + 2]
        before, after = both[:, one] - both[:, other]
    if before * after >= 0:
        return 0
    return round((float(before / (before - after)) - 0.5) * per_cell)


def _in_pause(sounds: Mask, change: int) -> int:
    """The time of a change, moved into the nearest pause if there is one nearby."""
    first = max(0, change - _SNAP)
    pauses = np.flatnonzero(~sounds[first : change + _SNAP + 1]) + first
    return int(pauses[np.abs(pauses - change).argmin()]) if len(pauses) else change


def _bridge(who: list[tuple[int, ...]]) -> None:
    """Continue a turn across a short pause, in place."""
    at = 0
    for singers, group in [(key, sum(1 for _ in own)) for key, own in groupby(who)]:
        end = at + group
        if not singers and at > 0 and end < len(who) and group <= _PAUSE and who[at - 1] == who[end]:
            who[at:end] = [who[end]] * group
        at = end
