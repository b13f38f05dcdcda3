"""The studio: one album's room and equaliser over voice and band, and the mix of the two."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import lfilter

from singerid.data.synthetic.band import loop
from singerid.data.synthetic.cast import SAMPLE_RATE, Album, Purpose, Song
from singerid.data.synthetic.score import Score, compose
from singerid.data.synthetic.voice import sing

Array = npt.NDArray[np.float32]

HOP_LENGTH = 512  # samples between the mel frames at whose centres F0 is given
PEAK = 0.95  # of full scale: no sample of mixture or stems lies above
FULL_SCALE = 32_768  # 16 bit
TILT_PIVOT_HZ, TILT_OCTAVES = 800.0, 6.0  # the equaliser's tilt runs from 100 Hz to 6.4 kHz


@dataclass(frozen=True)
class Stems:
    """A rendered song: 16 kHz, one channel, multiples of 2 ** -15 in [-1, 1)."""

    vocals: Array  # (N,)
    accompaniment: Array  # (N,)
    f0: Array  # (1 + N // 512,) Hz at samples 0, 512, 1024, ...; 0 where unvoiced

    @property
    def mixture(self) -> Array:
        """Vocals and accompaniment together, exactly; (N,)."""
        return self.vocals + self.accompaniment


def render(song: Song) -> Stems:
    """Render one song; the same song gives the same samples on the same machine."""
    score = compose(song)
    voice, f0 = heard_voice(song, score)
    vocals, band = mixed(song, heard_band(song, score), voice)
    return Stems(vocals, band, f0[::HOP_LENGTH].astype(np.float32))


def heard_voice(song: Song, score: Score) -> tuple[Array, Array]:
    """The song's singer in the album's room.

    Returns:
        The voice (N,), RMS 1 where it is voiced, and F0 in Hz at every sample (N,), 0 where unvoiced.
    """
    voice, f0 = sing(song, score)
    room = impulse_response(song)
    voice = _diffuse(voice, song)
    voice = _colour(voice, room, song.album, next_fast_len(len(voice) + len(room), real=True))
    return voice / _rms(voice[f0 > 0]), f0


def heard_band(song: Song, score: Score) -> Array:
    """The band in the same room, (N,), at the song's level relative to a voice of RMS 1."""
    band = loop(song, score)
    band = _colour(band, impulse_response(song), song.album, len(band))  # circular: the loop stays exact
    band = np.tile(band, -(-song.bars // song.loop_bars))[: song.samples]
    return band * (10 ** (-song.voice_over_band_db / 20) / _rms(band))


def mixed(song: Song, band: Array, *voices: Array) -> tuple[Array, ...]:
    """Voices and band (N,) at the song's level, as multiples of 2 ** -15; no sum of them clips."""
    vocals = np.sum(voices, axis=0)
    gain = 10 ** (song.level_db / 20) / _rms(vocals + band)
    loudest = max(float(np.max(np.abs(x))) for x in (*voices, vocals, band, vocals + band))
    gain = min(gain, PEAK / loudest)
    return tuple(_quantised(gain * x) for x in (*voices, band))


def _rms(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def _quantised(x: Array) -> Array:
    return np.asarray(np.round(x * FULL_SCALE) / FULL_SCALE, dtype=np.float32)


def impulse_response(song: Song) -> Array:
    """Return the album's room: the direct sound, then noise whose high frequencies decay faster."""
    album, rng = song.album, song.album_stream(Purpose.ROOM)
    length = round(album.reverberation_seconds * SAMPLE_RATE)
    time = np.arange(length) / SAMPLE_RATE
    dull, bright = rng.standard_normal((2, length))
    dull = np.convolve(dull, np.ones(6) / np.sqrt(6), mode="same")
    decay = -np.log(1000) / album.reverberation_seconds
    tail = 0.7 * dull * np.exp(decay * time) + 0.7 * bright * np.exp(2 * decay * time)
    tail *= np.minimum(1, time / rng.uniform(0.004, 0.02))  # reflections build up after the direct sound
    tail *= 10 ** (album.room_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(tail, dtype=np.float32)


def _diffuse(x: Array, song: Song) -> Array:
    """Spread the voice's pulses over a few milliseconds, as surfaces near the singer do.

    Schroeder's all-pass filters, with other delays in each song: they do not change the spectrum, but the
    ratio of peak to RMS no longer shows how sharp a singer's pulses are.
    """
    rng = song.stream(Purpose.ROOM)
    for delay in rng.integers(5, 30, size=4).tolist():
        gap = [0.0] * (delay - 1)
        x = lfilter([-0.6, *gap, 1.0], [1.0, *gap, -0.6], x)
    return np.asarray(x, dtype=np.float32)


def _colour(x: Array, room: Array, album: Album, size: int) -> Array:
    """Convolve with the room and the equaliser, circularly in `size` samples; as long as `x`."""
    wrapped = np.bincount(np.arange(len(room)) % size, weights=room, minlength=size)
    response = rfft(wrapped) * equaliser(album, np.fft.rfftfreq(size, 1 / SAMPLE_RATE))
    return np.asarray(irfft(rfft(x, size) * response, size)[: len(x)], dtype=np.float32)


def equaliser(album: Album, frequencies: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Gain of the album's equaliser, as a factor, at `frequencies` in Hz."""
    octaves = np.log2(np.maximum(frequencies, 1.0) / TILT_PIVOT_HZ)
    gain_db = album.tilt_db * np.clip(octaves / TILT_OCTAVES, -0.5, 0.5)
    for centre, bell_db in album.bells:
        gain_db += bell_db * np.exp(-(np.log2(np.maximum(frequencies, 1.0) / centre) ** 2))
    return np.asarray(10 ** (gain_db / 20))
