"""Instruments that may be mistaken for a voice: they glide, have vibrato, bend, and play singable melodies.

Only a voice has resonances that move from vowel to vowel, and consonants; these instruments do not.

Letters in shapes: N samples.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

RATE = 16_000  # Hz
Array = NDArray[np.float32]
Random = np.random.Generator

SCALE = np.array([0, 2, 4, 5, 7, 9, 11])
_SMOOTHED = 400  # samples


def ensemble(rng: Random, samples: int) -> Array:
    """Several instruments together, (samples,), RMS 1."""
    parts = rng.choice(
        [melody, chords, riff, drums, drone], size=rng.integers(1, 5), p=[0.35, 0.25, 0.15, 0.2, 0.05]
    )
    key = int(rng.integers(12))
    beat = 60 / rng.uniform(60, 180)
    mixed = np.zeros(samples, np.float32)
    for part in parts:
        mixed += level(part(rng, samples, key, beat), rng.uniform(-10, 0))
    return level(mixed)


def melody(rng: Random, samples: int, key: int, beat: float) -> Array:
    """One melody line of a guitar, a fiddle, a horn or a synthesizer, in the range of voices and above."""
    onsets = _onsets(rng, samples, beat)
    pitches = _walk(rng, key, rng.uniform(45, 84), len(onsets))
    pitch = np.repeat(pitches, np.diff([*onsets, samples]))
    time = np.arange(samples) / RATE
    glide = int(rng.choice([1, 200, 800, 2400]))
    pitch = np.convolve(np.pad(pitch, (glide, 0), mode="edge"), np.ones(glide) / glide, "full")[
        glide : glide + samples
    ]
    if rng.random() < 0.6:  # vibrato, which may swell in each note
        depth = rng.uniform(0.05, 0.8)
        since = time - np.repeat(np.array(onsets) / RATE, np.diff([*onsets, samples]))
        swell = np.clip((since - rng.uniform(0, 0.4)) / 0.2, 0, 1)
        pitch = pitch + depth * swell * np.sin(2 * np.pi * rng.uniform(3.5, 7.5) * time)
    if rng.random() < 0.25:  # bends
        pitch = pitch + rng.uniform(0, 2) * np.clip(np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * time), 0, 1)
    sound = _source(rng, pitch) * _envelope(rng, onsets, samples)
    sound = body(rng, sound)
    if rng.random() < 0.15:  # a wah: a single resonance that moves
        sound = _wah(rng, sound)
    return distorted(rng, sound) if rng.random() < 0.4 else sound


def chords(rng: Random, samples: int, key: int, beat: float) -> Array:
    """Chords, plucked, struck or held."""
    onsets = _onsets(rng, samples, beat * rng.choice([1, 2, 4]))
    envelope = _envelope(rng, onsets, samples)
    lengths = np.diff([*onsets, samples])
    roots = rng.integers(0, 7, len(onsets))
    low = rng.uniform(40, 64)
    make = _source_kind(rng)
    total = np.zeros(samples, np.float32)
    for degree in (0, 2, 4, 7)[: rng.integers(2, 5)]:
        degrees = roots + degree
        pitches = key + SCALE[degrees % 7] + 12 * (degrees // 7)
        pitches = low + (pitches - low) % 12 + rng.normal(0, 0.04)
        total += make(np.repeat(pitches, lengths))
    sound = body(rng, total * envelope)
    return distorted(rng, sound) if rng.random() < 0.3 else sound


def riff(rng: Random, samples: int, key: int, beat: float) -> Array:
    """Fifths on a distorted guitar, or a bass."""
    onsets = _onsets(rng, samples, beat / 2)
    lengths = np.diff([*onsets, samples])
    low = rng.uniform(28, 48)
    pitches = low + (key + SCALE[rng.integers(0, 7, len(onsets))] - low) % 12
    pitch = np.repeat(pitches, lengths)
    total = _source(rng, pitch)
    if rng.random() < 0.6:
        total = total + _source(rng, pitch + 7)
    sound = body(rng, total * _envelope(rng, onsets, samples))
    return distorted(rng, sound) if rng.random() < 0.7 else sound


def drums(rng: Random, samples: int, key: int, beat: float) -> Array:
    """Drums and cymbals: bursts of noise and of falling tones."""
    total = np.zeros(samples, np.float32)
    for _ in range(rng.integers(1, 5)):
        seconds = rng.uniform(0.05, 1.2)
        time = np.arange(round(seconds * RATE)) / RATE
        sound = rng.standard_normal(len(time)) * np.exp(-time / (seconds / rng.uniform(2, 6)))
        low = rng.uniform(100, 5000)
        sound = sosfilt(
            butter(2, [low, min(7800, low * rng.uniform(1.5, 6))], "bandpass", fs=RATE, output="sos"), sound
        )
        if rng.random() < 0.5:
            tone = rng.uniform(45, 300)
            phase = 2 * np.pi * (tone * time - tone * 0.03 * np.exp(-time / 0.03))
            sound = sound + rng.uniform(0.2, 2) * np.sin(phase) * np.exp(-time / 0.12)
        step = beat * rng.choice([0.25, 0.5, 1, 2])
        for start in np.arange(rng.uniform(0, step), samples / RATE, step):
            if rng.random() < 0.85:
                first = int(start * RATE)
                piece = sound[: samples - first]
                total[first : first + len(piece)] += piece * rng.uniform(0.5, 1)
    return total


def drone(rng: Random, samples: int, key: int, beat: float) -> Array:
    """A tone that is held, or wind: noise in a band that wanders."""
    if rng.random() < 0.5:
        return body(rng, _source(rng, np.full(samples, rng.uniform(30, 70))))
    return _wah(rng, rng.standard_normal(samples).astype(np.float32))


def level(sound: Array, decibels: float = 0.0) -> Array:
    """The sound with an RMS of this many dB."""
    rms = np.sqrt(np.mean(np.square(sound, dtype=np.float64)))
    return np.asarray(sound * (10 ** (decibels / 20) / max(rms, 1e-9)), np.float32)


def body(rng: Random, sound: Array) -> Array:
    """The sound through an instrument's body, or a filter: resonances that do not move."""
    for _ in range(rng.integers(0, 4)):
        sound = _resonance(sound, rng.uniform(150, 4000), rng.uniform(1.5, 9), rng.uniform(0.3, 2.5))
    cut = float(np.exp(rng.uniform(np.log(600), np.log(7500))))
    return np.asarray(sosfilt(butter(rng.integers(1, 3), cut, fs=RATE, output="sos"), sound), np.float32)


