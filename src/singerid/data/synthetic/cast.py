"""Who sings what: singers, their albums and songs, each drawn from a seed of its own.

Every number is drawn from a stream keyed by (seed, singer, album, song), so a song stays the same
however many other songs there are.
"""

import re
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from singerid.config import CorpusConfig
from singerid.errors import SingeridError

SAMPLE_RATE = 16_000  # Hz
BEATS_PER_BAR = 4

# The cast: singers come in groups of eight, each group with two pairs of near twins.
GROUP = 8
TWINS = ((2, 3), (6, 7))  # positions in a group; the second is the near twin of the first
TRACT_RANGE = (0.855, 1.175)  # vocal-tract length relative to 17.5 cm
TRACT_STEP = 1.042  # smallest ratio of two lengths in a group; near twins differ by exactly this

# Ranges that all singers share: a melody, a tempo or a level tells nothing about who sings.
TEMPO = (76.0, 132.0)  # beats per minute
CENTRE = (50.0, 60.0)  # MIDI pitch around which a melody moves
VOICE_OVER_BAND_DB = (0.0, 6.0)
LEVEL_DB = (-28.0, -18.0)  # RMS of the mixture relative to full scale
SILENT_SHARE = (0.26, 0.29)  # share of a song in which nothing is voiced
LENGTH = (0.9, 1.1)  # duration relative to CorpusConfig.seconds, before rounding to whole bars

MOST = 99  # singers, albums, songs: two digits in a name
LONGEST_SECONDS = 600.0


class Purpose(IntEnum):
    """What a random stream is for, so that drawing for one purpose never changes another."""

    CAST = 0
    ALBUM = 1
    SONG = 2
    SCORE = 3
    VOICE = 4
    BAND = 5
    ROOM = 6
    DUET = 7


def stream(seed: int, purpose: Purpose, *key: int) -> np.random.Generator:
    """Return the random generator of one singer, album or song for one purpose."""
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(purpose, *key)))


@dataclass(frozen=True)
class Singer:
    """A vocal tract and its habits; nothing here says how high, how loud or what the singer sings."""

    name: str
    near_twin: str  # name of the near twin, "" for none
    tract: float  # vocal-tract length relative to 17.5 cm: formants are divided by it
    formant_offsets: tuple[float, float, float]  # of F3, F4, F5, relative
    bandwidth: float  # of all formants, relative
    tilt_db: float  # of the voice source, dB per octave, radiation from the lips included
    fundamental: float  # strength of the first harmonic beyond the tilt, as a factor
    breath_db: float  # aspiration noise relative to the voiced source
    vibrato_hz: float
    vibrato_cents: float  # largest deviation from the note
    glide_seconds: float  # from one pitch to the next
    scoop: float  # semitones below the first note of a phrase from which the voice starts
    articulation_seconds: float  # from one vowel or consonant to the next


@dataclass(frozen=True)
class Album:
    """One session: tempo, equaliser and room; its instruments are drawn from its stream."""

    name: str
    key: tuple[int, int]  # (singer, album), counted from 0
    tempo: float  # beats per minute
    tilt_db: float  # of the equaliser, high against low frequencies
    bells: tuple[tuple[float, float], ...]  # of the equaliser: (frequency in Hz, gain in dB)
    reverberation_seconds: float  # until the room is 60 dB down
    room_db: float  # reflections relative to the direct sound


@dataclass(frozen=True)
class Song:
    """One track: everything `render` needs, and nothing else."""

    name: str
    singer: Singer
    album: Album
    seed: int
    number: int  # within the album, counted from 0
    bars: int
    bar_samples: int
    loop_bars: int  # the band repeats exactly after this many
    centre: float  # MIDI pitch
    silent_share: float
    voice_over_band_db: float
    level_db: float

    @property
    def path(self) -> str:
        """Singer, album and song with slashes between, without a suffix."""
        return f"{self.singer.name}/{self.album.name}/{self.name}"

    @property
    def samples(self) -> int:
        """Length in samples: a whole number of bars."""
        return self.bars * self.bar_samples

    def stream(self, purpose: Purpose) -> np.random.Generator:
        """Return this song's own random generator for `purpose`."""
        return stream(self.seed, purpose, *self.album.key, self.number)

    def album_stream(self, purpose: Purpose) -> np.random.Generator:
        """Return the generator that all songs of the album share for `purpose`."""
        return stream(self.seed, purpose, *self.album.key)


