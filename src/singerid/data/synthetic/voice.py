"""The voice: a pulse train and breath, shaped frame by frame by the resonances of a vocal tract.

Source-filter synthesis (Fant 1960; Klatt, "Software for a cascade/parallel formant synthesizer", JASA
67, 1980): the source falls off by about 6 dB per octave, lip radiation included; the tract is a
cascade of resonances, the upper ones at odd multiples of a quarter wave as in a uniform tube.

Letters in shapes: N samples, T control frames (10 ms), J formants, F frequencies.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft
from scipy.ndimage import minimum_filter1d
from scipy.signal import lfilter

from singerid.data.synthetic.cast import SAMPLE_RATE, Purpose, Singer, Song
from singerid.data.synthetic.score import CONSONANTS, VOWELS, Note, Score

Array = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]

HOP = 160  # samples between control frames
FFT = 1024  # samples; three times the window, so that ringing resonances do not wrap around
# F4 to F9 of a tract of 17.5 cm. F4 and F5 lie closer to F3 than in a uniform tube: the singer's formant
# (Sundberg 1974). The others are a uniform tube's.
UPPER_HZ = (3100.0, 3700.0, 5300.0, 6400.0, 7500.0, 8500.0)
BANDWIDTH_HZ = (110.0, 100.0, 85.0, 65.0, 130.0, 350.0, 450.0, 550.0, 650.0)  # of F1 to F9
TILT_FROM_HZ = 200.0  # the source is flat below
EFFORT_TILT_DB = 1.2  # dB per octave between the softest and the loudest note
DYNAMICS_DB = (2.0, 11.0)  # dB of level between those two notes; drawn for each song
HIGHEST_HARMONIC_HZ = 7700.0
EXPRESSION = (0.4, 1.0)  # how much of the singer's vibrato is used; drawn for each song
VIBRATO_AFTER, VIBRATO_SWELL = 0.22, 0.2  # seconds into a note when it starts; seconds until it is full
DRIFT_CENTS, DRIFT_SECONDS = 9.0, 0.6  # slow wandering of the pitch
JITTER_CENTS = 5.0  # from one control frame to the next
SHIMMER_DB = 0.5
QUIET_NOISE_HZ = 3000.0  # where the noise filter rests
EDGE = 2  # control frames: half the length of a fade


@dataclass(frozen=True)
class Controls:
    """What the singer does, at T control frames 10 ms apart."""

    f0: Array  # (T,) Hz, also where nothing is voiced
    voice: Array  # (T,) amplitude of the voiced source, 0 where unvoiced
    noise: Array  # (T,) amplitude of consonant noise
    noise_hz: Array  # (T,) its centre frequency
    formants: Array  # (T, J) Hz
    tilt_db: Array  # (T,) of the source, dB per octave


def sing(song: Song, score: Score) -> tuple[Array, Array]:
    """Sing a score.

    Returns:
        The dry voice (N,), RMS 1 where it is voiced, and F0 in Hz at every sample (N,), 0 where unvoiced.
    """
    rng = song.stream(Purpose.VOICE)
    controls = articulate(song.singer, score.notes, song.samples // HOP + 2, rng)
    times, grid = np.arange(song.samples), np.arange(len(controls.f0)) * HOP

    def at_samples(values: Array) -> Array:
        return np.interp(times, grid, values).astype(np.float32)

    f0, gain = at_samples(controls.f0), at_samples(controls.voice)
    phase = 2 * np.pi * np.cumsum(f0, dtype=np.float64) / SAMPLE_RATE
    source = gain * _glottis(phase, f0, song.singer, rng)
    noise = at_samples(controls.noise) * rng.standard_normal(song.samples, dtype=np.float32)
    voice = _shape(source, noise, controls, song.singer)
    voiced = gain > 0.01
    voice /= np.sqrt(np.mean(voice[voiced] ** 2))
    return voice, np.where(voiced, f0, np.float32(0))


def articulate(singer: Singer, notes: tuple[Note, ...], frames: int, rng: np.random.Generator) -> Controls:
    """Turn notes into control curves with this singer's glides, vibrato and transitions."""
    expression, dynamics = rng.uniform(*EXPRESSION), rng.uniform(*DYNAMICS_DB)  # for the whole song
    aim = _aims(singer, notes, frames)
    midi = _smooth(aim.pitch, singer.glide_seconds) + _waver(singer, notes, frames, expression, rng) / 100
    effort = _smooth(aim.effort, 0.1) - 0.5
    level = 10 ** ((dynamics * effort + SHIMMER_DB * rng.standard_normal(frames)) / 20)
    vowels = np.stack([_smooth(column, singer.articulation_seconds) for column in aim.formants.T], axis=1)
    # Fading in and out stays within the notes.
    voice = aim.voice * minimum_filter1d(aim.voice > 0, 2 * EDGE + 1)
    return Controls(
        f0=(440 * 2 ** ((midi - 69) / 12)).astype(np.float32),
        voice=(level * _smooth(voice, 2 * EDGE * HOP / SAMPLE_RATE)).astype(np.float32),
        noise=(level * _smooth(aim.noise, 0.02)).astype(np.float32),
        noise_hz=aim.noise_hz.astype(np.float32),
        formants=_formants(vowels, singer).astype(np.float32),
        tilt_db=(singer.tilt_db + EFFORT_TILT_DB * effort).astype(np.float32),
    )


