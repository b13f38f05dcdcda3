"""The band: kick, snare, hi-hat, bass, pad and a plucked comp, as one loop that repeats exactly.

The album gives the instruments, the song the chords and what is played. A loop is a ring buffer: sound
that lasts beyond its end continues at its beginning.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from singerid.data.synthetic.cast import BEATS_PER_BAR, SAMPLE_RATE, Purpose, Song
from singerid.data.synthetic.score import Score

Array = npt.NDArray[np.float32]

STEPS = 4 * BEATS_PER_BAR  # sixteenths in a bar


@dataclass(frozen=True)
class Tone:
    """An instrument with a pitch: harmonics that fade."""

    slope: float  # harmonic k has amplitude k ** -slope
    odd_only: float  # 0: all harmonics; 1: the odd ones
    resonance_hz: float  # a broad bump in its body ...
    resonance_gain: float  # ... and how strong, as a factor
    attack: float  # seconds
    decay: float  # seconds to fall to 1/e; infinity for a sustained tone
    detune_cents: float  # of a second voice
    harmonics: int
    lowest: int  # MIDI pitch of the octave it plays in

    def play(self, midi: float, seconds: float) -> Array:
        """One note, with a release of 50 ms after `seconds`."""
        f0 = 440 * 2 ** ((midi - 69) / 12)
        time = np.arange(round((seconds + 0.05) * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
        k = np.arange(1, min(self.harmonics, int(0.95 * SAMPLE_RATE / 2 / f0)) + 1)
        amplitude = k**-self.slope * np.where(k % 2 == 0, 1 - self.odd_only, 1.0)
        amplitude *= 1 + self.resonance_gain * np.exp(-(np.log2(k * f0 / self.resonance_hz) ** 2))
        wave = np.zeros_like(time)
        for factor in (1.0, 2 ** (self.detune_cents / 1200)):
            rotation = np.exp(2j * np.pi * f0 * factor * time)
            # Horner's scheme: the sum of harmonics is a polynomial in the first one's rotation.
            total = np.zeros_like(rotation)
            for a in amplitude[::-1]:
                total = (total + a) * rotation
            wave += total.imag.astype(np.float32)
        envelope = np.minimum(1, time / self.attack) * np.clip((seconds + 0.05 - time) / 0.05, 0, 1)
        return np.asarray(wave * envelope * np.exp(-time / self.decay), dtype=np.float32)


def loop(song: Song, score: Score) -> Array:
    """Play the song's loop once; (loop_bars * bar_samples,), RMS 1."""
    album, rng = song.album_stream(Purpose.BAND), song.stream(Purpose.BAND)
    length = song.loop_bars * song.bar_samples
    parts = {
        "kick": _drum(_kick(album), _steps(rng, song, {0: 1.0, 8: 0.6, 6: 0.3, 10: 0.4, 14: 0.15}), song),
        "snare": _drum(_snare(album), _steps(rng, song, {4: 1.0, 12: 1.0, 15: 0.15, 7: 0.1}), song),
        "hat": _drum(
            _hat(album), _steps(rng, song, {s: (0.95, 0.25, 0.9, 0.25)[s % 4] for s in range(STEPS)}), song
        ),
        "bass": _bass(_bass_tone(album), rng, song, score),
        "pad": _pad(_pad_tone(album), rng, song, score),
        "comp": _comp(_comp_tone(album), rng, song, score),
    }
    mix = {"kick": -11.0, "snare": -8.0, "hat": -16.0, "bass": -9.5, "pad": 0.0, "comp": -2.0}
    out = np.zeros(length, dtype=np.float32)
    for name, level in mix.items():
        part = parts[name]
        gain = 10 ** ((level + album.uniform(-3.0, 3.0)) / 20)
        out += np.float32(gain / max(1e-9, np.sqrt(np.mean(part**2)))) * part
    return np.asarray(out / np.sqrt(np.mean(out**2)), dtype=np.float32)


def _add(ring: Array, start: int, sound: Array) -> None:
    """Add `sound` to the ring buffer from sample `start` on, wrapping around as often as needed."""
    positions = (start + np.arange(len(sound))) % len(ring)
    np.add.at(ring, positions, sound)


def _ring(song: Song) -> Array:
    return np.zeros(song.loop_bars * song.bar_samples, dtype=np.float32)


def _step_sample(song: Song, step: float) -> int:
    return round(step * song.bar_samples / STEPS)


def _steps(rng: np.random.Generator, song: Song, chances: dict[int, float]) -> list[tuple[int, float]]:
    """(step, velocity) of a drum over the loop: one pattern for each bar but the last, which varies."""
    found = []
    usual = {step for step, chance in chances.items() if rng.random() < chance}
    for bar in range(song.loop_bars):
        last = bar == song.loop_bars - 1
        steps = {step for step, chance in chances.items() if rng.random() < chance} if last else usual
        found += [(bar * STEPS + step, rng.uniform(0.8, 1.0)) for step in sorted(steps)]
    return found


