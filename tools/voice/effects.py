"""Effects that change recorded music: rooms, equalisers, compressors, narrow bands, noise.

Letters in shapes: N samples.
"""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import fftconvolve

from voice.instruments import RATE, Array, Random, level


def changed(rng: Random, sound: Array) -> Array:
    """A sound (N,) after some effects, chosen at random."""
    if rng.random() < 0.5:
        sound = _in_a_room(rng, sound)
    sound = _equalised(rng, sound)
    if rng.random() < 0.3:
        sound = np.tanh(level(sound, rng.uniform(-6, 9)))  # a limiter
    if rng.random() < 0.5:
        sound = level(sound) + noise(rng, len(sound)) * np.float32(10 ** rng.uniform(-3.5, -0.7))
    return sound.astype(np.float32)


def noise(rng: Random, samples: int) -> Array:
    """Noise (samples,), RMS 1, between white and brown."""
    spectrum = rfft(rng.standard_normal(samples))
    spectrum /= np.arange(1, len(spectrum) + 1) ** rng.uniform(0, 1)
    return level(irfft(spectrum, samples))


def _in_a_room(rng: Random, sound: Array) -> Array:
    seconds = rng.uniform(0.1, 1.5)
    time = np.arange(round(seconds * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * np.exp(-6.9 * time / seconds)
    tail *= 10 ** (rng.uniform(-20, -2) / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(fftconvolve(sound, tail)[: len(sound)], np.float32)


def _equalised(rng: Random, sound: Array) -> Array:
    """A different gain of up to about 10 dB in each frequency region; sometimes a low-pass or high-pass."""
    size = next_fast_len(len(sound), real=True)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    octaves = np.log2(np.maximum(hertz, 20) / 20)
    gains = rng.normal(0, 4, 10)
    decibels = np.interp(octaves, np.arange(10) * 8.7 / 9, gains)
    if rng.random() < 0.4:  # as after a codec, a telephone or a small loudspeaker
        decibels -= 80 * np.clip(np.log2(np.maximum(hertz, 1) / rng.uniform(2500, 7500)) * 4, 0, 1)
    if rng.random() < 0.2:
        decibels -= 60 * np.clip(np.log2(rng.uniform(60, 350) / np.maximum(hertz, 1)), 0, 1)
    return np.asarray(irfft(rfft(sound, size) * 10 ** (decibels / 20), size)[: len(sound)], np.float32)