@dataclass(frozen=True)
class _Aims:
    """Target curves of the notes, (T,). They jump from note to note, so they are smoothed afterwards."""

    pitch: Curve  # MIDI
    effort: Curve  # 0 to 1
    voice: Curve
    noise: Curve
    noise_hz: Curve
    formants: Curve  # (T, 3) Hz, F1 to F3 of a tract of 17.5 cm


def _aims(singer: Singer, notes: tuple[Note, ...], frames: int) -> _Aims:
    aim = _Aims(
        pitch=np.full(frames, notes[-1].pitch),
        effort=np.full(frames, 0.5),
        voice=np.zeros(frames),
        noise=np.zeros(frames),
        noise_hz=np.full(frames, QUIET_NOISE_HZ),
        formants=np.tile(VOWELS[notes[-1].vowel], (frames, 1)),
    )
    done = 0
    for note in notes:
        start, end = _span(note)
        consonant = CONSONANTS[note.consonant]
        vowel = start + round(note.consonant_seconds * SAMPLE_RATE / HOP)
        # Lips and larynx take their position before the sound sets in: from the end of the note before.
        aim.pitch[done:end], aim.effort[done:end] = note.pitch, note.effort
        aim.formants[done:end] = VOWELS[note.vowel]
        if note.opens_phrase:
            aim.pitch[done : vowel + 2] -= singer.scoop
        if any(consonant.formants):
            aim.formants[done:vowel] = consonant.formants
        aim.voice[start:vowel], aim.voice[vowel:end] = consonant.voice, 1.0
        aim.noise[start + round((vowel - start) * consonant.closed_share) : vowel] = consonant.noise
        aim.noise_hz[start:vowel] = consonant.noise_hz or QUIET_NOISE_HZ
        done = end
    return aim


def _waver(
    singer: Singer, notes: tuple[Note, ...], frames: int, expression: float, rng: np.random.Generator
) -> Curve:
    """Deviation of the pitch from the notes in cents: vibrato, slow drift and jitter; (T,)."""
    vibrato = np.zeros(frames)
    for note in notes:
        start, end = _span(note)
        since = np.arange(end - start) * HOP / SAMPLE_RATE
        depth = singer.vibrato_cents * expression * rng.uniform(0.6, 1.0)
        rate = singer.vibrato_hz * rng.uniform(0.95, 1.05)
        swell = np.clip((since - VIBRATO_AFTER) / VIBRATO_SWELL, 0, 1)
        vibrato[start:end] = depth * swell * np.sin(2 * np.pi * (rate * since + rng.random()))
    # White noise averaged over n frames by a Hann window keeps 1.5 / n of its variance.
    drift = _smooth(rng.standard_normal(frames), DRIFT_SECONDS)
    drift *= np.sqrt(DRIFT_SECONDS * SAMPLE_RATE / HOP / 1.5) * DRIFT_CENTS
    return np.asarray(vibrato + drift + JITTER_CENTS * rng.standard_normal(frames))


def _span(note: Note) -> tuple[int, int]:
    """First and one past the last control frame of a note."""
    return round(note.start * SAMPLE_RATE / HOP), round(note.end * SAMPLE_RATE / HOP)


def _smooth(curve: Curve, seconds: float) -> Curve:
    """Moving average with a Hann window of about `seconds`; the ends are held."""
    half = max(1, round(seconds / 2 * SAMPLE_RATE / HOP))
    window = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(np.pad(curve, half, mode="edge"), window / window.sum(), mode="valid")


