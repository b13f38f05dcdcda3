"""Training material for hearing voices: windows of sound, and the share of each cell that is sung.

Everything is synthetic: voices and bands of the synthetic corpus (`singerid.data.synthetic`) with their true
stems, the instruments of `voice.instruments`, noise and silence.

Letters in shapes: N samples of a window, L cells of a window.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from singerid.config import CorpusConfig
from singerid.data.synthetic import draw_corpus
from singerid.data.synthetic.studio import Stems, render
from voice.effects import changed, noise
from voice.instruments import RATE, Array, Random, distorted, ensemble, level

SECONDS = 3.0
SAMPLES = round(SECONDS * RATE)  # N
CELL = RATE // 4  # samples
_ACTIVE_DB = -32.0  # relative to the voice's loudest moment; anything softer is a rest, or an echo
HOP = 160  # samples; for each hop, a voice is present or not
_VOICE_OVER_BAND_DB = (-9.0, 15.0)


@dataclass(frozen=True, eq=False)
class Example:
    """A window of sound (N,), full scale +-1, and the share of each cell that is sung (L,)."""

    sound: Array
    sung: Array


def songs(singers: int, seed: int) -> list[Stems]:
    """One song of 20 s by each singer of the synthetic corpus with this seed."""
    corpus = draw_corpus(CorpusConfig(singers=singers, albums=1, songs=1, seconds=20, seed=seed))
    return [render(song) for song in corpus.songs]


def examples(stems: Sequence[Stems], count: int, rng: Random) -> Iterator[Example]:
    """Yield `count` windows: half with a voice, half without; some of those without are almost silent."""
    for _ in range(count):
        kind = rng.random()
        if kind < 0.04:
            yield _empty(rng)
            continue
        voice, sung = (_voice(stems, rng)) if kind < 0.54 else (None, np.zeros(SAMPLES // CELL, np.float32))
        sound = np.zeros(SAMPLES, np.float32)
        if voice is None or rng.random() < 0.88:
            sound = _band(stems, rng)
        if voice is not None:
            voice = level(voice, rng.uniform(*_VOICE_OVER_BAND_DB)) if sound.any() else level(voice)
            sound = sound + voice
        sound = changed(rng, sound)
        peak = float(np.abs(sound).max()) or 1.0
        yield Example((sound * (10 ** (rng.uniform(-30, 0) / 20) / peak)).astype(np.float32), sung)


def _empty(rng: Random) -> Example:
    """Silence, noise, a constant, a hum or clicks: the content of a file where nothing plays."""
    sound = np.zeros(SAMPLES, np.float32)
    if rng.random() < 0.5:
        sound += noise(rng, SAMPLES) * 10 ** rng.uniform(-5, -1)
    if rng.random() < 0.3:
        sound += rng.uniform(-0.5, 0.5)
    if rng.random() < 0.3:
        sound[rng.integers(0, SAMPLES, rng.integers(1, 4))] += rng.uniform(-1, 1)
    if rng.random() < 0.3:
        time = np.arange(SAMPLES) / RATE
        sound += 10 ** rng.uniform(-4, -1) * np.sin(2 * np.pi * rng.choice([50, 60, 100, 120]) * time)
    return Example(sound.astype(np.float32), np.zeros(SAMPLES // CELL, np.float32))


def _band(stems: Sequence[Stems], rng: Random) -> Array:
    """A band of the corpus, our own instruments, or both."""
    kind = rng.random()
    total = np.zeros(SAMPLES, np.float32)
    if kind < 0.35:
        total += level(_cut(stems[rng.integers(len(stems))].accompaniment, rng, rng.uniform(0.8, 1.25)))
    if kind > 0.25:
        total += level(ensemble(rng, SAMPLES), rng.uniform(-3, 3))
    return level(total)


def _voice(stems: Sequence[Stems], rng: Random) -> tuple[Array, Array]:
    """One voice or several at once, higher, lower or rougher; and the share of each cell that is sung."""
    total = np.zeros(SAMPLES, np.float32)
    voices = rng.choice([1, 1, 1, 1, 2, 3])
    for _ in range(voices):
        faster = float(np.exp(rng.uniform(np.log(0.75), np.log(1.8))))
        total += _cut(stems[rng.integers(len(stems))].vocals, rng, faster)
    if not total.any():
        return total, np.zeros(SAMPLES // CELL, np.float32)
    active = active_in(total)
    sung = active.reshape(-1, CELL // HOP).mean(1)
    if rng.random() < 0.25:  # shouted, or through a telephone
        total = distorted(rng, total) * active.repeat(HOP)
    return total, sung.astype(np.float32)


def _cut(sound: Array, rng: Random, faster: float) -> Array:
    """A window from anywhere in a sound, played faster (and so higher) or slower."""
    length = int(SAMPLES * faster) + 2
    first = int(rng.integers(0, max(1, len(sound) - length)))
    piece = sound[first : first + length]
    at = np.arange(SAMPLES) * faster
    return np.interp(at, np.arange(len(piece)), piece, right=0).astype(np.float32)


def active_in(voice: Array) -> NDArray[np.bool_]:
    """Whether a voice is present in each 10 ms of its stem (samples,), which is a multiple of 10 ms long."""
    energy = np.square(voice).reshape(-1, HOP).sum(1)
    return np.asarray(energy > energy.max() * 10 ** (_ACTIVE_DB / 10))


def sung_share(voice: Array) -> Array:
    """The share of each whole cell of a vocals stem (samples,) that is sung; (L,)."""
    active = active_in(voice[: len(voice) // CELL * CELL])
    return active.reshape(-1, CELL // HOP).mean(1).astype(np.float32)
