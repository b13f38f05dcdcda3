"""Training material for telling one voice from several: windows of duets, and whether both voices sing.

The duets are those of the synthetic corpus, with a separate stem for each voice. There the voices sing in
thirds, octaves or unison; here, in most duets, they sing different things at the same time.

Letters in shapes: N samples of a window.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from singerid.config import CorpusConfig, DuetConfig
from singerid.data.synthetic.duets import Duet, draw_duets, render_duet
from voice.effects import changed
from voice.instruments import RATE, Array, Random, level
from voice.material import HOP, active_in

SAMPLES = round(1.5 * RATE)  # N; a cell of a timeline is the middle third of such a window
_CELL = slice(SAMPLES // HOP // 3, SAMPLES // HOP * 2 // 3)
_OF_EACH = 6  # windows of a duet in which both sing, and as many in which one sings
_TRIES = 80
_SUNG = 0.6  # of a cell must be sung, at least
_BOTH, _ONE = 0.55, 0.05  # share of a cell in which both sing: at least the first, or at most the second

_INDEPENDENT = 0.6  # of duets: the voices sing different things
_APART = 0.5  # of duets: each voice has its own room and microphone, ...
_CHANGED_APART = 0.7  # ... with this probability
_CHANGED = 0.85  # both together are heard through a room, an equaliser, noise, ...


@dataclass(frozen=True, eq=False)
class Window:
    """A window of sound (N,), full scale +-1, and whether both sing in the middle of it."""

    sound: Array
    both: bool


def windows(seed: int, duets: int, rng: Random) -> Iterator[Window]:
    """Yield windows of `duets` duets by forty singers of the synthetic corpus with this seed."""
    corpus = CorpusConfig(singers=40, albums=1, songs=1, seconds=30, seed=seed)
    for duet in draw_duets(corpus, DuetConfig(duets=duets, overlap=0.4)):
        yield from _of_duet(duet, rng)


def _of_duet(duet: Duet, rng: Random) -> Iterator[Window]:
    first, second = render_duet(duet).voices
    faster = _faster(rng)
    first = _played(first, faster)
    independent = rng.random() < _INDEPENDENT
    second = _played(second, _faster(rng) if independent else faster)
    samples = min(len(first), len(second))
    first, second = first[:samples], second[:samples]
    if independent:
        second = np.roll(second, int(rng.integers(samples // HOP)) * HOP)
    sung = [active_in(voice) & voice.any() for voice in (first, second)]
    if rng.random() < _APART:
        first, second = (
            changed(rng, voice) if rng.random() < _CHANGED_APART else voice for voice in (first, second)
        )
    sound = level(first) + level(second, rng.normal(0, 3))
    if rng.random() < _CHANGED:
        sound = changed(rng, sound)
    sound = np.asarray(sound / (float(np.abs(sound).max()) or 1.0), np.float32)
    left = {True: _OF_EACH, False: _OF_EACH}
    for _ in range(_TRIES):
        at = int(rng.integers(0, (samples - SAMPLES) // HOP))
        one, other = (active[at + _CELL.start : at + _CELL.stop] for active in sung)
        share = float((one & other).mean())
        if (one | other).mean() < _SUNG or _ONE < share < _BOTH:
            continue
        both = share >= _BOTH
        if left[both]:
            left[both] -= 1
            yield Window(sound[at * HOP : at * HOP + SAMPLES], both)


def _faster(rng: Random) -> float:
    return float(np.exp(rng.uniform(np.log(0.75), np.log(1.35))))


def _played(sound: Array, faster: float) -> Array:
    """A sound played faster (and so higher) or slower; its length is a multiple of 10 ms."""
    samples = int(len(sound) / faster) // HOP * HOP
    return np.interp(np.arange(samples) * faster, np.arange(len(sound)), sound).astype(np.float32)