def _formants(low: Curve, singer: Singer) -> Curve:
    """(T, 3) vowel formants to (T, 9) formants of this singer's tract."""
    upper = np.broadcast_to(UPPER_HZ, (len(low), len(UPPER_HZ)))
    formants = np.concatenate([low, upper], axis=1)
    formants[:, 2:5] *= 1 + np.asarray(singer.formant_offsets)
    return formants / singer.tract


def _glottis(phase: Curve, f0: Array, singer: Singer, rng: np.random.Generator) -> Array:
    """Pulses with a flat spectrum up to HIGHEST_HARMONIC_HZ, and breath modulated by them; (N,).

    The sum of M equal cosines in closed form, M a fraction so that no harmonic switches on or off.
    """
    count = HIGHEST_HARMONIC_HZ / f0
    whole = np.floor(count)
    half = np.sin(phase / 2)
    half = np.where(np.abs(half) < 1e-6, 1e-6, half)
    pulses = (np.sin((whole + 0.5) * phase) / half - 1) / 2
    pulses += (count - whole) * np.cos((whole + 1) * phase)
    pulses += singer.fundamental * np.cos(phase)
    breath = rng.standard_normal(len(phase), dtype=np.float32)
    breath = lfilter([1.0, -0.9], [1.0], breath) * (1 + 0.6 * np.cos(phase))
    # In one band of 1 Hz the harmonics carry 1 / (2 f0), the noise 2 / SAMPLE_RATE.
    breath *= 10 ** (singer.breath_db / 20) * np.sqrt(SAMPLE_RATE / (4 * f0))
    return np.asarray(pulses + breath, dtype=np.float32)


def _shape(source: Array, noise: Array, controls: Controls, singer: Singer) -> Array:
    """Filter the voiced source by the tract and the noise by the mouth's front, by overlap-add; (N,)."""
    window = np.hanning(2 * HOP + 1)[:-1].astype(np.float32)  # shifted by HOP it adds up to one
    busy = np.flatnonzero((controls.voice > 0) | (controls.noise > 0))
    frequencies = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE).astype(np.float32)

    def frames(x: Array) -> npt.NDArray[np.complex64]:
        padded = np.pad(x, (HOP, 2 * HOP))  # frame k is centred at sample k * HOP of x
        return np.asarray(rfft(padded[busy[:, None] * HOP + np.arange(2 * HOP)] * window, FFT, axis=1))

    spectrum = frames(source) * _tract_response(controls, busy, frequencies, singer)
    spectrum += frames(noise) * _front_response(controls.noise_hz[busy] / singer.tract, frequencies)
    out = np.zeros(len(source) + 2 * HOP + FFT, dtype=np.float32)
    for k, frame in zip(busy.tolist(), irfft(spectrum, FFT, axis=1), strict=True):
        out[k * HOP : k * HOP + FFT] += frame
    return out[HOP : HOP + len(source)]


def _tract_response(
    controls: Controls, frames: npt.NDArray[np.intp], frequencies: Array, singer: Singer
) -> npt.NDArray[np.complex64]:
    """Source tilt times the cascade of resonances; (frames, F), mean square 1 in each frame.

    So a flat source is equally loud with every vowel and every vocal tract: the song sets how loud a
    syllable is, and levels do not show who sings.
    """
    squares = frequencies**2
    response = np.ones((len(frames), len(frequencies)), dtype=np.complex64)
    for formant, bandwidth in zip(controls.formants[frames].T, BANDWIDTH_HZ, strict=True):
        resonance = np.empty_like(response)
        resonance.real = 1 - squares / formant[:, None] ** 2
        resonance.imag = frequencies * np.float32(bandwidth * singer.bandwidth) / formant[:, None] ** 2
        response *= resonance
    octaves = np.log2(1 + squares / np.float32(TILT_FROM_HZ) ** 2) / 2
    response = 10 ** (controls.tilt_db[frames, None] / 20 * octaves) / response
    power = np.mean(response.real**2 + response.imag**2, axis=1, keepdims=True)
    return np.asarray(response / np.sqrt(power), dtype=np.complex64)


def _front_response(centre: Array, frequencies: Array) -> npt.NDArray[np.complex64]:
    """One broad resonance with gain 1 at `centre`, for bursts and hissing; (frames, F)."""
    width = 0.8 * centre[:, None] * frequencies
    return np.asarray(1j * width / (centre[:, None] ** 2 - frequencies**2 + 1j * width), dtype=np.complex64)