@dataclass(frozen=True)
class Corpus:
    """A drawn corpus; nothing is rendered yet."""

    config: CorpusConfig
    songs: tuple[Song, ...]  # sorted by path

    def describe(self) -> dict[str, Any]:
        """Return the cast as JSON-ready data: each singer's traits, and each album's."""
        singers = {song.singer.name: song.singer for song in self.songs}
        albums = {(song.singer.name, song.album.name): song.album for song in self.songs}
        return {
            "singers": [asdict(singer) for singer in singers.values()],
            "albums": [
                {"singer": singer} | {k: v for k, v in asdict(album).items() if k != "key"}
                for (singer, _), album in albums.items()
            ],
        }


def bar_seconds(tempo: float) -> float:
    """Return how long a bar lasts at `tempo` beats per minute.

    >>> bar_seconds(120)
    2.0
    """
    return BEATS_PER_BAR * 60.0 / tempo


def draw_corpus(config: CorpusConfig) -> Corpus:
    """Draw singers, albums and songs; the same settings give the same corpus.

    Raises:
        SingeridError: a setting that no corpus can have.
    """
    check(config)
    songs = []
    for i in range(config.singers):
        singer = draw_singer(config.seed, i)
        if singer.near_twin > _singer_name(config.singers - 1):
            singer = replace(singer, near_twin="")  # the twin is not part of this corpus
        for j in range(config.albums):
            album = draw_album(config.seed, i, j)
            songs += [draw_song(config, singer, album, n) for n in range(config.songs)]
    return Corpus(config, tuple(songs))


def check(config: CorpusConfig) -> None:
    """Raise SingeridError for a setting that no corpus can have."""
    for name in ("singers", "albums", "songs"):
        if not 1 <= getattr(config, name) <= MOST:
            raise SingeridError(f"`{name}={getattr(config, name)}`: choose 1 to {MOST}")
    bar = bar_seconds(TEMPO[0])
    if not np.ceil(bar) <= config.seconds <= LONGEST_SECONDS:  # false for NaN too
        raise SingeridError(
            f"`seconds={config.seconds:g}`: choose {np.ceil(bar):g} to {LONGEST_SECONDS:g} "
            f"(one bar at the slowest tempo lasts {bar:.1f} s)"
        )
    if config.seed < 0:
        raise SingeridError(f"`seed={config.seed}`: choose 0 or more")