def distorted(rng: Random, sound: Array) -> Array:
    """The sound through an overdriven amplifier and its loudspeaker."""
    driven = np.tanh(level(sound, rng.uniform(0, 30)) + rng.uniform(0, 0.4))
    band = [rng.uniform(60, 150), rng.uniform(2500, 6500)]
    return np.asarray(sosfilt(butter(2, band, "bandpass", fs=RATE, output="sos"), driven), np.float32)


def _resonance(sound: Array, centre: float, quality: float, gain: float) -> Array:
    angle, radius = 2 * np.pi * centre / RATE, np.exp(-np.pi * centre / quality / RATE)
    ringing = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], sound)
    return np.asarray(sound + gain * ringing * 4, np.float32)


def _wah(rng: Random, sound: Array) -> Array:
    """The sound through a band that moves: cross-faded between five frequencies."""
    time = np.arange(len(sound)) / RATE
    where = 2 + 2 * np.sin(2 * np.pi * rng.uniform(0.2, 4) * time + rng.uniform(0, 6))
    centres = rng.uniform(300, 500) * rng.uniform(1.2, 1.6) ** np.arange(5)
    total = np.zeros_like(sound)
    for k, centre in enumerate(centres):
        band = butter(1, [centre * 0.85, centre * 1.15], "bandpass", fs=RATE, output="sos")
        total += np.maximum(0, 1 - np.abs(where - k)).astype(np.float32) * sosfilt(band, sound).astype(
            np.float32
        )
    return total