def _drum(sound: Array, steps: list[tuple[int, float]], song: Song) -> Array:
    ring = _ring(song)
    for step, velocity in steps:
        _add(ring, _step_sample(song, step), sound * np.float32(velocity))
    return ring


def _time(seconds: float) -> npt.NDArray[np.float64]:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _kick(album: np.random.Generator) -> Array:
    low, sweep, decay = album.uniform(45, 65), album.uniform(80, 250), album.uniform(0.07, 0.16)
    time = _time(0.35)
    phase = 2 * np.pi * (low * time - sweep * 0.03 * np.exp(-time / 0.03))
    click = album.uniform(0.05, 0.25) * np.exp(-time / 0.004) * album.standard_normal(len(time))
    return np.asarray(np.sin(phase) * np.exp(-time / decay) + click, dtype=np.float32)


def _snare(album: np.random.Generator) -> Array:
    tone, decay, share = album.uniform(160, 260), album.uniform(0.05, 0.15), album.uniform(0.2, 0.6)
    low, high = album.uniform(500, 1500), album.uniform(3000, 7500)
    time = _time(0.4)
    noise = sosfilt(
        butter(2, [low, high], "bandpass", fs=SAMPLE_RATE, output="sos"), album.standard_normal(len(time))
    )
    return np.asarray(
        share * np.sin(2 * np.pi * tone * time) * np.exp(-time / 0.05) + noise * np.exp(-time / decay),
        dtype=np.float32,
    )


def _hat(album: np.random.Generator) -> Array:
    low, decay = album.uniform(4000, 6500), album.uniform(0.015, 0.06)
    time = _time(0.25)
    noise = sosfilt(
        butter(4, low, "highpass", fs=SAMPLE_RATE, output="sos"), album.standard_normal(len(time))
    )
    return np.asarray(noise * np.exp(-time / decay), dtype=np.float32)


def _bass_tone(album: np.random.Generator) -> Tone:
    return Tone(
        slope=album.uniform(0.9, 1.6),
        odd_only=album.uniform(0, 0.7),
        resonance_hz=album.uniform(150, 500),
        resonance_gain=album.uniform(0, 2),
        attack=album.uniform(0.004, 0.02),
        decay=album.uniform(0.2, 0.8),
        detune_cents=0.0,
        harmonics=14,
        lowest=29,
    )


def _pad_tone(album: np.random.Generator) -> Tone:
    return Tone(
        slope=album.uniform(0.7, 1.8),
        odd_only=album.uniform(0, 0.9),
        resonance_hz=album.uniform(400, 3000),
        resonance_gain=album.uniform(0.5, 4),
        attack=album.uniform(0.03, 0.2),
        decay=float("inf"),
        detune_cents=album.uniform(4, 14),
        harmonics=24,
        lowest=int(album.integers(48, 60)),
    )


def _comp_tone(album: np.random.Generator) -> Tone:
    return Tone(
        slope=album.uniform(0.6, 1.6),
        odd_only=album.uniform(0, 0.8),
        resonance_hz=album.uniform(500, 3500),
        resonance_gain=album.uniform(0.5, 4),
        attack=album.uniform(0.002, 0.01),
        decay=album.uniform(0.12, 0.5),
        detune_cents=album.uniform(0, 8),
        harmonics=20,
        lowest=int(album.integers(55, 67)),
    )


def _bass(tone: Tone, rng: np.random.Generator, song: Song, score: Score) -> Array:
    ring, step = _ring(song), song.bar_samples / STEPS / SAMPLE_RATE
    length = int(rng.choice([2, 4]))
    for bar, chord in enumerate(score.chords):
        for start in range(0, STEPS, length):
            if start == 0 or rng.random() < 0.7:
                pitch = tone.lowest + (chord[0] - tone.lowest) % 12
                pitch += 7 if start and rng.random() < 0.15 else 0
                _add(ring, _step_sample(song, bar * STEPS + start), tone.play(pitch, 0.9 * length * step))
    return ring


def _pad(tone: Tone, rng: np.random.Generator, song: Song, score: Score) -> Array:
    ring, bar_seconds = _ring(song), song.bar_samples / SAMPLE_RATE
    for bar, chord in enumerate(score.chords):
        for pitch_class in chord:
            pitch = tone.lowest + (pitch_class - tone.lowest) % 12
            _add(ring, _step_sample(song, bar * STEPS), tone.play(pitch, bar_seconds - 0.02))
    return ring


def _comp(tone: Tone, rng: np.random.Generator, song: Song, score: Score) -> Array:
    ring, step = _ring(song), song.bar_samples / STEPS / SAMPLE_RATE
    pattern = [(s, int(rng.integers(3))) for s in range(0, STEPS, 2) if rng.random() < 0.75]
    for bar, chord in enumerate(score.chords):
        for start, which in pattern:
            pitch = tone.lowest + (chord[which] - tone.lowest) % 12
            _add(ring, _step_sample(song, bar * STEPS + start), tone.play(pitch, 3 * step))
    return ring
