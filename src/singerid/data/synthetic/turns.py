"""Who sings which notes of a duet: turns of 2 s and more, and how much of the sung time both sing."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from singerid.data.synthetic.score import Note
from singerid.errors import SingeridError

SHORTEST_TURN = 2.0  # seconds, from its first note to the end of its last
LONGEST_WANTED = 8.0  # seconds: a turn ends at the best place near a length drawn up to this
PHRASE_WORTH = 1.0  # seconds that a phrase's end may be further away and still be preferred to a note's end
DRAWS = 300  # attempts at most; the one nearest to the wanted share of overlap is sung
NEAR_ENOUGH = 0.005

Both = Literal["unison", "third", "octave"]  # how two sing at once


@dataclass(frozen=True)
class Part:
    """Successive notes that the same voices sing.

    Attributes:
        first: number of the first note.
        end: one past the last.
        voices: 0, 1 or both; the first of them has the melody.
    """

    first: int
    end: int
    voices: tuple[int, ...]


def share_of_both(parts: tuple[Part, ...], notes: tuple[Note, ...]) -> float:
    """Share of the sung time in which both sing."""
    seconds = np.array([sum(note.end - note.start for note in notes[p.first : p.end]) for p in parts])
    both = np.array([len(part.voices) == 2 for part in parts])
    return float(seconds[both].sum() / seconds.sum())


def take_turns(rng: np.random.Generator, notes: tuple[Note, ...], overlap: float) -> tuple[Part, ...]:
    """Divide the notes of a song between two singers.

    The turn passes from one singer to the other at the end of a phrase; the second singer may also join or
    leave within a phrase, at the end of a note. Each singer has a turn alone. Many divisions are drawn, and
    the one nearest to `overlap` is taken.

    Args:
        rng: source of randomness.
        notes: of the song.
        overlap: share of the sung time in which both sing; 0: never.

    Raises:
        SingeridError: the song is too short for turns.
    """
    best: tuple[Part, ...] | None = None
    least = np.inf
    for _ in range(DRAWS):
        parts = _drawn(rng, notes, joining=rng.random() if overlap else 0.0)
        alone = {part.voices for part in parts if len(part.voices) == 1}
        away = abs(share_of_both(parts, notes) - overlap)
        if len(alone) == 2 and away < least:
            best, least = parts, away
        if least <= NEAR_ENOUGH:
            break
    if best is None:
        raise SingeridError(f"`seconds`: a song of {notes[-1].end:.0f} s is too short for turns; choose more")
    return best


def _drawn(rng: np.random.Generator, notes: tuple[Note, ...], joining: float) -> tuple[Part, ...]:
    """One division, in which a solo is followed by both with the probability `joining`."""
    parts: list[Part] = []
    first, last_alone = 0, int(rng.integers(2))
    both = rng.random() < joining
    while first < len(notes):
        voices = (last_alone, 1 - last_alone) if both else (1 - last_alone,)
        if both and rng.random() < 0.5:
            voices = voices[::-1]
        next_both = not both and rng.random() < joining
        wanted = rng.uniform(SHORTEST_TURN, LONGEST_WANTED)
        end = _cut(notes, first, wanted, within_phrases=both or next_both)
        parts.append(Part(first, end, voices))
        if not both:
            last_alone = voices[0]
        elif rng.random() < 0.5:
            last_alone = 1 - last_alone  # after both, either may go on alone
        first, both = end, next_both
    return tuple(parts)


def _cut(notes: tuple[Note, ...], first: int, wanted: float, *, within_phrases: bool) -> int:
    """The note that begins the next part: about `wanted` seconds after `first`, 2 s or more on both sides."""
    begin, finish = notes[first].start, notes[-1].end
    best, least = len(notes), np.inf
    for at in range(first + 1, len(notes)):
        note = notes[at]
        if notes[at - 1].end - begin < SHORTEST_TURN or finish - note.start < SHORTEST_TURN:
            continue
        if not (note.opens_phrase or within_phrases):
            continue
        away = abs(note.start - begin - wanted) + (0 if note.opens_phrase else PHRASE_WORTH)
        if away < least:
            best, least = at, away
    return best