def _onsets(rng: Random, samples: int, beat: float) -> list[int]:
    """Samples at which notes begin, the first at 0."""
    found, at = [0], 0.0
    while True:
        at += beat * rng.choice([0.25, 0.5, 0.5, 1, 1, 2])
        first = round(at * RATE)
        if first > samples - 800:
            return found
        found.append(max(first, found[-1] + 400))


def _walk(rng: Random, key: int, centre: float, count: int) -> NDArray[np.float64]:
    """Pitches (count,), MIDI, of a melody on a scale around `centre`."""
    degree = np.cumsum(rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 3], count))
    degree -= round(float(np.mean(degree)))
    pitches = key + SCALE[degree % 7] + 12 * (degree // 7)
    return pitches + 12 * round((centre - float(np.mean(pitches))) / 12) + rng.normal(0, 0.1)


def _source(rng: Random, pitch: NDArray[np.float64]) -> Array:
    return _source_kind(rng)(pitch)


def _source_kind(rng: Random) -> Callable[[NDArray[np.float64]], Array]:
    """An instrument: a function from pitches (N,), MIDI, to a tone."""
    kind = rng.choice(["saw", "square", "fm", "sines", "string"])
    index, ratio = rng.uniform(0.5, 6), rng.choice([0.5, 1, 1, 2, 3, 1.41])
    amplitudes = rng.uniform(0, 1, 8) / np.arange(1, 9) ** rng.uniform(0.5, 2)
    detune = rng.choice([0, 0.05, 0.12])
    noise = rng.choice([0, 0, 0.02, 0.1])

    def play(pitch: NDArray[np.float64]) -> Array:
        total = np.zeros(len(pitch))
        for offset in (0.0,) if detune == 0 else (-detune, detune):
            f0 = 440 * 2 ** ((pitch + offset - 69) / 12)
            phase = 2 * np.pi * (np.cumsum(f0) / RATE + rng.random())
            if kind == "fm":
                total += np.sin(phase + index * np.sin(ratio * phase))
            elif kind == "sines":
                total += sum(a * np.sin(k * phase) * (k * f0 < 7500) for k, a in enumerate(amplitudes, 1))
            else:
                pulses = _pulses(phase, f0)
                if kind == "square":
                    pulses = pulses - _pulses(phase + np.pi, f0)
                # Harmonics fall by 6 dB per octave, as for strings and reeds.
                total += lfilter([1], [1, -0.9 if kind == "string" else -0.97], pulses)
        total = total / max(1e-9, float(np.std(total)))
        return np.asarray(total + noise * rng.standard_normal(len(pitch)), np.float32)

    return play


def _pulses(phase: NDArray[np.float64], f0: NDArray[np.float64]) -> NDArray[np.float64]:
    """A tone of equal harmonics up to 7.5 kHz, in closed form."""
    half = np.sin(phase / 2)
    half = np.where(np.abs(half) < 1e-6, 1e-6, half)
    pulses: NDArray[np.float64] = (np.sin((np.floor(7500 / f0) + 0.5) * phase) / half - 1) / 2
    return pulses


def _envelope(rng: Random, onsets: list[int], samples: int) -> Array:
    """How notes begin and end: plucked, or held."""
    since = np.arange(samples) - np.repeat(onsets, np.diff([*onsets, samples]))
    attack = rng.uniform(0.002, 0.12) * RATE
    decay = np.inf if rng.random() < 0.4 else rng.uniform(0.1, 1.5) * RATE
    loud = np.repeat(rng.uniform(0.5, 1, len(onsets)), np.diff([*onsets, samples]))
    envelope = np.minimum(1, since / attack) * np.exp(-since / decay) * loud
    if rng.random() < 0.3:  # rests
        envelope *= np.repeat(rng.random(len(onsets)) < 0.8, np.diff([*onsets, samples]))
    kernel = np.ones(_SMOOTHED // 8) / (_SMOOTHED // 8)
    return np.asarray(np.convolve(envelope, kernel, "same"), np.float32)
