"""The timeline of a song: which singers its voices are, and when they sing.

Letters in shapes: L cells, K sounds, D size of a vector, N voices, S singers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from singerid.encoders.back_end import unit
from singerid.identify.smoothing import likeliest
from singerid.library.decide import Judgement, judge
from singerid.library.hearing import HeardCells, HeardVoice
from singerid.library.parting import Parting, part
from singerid.library.rule import Rule
from singerid.library.turns import Turn, turns_of
from singerid.library.voiceprints import Voiceprints
from singerid.listening.voice.loudness import CELL_SECONDS as TENTH

_CHANGE = 3.0  # log cost of beginning or ending to sing
_LEAST = 2  # cells that singing or silence lasts at least
_SUREST = 6.0  # log-odds of a cell, at most, so that one cell alone decides nothing
_MANY_PAUSES = 0.08  # share of pauses from which on a sound counts as a voice without accompaniment
_ALONE = 3.0  # added to the log-odds of singing in such a sound
_SAME_GUESS = 0.1  # a voice is a singer who is named elsewhere in the song from this probability on


@dataclass(frozen=True, eq=False)
class SongTimeline:
    """Who sings when.

    Attributes:
        turns: the turns; their `who` are places of singers among the voiceprints, or below 0 strangers: -1 is
            the song's first stranger, -2 the second.
        sure: probability that each of these is right.
    """

    turns: tuple[Turn, ...] = ()
    sure: Mapping[int, float] = field(default_factory=dict)


def timeline_of(
    prints: Voiceprints,
    rule: Rule,
    heard: HeardVoice,
    whole: Judgement,
    refused: frozenset[int] = frozenset(),
    said: int | None = None,
) -> SongTimeline:
    """The timeline of a song.

    Args:
        prints: voiceprints of the singers.
        rule: how scores become decisions.
        heard: the voice that was heard; the timeline is made from its cells.
        whole: the decision on the song as a whole.
        refused: places of the singers that a person has ruled out.
        said: place of the singer that a person has named: then nobody else is named.
    """
    cells = heard.cells
    if cells is None:
        return SongTimeline()
    # The network that counts voices takes a band for another voice, so it is used without a band only.
    several = cells.several if is_alone(cells) else None
    if prints.back_ends:
        parting = part(prints.asked(cells.vectors), voiced_cells(cells), prints.singers, several)
    else:
        vectors = unit(cells.vectors.mean(1))
        parting = part(vectors, voiced_cells(cells), np.zeros((0, 0), np.float32), several)
    count = len(parting.means)
    if not count:
        return SongTimeline()
    judged = [whole] if count == 1 else _judged(prints, rule, parting, cells, refused)
    named = _named(judged, whole, said)
    # Strangers are numbered by their voice here, and below by when they sing.
    places, sure = np.empty(count, np.int64), dict[int, float]()
    for voice in range(count):
        likeliest_known = float(judged[voice].probabilities.max(initial=0))
        place, probability = named.get(voice, (-1 - voice, 1 - likeliest_known))
        places[voice] = place
        sure[place] = max(sure.get(place, 0.0), probability)
    turns = tuple(turns_of(parting, cells, places, heard.seconds))
    order = dict.fromkeys(who for turn in turns for who in turn.who if who < 0)
    called = {place: -1 - number for number, place in enumerate(order)}
    return SongTimeline(
        tuple(replace(turn, who=tuple(called.get(who, who) for who in turn.who)) for turn in turns),
        {called.get(place, place): chance for place, chance in sure.items() if place >= 0 or place in called},
    )


def is_alone(cells: HeardCells) -> bool:
    """Whether the voice is without accompaniment.

    A band fills the pauses of a voice. So a sound with many pauses is a voice alone.
    """
    heard = np.flatnonzero(cells.sounds)
    return bool(len(heard)) and 1 - len(heard) / (1 + heard[-1] - heard[0]) >= _MANY_PAUSES


def voiced_cells(cells: HeardCells) -> NDArray[np.bool_]:
    """Whether somebody sings in each cell, (L,), smoothed so that single cells change nothing."""
    sung = np.clip(cells.sung.astype(np.float64), 1e-6, 1 - 1e-6)
    odds = np.clip(np.log(sung / (1 - sung)), -_SUREST, _SUREST)
    if is_alone(cells):
        odds += _ALONE
    # The network's output for silence means nothing.
    tenths = round(cells.seconds / TENTH)
    sounds = np.zeros(len(odds) * tenths, np.bool_)
    sounds[: len(cells.sounds)] = cells.sounds[: len(sounds)]
    odds[~sounds.reshape(-1, tenths).any(1)] = -_SUREST
    return np.asarray(likeliest(np.stack((-odds / 2, odds / 2), axis=1), _CHANGE, _LEAST) == 1)


def _judged(
    prints: Voiceprints, rule: Rule, parting: Parting, cells: HeardCells, refused: frozenset[int]
) -> list[Judgement]:
    """The library's decision on each voice by itself.

    Each voice is another chance of a false name, so the threshold is raised by the log of their number.
    """
    count = len(parting.means)
    careful = replace(rule, threshold=rule.needed + float(np.log(count)))
    found = []
    for voice in range(count):
        own = parting.states == voice
        if not own.any():  # it sings only together with other voices
            own = np.isin(
                parting.states, len(parting.means) + np.flatnonzero((parting.pairs == voice).any(1))
            )
        vectors = unit(cells.vectors[own].mean(0))
        found.append(judge(prints, careful, vectors, float(own.sum()) * cells.seconds, refused))
    return found


def _named(judged: Sequence[Judgement], whole: Judgement, said: int | None) -> dict[int, tuple[int, float]]:
    """(place of the singer, probability) of each voice that has a name.

    Args:
        judged: the decision on each voice.
        whole: the decision on the song as a whole.
        said: place of the singer that a person has named.
    """
    named: dict[int, tuple[int, float]] = {}
    if said is None:
        for voice, own in enumerate(judged):
            if own.decision == "known" and own.best is not None:
                named[voice] = own.best, own.probability
    main, sure = (said, 1.0) if said is not None else (whole.best, whole.probability)
    if said is None and whole.decision != "known":
        main = None
    if main is not None and main not in {place for place, _ in named.values()}:
        free = [voice for voice in range(len(judged)) if voice not in named]
        if free:
            named[max(free, key=lambda voice: _score(judged[voice], main))] = main, sure
    places = {place for place, _ in named.values()}
    for voice, own in enumerate(judged):
        if voice not in named and own.best in places and own.probabilities[own.best] >= _SAME_GUESS:
            named[voice] = own.best, float(own.probabilities[own.best])
    return named


def _score(judged: Judgement, place: int) -> float:
    """The score for a singer; the same for all voices if the singer has no recording."""
    return float(np.nan_to_num(judged.scores[place], nan=-1.0)) if place < len(judged.scores) else 0.0