def draw_singer(seed: int, index: int) -> Singer:
    """Draw one singer of the unlimited cast of `seed`.

    Singers come in groups of eight. Each group spreads evenly over the range of vocal-tract lengths
    and of every other trait, in random order; the near twin has a tract 4.2 % longer and otherwise
    almost the same traits.
    """
    group, position = divmod(index, GROUP)
    rng = stream(seed, Purpose.CAST, group)
    twin_of = {b: a for a, b in TWINS}
    bodies = [p for p in range(GROUP) if p not in twin_of]
    lengths = _tract_lengths(rng, bodies)

    def spread(low: float, high: float) -> dict[int, float]:
        """One value for each body, evenly spread in random order; a twin's is moved by 8 % of the range."""
        steps = (rng.permutation(len(bodies)) + rng.uniform(0.2, 0.8, len(bodies))) / len(bodies)
        value = dict(zip(bodies, (low + (high - low) * steps).tolist(), strict=True))
        for twin, body in twin_of.items():
            value[twin] = value[body] + (high - low) * 0.08 * float(rng.choice((-1.0, 1.0)))
        return value

    offsets = (spread(-0.08, 0.08), spread(-0.06, 0.06), spread(-0.09, 0.09))
    bandwidth, tilt = spread(0.7, 1.25), spread(-6.3, -4.5)
    fundamental, breath = spread(0.0, 0.9), spread(-34.0, -13.0)
    rate, depth = spread(5.0, 6.2), spread(30.0, 50.0)
    glide, scoop, articulation = spread(0.06, 0.11), spread(0.3, 1.1), spread(0.05, 0.11)
    partner = dict(TWINS) | twin_of
    return Singer(
        name=_singer_name(index),
        near_twin=_singer_name(group * GROUP + partner[position]) if position in partner else "",
        tract=lengths[position],
        formant_offsets=(offsets[0][position], offsets[1][position], offsets[2][position]),
        bandwidth=bandwidth[position],
        tilt_db=tilt[position],
        fundamental=fundamental[position],
        breath_db=breath[position],
        vibrato_hz=rate[position],
        vibrato_cents=depth[position],
        glide_seconds=glide[position],
        scoop=scoop[position],
        articulation_seconds=articulation[position],
    )


def is_synthetic(path: str) -> bool:
    """Whether a track's path is one that `write_corpus` writes, so that its singer is not a person.

    >>> is_synthetic("singer-01/album-02/song-03.flac"), is_synthetic("Nina Simone/song-03.flac")
    (True, False)
    """
    return re.fullmatch(r"singer-\d{2}/album-\d{2}/song-\d{2}\.flac", path) is not None


def _singer_name(index: int) -> str:
    return f"singer-{index + 1:02d}"


def _tract_lengths(rng: np.random.Generator, bodies: list[int]) -> dict[int, float]:
    """Cover TRACT_RANGE by geometric steps: TRACT_STEP within near twins, equal ones between the others."""
    low, high = TRACT_RANGE
    between = (high / low / TRACT_STEP ** len(TWINS)) ** (1 / (len(bodies) - 1))
    twins = dict(TWINS)
    lengths, length = {}, low
    for body in rng.permutation(bodies).tolist():
        lengths[body] = length
        if body in twins:
            length *= TRACT_STEP
            lengths[twins[body]] = length
        length *= between
    return lengths


def draw_album(seed: int, singer: int, album: int) -> Album:
    """Draw one album; singers and albums are counted from 0."""
    rng = stream(seed, Purpose.ALBUM, singer, album)
    return Album(
        name=f"album-{album + 1:02d}",
        key=(singer, album),
        tempo=rng.uniform(*TEMPO),
        tilt_db=rng.uniform(-6.0, 6.0),
        bells=tuple(
            (centre * 2 ** rng.uniform(-0.7, 0.7), rng.uniform(-2.0, 2.0))
            for centre in (300.0, 1200.0, 3600.0)
        ),
        reverberation_seconds=rng.uniform(0.2, 0.9),
        room_db=rng.uniform(-18.0, -9.0),
    )


def draw_song(config: CorpusConfig, singer: Singer, album: Album, number: int) -> Song:
    """Draw one song of an album; songs are counted from 0."""
    rng = stream(config.seed, Purpose.SONG, *album.key, number)
    tempo = float(np.clip(album.tempo * rng.uniform(0.97, 1.03), *TEMPO))
    bar = round(bar_seconds(tempo) * SAMPLE_RATE)
    return Song(
        name=f"song-{number + 1:02d}",
        singer=singer,
        album=album,
        seed=config.seed,
        number=number,
        bars=max(1, round(config.seconds * rng.uniform(*LENGTH) * SAMPLE_RATE / bar)),
        bar_samples=bar,
        loop_bars=int(rng.integers(2, 5)),
        centre=rng.uniform(*CENTRE),
        silent_share=rng.uniform(*SILENT_SHARE),
        voice_over_band_db=rng.uniform(*VOICE_OVER_BAND_DB),
        level_db=rng.uniform(*LEVEL_DB),
    )
