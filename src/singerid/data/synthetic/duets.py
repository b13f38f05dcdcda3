"""Duets of the corpus's singers: one song, one band, one room, two voices that take turns or sing at once.

Both sing the song's score. In a turn, one singer sings the melody. Where both sing, one has the melody, and
the other sings the same words a third above it in the song's scale, an octave away from it (towards the
middle of the voices' range), or in unison: always the same within a duet. Both voices are equally loud. Their
consonants and vowels coincide exactly, while glides, vibrato and breath are each singer's own.
"""

from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from singerid.config import CorpusConfig, DuetConfig
from singerid.data.synthetic.cast import (
    CENTRE,
    MOST,
    Purpose,
    Singer,
    Song,
    check,
    draw_album,
    draw_singer,
    draw_song,
    stream,
)
from singerid.data.synthetic.score import Note, Score, compose
from singerid.data.synthetic.studio import heard_band, heard_voice, mixed
from singerid.data.synthetic.turns import Both, Part, take_turns
from singerid.errors import SingeridError

Array = npt.NDArray[np.float32]

MOST_OVERLAP = 0.6
LEAST_SECONDS = 15.0  # a song must hold a turn of each singer, and one that both sing
OWN_ALBUMS = MOST  # in place of a singer's number, which is always lower: no singer's album holds a duet


@dataclass(frozen=True)
class Duet:
    """One song of two singers; nothing is rendered yet.

    Attributes:
        name: name of its files.
        song: band, key, tempo, room; its singer is the first of the two.
        singers: the two singers.
        overlap: share of the sung time in which both shall sing.
        both: how they sing together.
    """

    name: str
    song: Song
    singers: tuple[Singer, Singer]
    overlap: float
    both: Both

    @property
    def path(self) -> str:
        """Its name in the paths of its files."""
        return self.name

    def parts(self, score: Score) -> tuple[Part, ...]:
        """Who sings which notes of its score."""
        return take_turns(self.song.stream(Purpose.DUET), score.notes, self.overlap)

    def describe(self) -> dict[str, Any]:
        """Return who sings which part, as JSON-ready data."""
        score = compose(self.song)
        names = [singer.name for singer in self.singers]
        parts = [
            {
                "start_s": round(score.notes[part.first].start, 3),
                "end_s": round(score.notes[part.end - 1].end, 3),
                "singers": [names[voice] for voice in part.voices],
            }
            for part in self.parts(score)
        ]
        return {"name": self.name, "singers": names, "both": self.both, "parts": parts}


@dataclass(frozen=True)
class DuetStems:
    """A rendered duet: 16 kHz, one channel, multiples of 2 ** -15 in [-1, 1)."""

    voices: tuple[Array, Array]  # (N,) each, in the order of the duet's singers
    accompaniment: Array  # (N,)

    @property
    def vocals(self) -> Array:
        """Both voices together, exactly; (N,)."""
        return self.voices[0] + self.voices[1]

    @property
    def mixture(self) -> Array:
        """Vocals and accompaniment together, exactly; (N,)."""
        return self.vocals + self.accompaniment


def draw_duets(corpus: CorpusConfig, config: DuetConfig) -> tuple[Duet, ...]:
    """Draw duets by the singers of a corpus; the same settings give the same duets.

    The two singers of a duet are never near twins. A duet does not depend on how many others are made.

    Raises:
        SingeridError: a setting that no corpus or duet can have.
    """
    check(corpus)
    if not 1 <= config.duets <= MOST:
        raise SingeridError(f"`duets={config.duets}`: choose 1 to {MOST}")
    if not 0 <= config.overlap <= MOST_OVERLAP:  # false for NaN too
        raise SingeridError(f"`overlap={config.overlap:g}`: choose 0 (turns only) to {MOST_OVERLAP:g}")
    if corpus.singers < 2:
        raise SingeridError(f"`singers={corpus.singers}`: duets need 2 or more")
    if corpus.seconds < LEAST_SECONDS:
        raise SingeridError(
            f"`seconds={corpus.seconds:g}`: choose {LEAST_SECONDS:g} or more, for duets hold several turns"
        )
    cast = [draw_singer(corpus.seed, index) for index in range(corpus.singers)]
    return tuple(_draw_duet(corpus, config, cast, number) for number in range(config.duets))


def _draw_duet(corpus: CorpusConfig, config: DuetConfig, cast: list[Singer], number: int) -> Duet:
    album = draw_album(corpus.seed, OWN_ALBUMS, number)
    rng = stream(corpus.seed, Purpose.DUET, OWN_ALBUMS, number)
    first = cast[int(rng.integers(len(cast)))]
    others = [singer for singer in cast if singer.name not in (first.name, first.near_twin)]
    second = others[int(rng.integers(len(others)))]
    both: Both = get_args(Both)[int(rng.integers(len(get_args(Both))))]
    song = draw_song(corpus, first, album, 0)
    return Duet(f"duet-{number + 1:02d}", song, (first, second), config.overlap, both)


def render_duet(duet: Duet) -> DuetStems:
    """Render one duet; the same duet gives the same samples on the same machine."""
    score = compose(duet.song)
    parts = duet.parts(score)
    voices = []
    for number, singer in enumerate(duet.singers):
        # A number of its own gives each voice its own randomness: the two never waver together.
        own = replace(duet.song, singer=singer, number=number)
        voices.append(heard_voice(own, _sung_by(number, parts, score, duet))[0])
    first, second, band = mixed(duet.song, heard_band(duet.song, score), *voices)
    return DuetStems((first, second), band)


def _sung_by(voice: int, parts: tuple[Part, ...], score: Score, duet: Duet) -> Score:
    """The score with only the notes of one voice."""
    notes: list[Note] = []
    for part in parts:
        if voice not in part.voices:
            continue
        for at, note in enumerate(score.notes[part.first : part.end]):
            joins = at == 0 and (not notes or notes[-1].end < note.start)
            pitch = note.pitch if voice == part.voices[0] else _second_pitch(note.pitch, score, duet)
            notes.append(replace(note, pitch=pitch, opens_phrase=note.opens_phrase or joins))
    return replace(score, notes=tuple(notes))


def _second_pitch(pitch: float, score: Score, duet: Duet) -> float:
    """MIDI pitch of the second singer, while the first sings the melody at `pitch`."""
    if duet.both == "unison":
        return pitch
    if duet.both == "octave":
        return pitch + (12 if duet.song.centre < sum(CENTRE) / 2 else -12)
    above = [pitch + step for step in range(1, 13) if (pitch + step) % 12 in score.scale]
    return above[1]
