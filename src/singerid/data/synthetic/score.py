"""What is sung: phrases of notes with consonants and vowels, drawn alike for all singers."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from singerid.data.synthetic.cast import BEATS_PER_BAR, SAMPLE_RATE, Purpose, Song

MAJOR = np.array([0, 2, 4, 5, 7, 9, 11])
MINOR = np.array([0, 2, 3, 5, 7, 8, 10])
RANGE = 8.0  # semitones that a melody may move away from its centre
PHRASE_BARS = 2

# Formants F1, F2, F3 in Hz of a vocal tract of 17.5 cm, as sung: a little closer together than in speech.
VOWELS = np.array(
    [
        (380, 2050, 2750),  # i
        (480, 1880, 2560),  # e
        (590, 1700, 2500),  # ɛ
        (740, 1300, 2500),  # a
        (620, 1050, 2480),  # ɔ
        (500, 980, 2450),  # o
        (420, 1080, 2350),  # u
        (550, 1450, 2480),  # ə
    ],
    dtype=np.float64,
)


@dataclass(frozen=True)
class Consonant:
    """How a syllable begins. Levels are factors, relative to the voice or the noise of a full vowel."""

    name: str
    share: float  # of all syllables
    seconds: tuple[float, float]  # shortest, longest
    voice: float = 0.0  # 0: unvoiced, F0 is 0
    noise: float = 0.0
    noise_hz: float = 0.0  # centre of the noise for a tract of 17.5 cm
    closed_share: float = 0.0  # of the duration, silent before the noise
    formants: tuple[float, float, float] = (0.0, 0.0, 0.0)  # Hz; zeros: those of the vowel


CONSONANTS = (
    Consonant("vowel", 0.20, (0.0, 0.0), voice=1.0),
    Consonant("nasal", 0.22, (0.05, 0.09), voice=0.30, formants=(280.0, 1150.0, 2300.0)),
    Consonant("liquid", 0.20, (0.05, 0.08), voice=0.55, formants=(370.0, 1150.0, 2500.0)),
    Consonant("voiced stop", 0.16, (0.04, 0.06), voice=0.10, formants=(260.0, 1450.0, 2500.0)),
    Consonant("stop", 0.11, (0.05, 0.08), noise=0.35, noise_hz=2800.0, closed_share=0.65),
    Consonant("sibilant", 0.11, (0.06, 0.10), noise=0.22, noise_hz=4800.0),
)
_SHARES = np.array([consonant.share for consonant in CONSONANTS])

NOTE_BEATS = (0.5, 1.0, 1.5, 2.0)
NOTE_SHARES = (0.60, 0.28, 0.06, 0.06)
SHORTEST_NOTE = 0.16  # seconds


@dataclass(frozen=True)
class Note:
    """One syllable: a consonant, then a vowel, on one pitch."""

    start: float  # seconds
    end: float
    pitch: float  # MIDI
    vowel: int  # row of VOWELS
    consonant: int  # index into CONSONANTS
    consonant_seconds: float
    effort: float  # 0 soft to 1 loud
    opens_phrase: bool


@dataclass(frozen=True)
class Score:
    """A melody with its words, and the harmony under it."""

    notes: tuple[Note, ...]
    chords: npt.NDArray[np.int64]  # (loop_bars, 3) pitch classes, root first
    scale: npt.NDArray[np.int64]  # (7,) pitch classes, the tonic first


def unvoiced_seconds(note: Note) -> float:
    """Return how long the note's consonant is without voice."""
    return 0.0 if CONSONANTS[note.consonant].voice else note.consonant_seconds


def compose(song: Song) -> Score:
    """Compose the melody of a song; the share without voice is the one that the song states."""
    rng = song.stream(Purpose.SCORE)
    scale = (int(rng.integers(12)) + (MAJOR if rng.random() < 0.6 else MINOR)) % 12
    degrees = _progression(rng, song.loop_bars)
    chords = scale[(degrees[:, None] + np.array([0, 2, 4])) % 7]
    pitches = _singable(scale, song.centre)
    bar = song.bar_samples / SAMPLE_RATE
    pitch = float(rng.choice(pitches))

    notes: list[Note] = []
    slot_ends: list[float] = []
    for first_bar, bars, sung in _phrases(rng, song):
        start = first_bar * bar
        for k, (onset, length) in enumerate(_rhythm(rng, sung, bar / BEATS_PER_BAR)):
            chord = chords[int((start + onset) / bar) % song.loop_bars]
            pitch = _next_pitch(rng, pitches, pitch, chord if k % 2 == 0 else None)
            kind = int(rng.choice(len(CONSONANTS), p=_SHARES))
            consonant = min(rng.uniform(*CONSONANTS[kind].seconds), length / 2)
            effort = float(
                np.clip(0.45 + 0.25 * np.sin(np.pi * onset / (bars * bar)) + rng.normal(0, 0.15), 0, 1)
            )
            notes.append(
                Note(
                    start=start + onset,
                    end=start + onset + length,
                    pitch=pitch,
                    vowel=int(rng.integers(len(VOWELS))),
                    consonant=kind,
                    consonant_seconds=consonant,
                    effort=effort,
                    opens_phrase=k == 0,
                )
            )
        slot_ends.append(start + bars * bar)
    return Score(_rest_exactly(notes, slot_ends), chords, scale)


def _progression(rng: np.random.Generator, bars: int) -> npt.NDArray[np.int64]:
    """Degrees of the scale, one per bar: the tonic, then those that pop songs use most."""
    return np.concatenate([[0], rng.choice([0, 3, 4, 5, 1], size=bars - 1)]).astype(np.int64)


def _singable(scale: npt.NDArray[np.int64], centre: float) -> npt.NDArray[np.float64]:
    """MIDI pitches of the scale within RANGE of `centre`."""
    pitches = np.arange(np.ceil(centre - RANGE), centre + RANGE)
    return pitches[np.isin(pitches % 12, scale)]


def _next_pitch(
    rng: np.random.Generator,
    pitches: npt.NDArray[np.float64],
    last: float,
    chord: npt.NDArray[np.int64] | None,
) -> float:
    """Draw the next pitch: rather near `last`, near the middle of the range, and in `chord` if given."""
    middle = (pitches[0] + pitches[-1]) / 2
    weights = np.exp(-np.abs(pitches - last) / 2.5 - ((pitches - middle) / RANGE) ** 2)
    if chord is not None:
        weights[~np.isin(pitches % 12, chord)] *= 0.15
    return float(rng.choice(pitches, p=weights / weights.sum()))


def _phrases(rng: np.random.Generator, song: Song) -> list[tuple[int, int, float]]:
    """(first bar, bars, seconds sung) of each phrase; the band is alone in some bars and between phrases."""
    bar = song.bar_samples / SAMPLE_RATE
    alone = int(0.4 * song.silent_share * song.bars)  # bars: an introduction, then breaks
    silent = {0} if alone else set()
    if alone > 1:
        silent |= set(
            rng.choice(np.arange(3, song.bars), size=min(alone - 1, song.bars - 3), replace=False).tolist()
        )

    slots: list[tuple[int, int]] = []
    for b in range(song.bars):
        if b in silent:
            continue
        if slots and slots[-1][0] + slots[-1][1] == b and slots[-1][1] < PHRASE_BARS:
            slots[-1] = (slots[-1][0], slots[-1][1] + 1)
        else:
            slots.append((b, 1))
    rests = rng.uniform(0.6, 1.4, len(slots)) * [bars for _, bars in slots]
    rests *= (song.silent_share * song.bars - len(silent)) * bar / rests.sum()
    return [(first, bars, bars * bar - rest) for (first, bars), rest in zip(slots, rests, strict=True)]


def _rhythm(rng: np.random.Generator, seconds: float, beat: float) -> list[tuple[float, float]]:
    """(onset, duration) in seconds of the notes that fill a phrase; the last one takes what is left."""
    onsets = [0.0]
    while True:
        onset = onsets[-1] + float(rng.choice(NOTE_BEATS, p=NOTE_SHARES)) * beat
        if onset > seconds - max(SHORTEST_NOTE, beat / 2):
            break
        onsets.append(onset)
    return list(zip(onsets, np.diff([*onsets, seconds]).tolist(), strict=True))


def _rest_exactly(notes: list[Note], slot_ends: list[float]) -> tuple[Note, ...]:
    """Lengthen the last note of each phrase, to make up for the time of the unvoiced consonants.

    Every rest, up to the end of its phrase's bars, is shortened by the same share.
    """
    closing = [i for i in range(len(notes)) if i + 1 == len(notes) or notes[i + 1].opens_phrase]
    rests = [end - notes[i].end for i, end in zip(closing, slot_ends, strict=True)]
    share = sum(unvoiced_seconds(note) for note in notes) / sum(rests)
    for i, rest in zip(closing, rests, strict=True):
        notes[i] = replace(notes[i], end=notes[i].end + share * rest)
    return tuple(notes)
