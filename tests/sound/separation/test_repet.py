"""REPET-SIM: against its steps written out as plain loops, and on sounds whose answer is known."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import soundfile

from singerid.sound.audio import load, read_blocks
from singerid.sound.separation.repet import Repet
from singerid.sound.separation.separators import open_separator

RATE = 16_000


def song(seconds=12, seed=0):
    """Vocals that never come back over a band that does: (vocals, mixture)."""
    rng = np.random.default_rng(seed)
    time = np.arange(seconds * RATE) / RATE
    bar = 0.2 * rng.standard_normal(RATE // 2) * np.exp(-np.arange(RATE // 2) / 2000)
    chords = sum(np.sin(2 * np.pi * f * time[:RATE]) for f in (220.0, 277.2, 329.6)) * 0.05
    band = np.tile(bar, 2 * seconds) + np.tile(chords, seconds)
    sweep = 300 + 100 * time + 40 * np.cumsum(np.sin(2 * np.pi * 0.31 * time)) / RATE
    vocals = 0.2 * np.sin(2 * np.pi * np.cumsum(sweep) / RATE)
    return vocals.astype(np.float32), (vocals + band).astype(np.float32)


def distortion_ratio(reference, estimate):
    """SI-SDR in dB (Le Roux et al. 2019)."""
    target = reference * (estimate @ reference) / (reference @ reference)
    return 10 * np.log10((target @ target) / ((estimate - target) @ (estimate - target)))


def by_plain_loops(magnitude, apart, most):
    """The spectrum's share of vocals, (bins, frames): each frame against those most like it."""
    frames = magnitude.shape[1]
    mask = np.zeros_like(magnitude)
    unit = magnitude / np.linalg.norm(magnitude, axis=0)
    for frame in range(frames):
        others = [other for other in range(frames) if abs(other - frame) >= apart]
        column = magnitude[:, frame]
        likeness = unit[:, frame] @ unit[:, others]
        nearest = [others[index] for index in np.argsort(likeness)[::-1][:most]]
        band = np.minimum(column, np.median(magnitude[:, nearest], axis=1))
        mask[:, frame] = (column - band) ** 2 / ((column - band) ** 2 + band**2)
    return mask


def test_it_is_the_published_method():
    _, mixture = song(4)
    repet = Repet(RATE, window_seconds=0.128, apart_seconds=0.5, lowest_hz=200.0, similar_share=0.2)
    window, hop = 2048, 512
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    padded = np.pad(mixture.astype(float), window)
    starts = range(window // 2, len(padded) - window - window // 2 + 1, hop)
    spectrogram = np.stack([np.fft.rfft(hann * padded[start : start + window]) for start in starts], axis=1)
    mask = by_plain_loops(np.abs(spectrogram), apart=16, most=round(0.2 * spectrogram.shape[1]))
    mask[np.fft.rfftfreq(window, 1 / RATE) < 200] = 0
    expected, weight = np.zeros(len(padded)), np.zeros(len(padded))
    for start, column in zip(starts, (mask * spectrogram).T, strict=True):
        expected[start : start + window] += hann * np.fft.irfft(column)
        weight[start : start + window] += hann**2
    expected = (expected / np.maximum(weight, 1e-9))[window:-window]
    inside = slice(window, -window)
    difference = repet.separate(mixture)[inside] - expected[inside]
    assert np.sqrt(np.mean(difference**2)) < 0.01 * np.sqrt(np.mean(expected[inside] ** 2))


def test_what_does_not_repeat_is_the_vocals():
    vocals, mixture = song()
    gain = distortion_ratio(vocals, Repet(RATE).separate(mixture)) - distortion_ratio(vocals, mixture)
    assert gain > 3
    band = mixture - vocals
    assert np.sum(Repet(RATE).separate(band) ** 2) < 0.05 * np.sum(band**2)


def test_below_the_lowest_frequency_there_are_no_vocals():
    time = np.arange(10 * RATE) / RATE
    hum = np.sin(2 * np.pi * 60 * time * (1 + 0.02 * time)).astype(np.float32)
    kept = [np.sum(Repet(RATE, lowest_hz=f).separate(hum) ** 2) / np.sum(hum**2) for f in (0.0, 200.0)]
    assert kept[1] < 0.001 < 0.1 < kept[0]


@pytest.mark.parametrize("where", [slice(0, None), slice(0, 5 * RATE), slice(3 * RATE, 6 * RATE)])
def test_silence_stays_silence(where):
    _, mixture = song(10)
    mixture[where] = 0
    vocals = Repet(RATE).separate(mixture)
    assert np.isfinite(vocals).all()
    inside = vocals[where][RATE:-RATE] if where != slice(0, None) else vocals
    assert np.abs(inside).max() == 0


@pytest.mark.parametrize("samples", [1, 100, 4095, 4096, 4097, 6000, 8000, 20_000, 40_000])
def test_any_length_gives_as_many_samples(samples):
    _, mixture = song(3)
    vocals = Repet(RATE).separate(mixture[:samples])
    assert vocals.shape == (samples,)
    assert vocals.dtype == np.float32
    assert np.isfinite(vocals).all()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("repet") / "song.wav"
    soundfile.write(path, np.repeat(song(12)[1][:, None], 2, axis=1), 16_000, subtype="PCM_24")
    return path


def run(separator, path):
    blocks = list(separator.blocks(path, partial(read_blocks, path), pytest.fail))
    assert all(vocals.shape == rest.shape for vocals, rest in blocks)
    return tuple(np.concatenate(part) for part in zip(*blocks, strict=True))


def test_vocals_and_accompaniment_of_a_file_are_the_mixture(recording):
    separator = open_separator("repet")
    vocals, accompaniment = run(separator, recording)
    mixture = load(recording)
    np.testing.assert_allclose(vocals + accompaniment, mixture, atol=1e-6)
    np.testing.assert_array_equal(vocals, Repet(RATE).separate(mixture))
    again = run(pickle.loads(pickle.dumps(separator)), recording)
    assert (again[0] == vocals).all()
    assert (again[1] == accompaniment).all()


def test_a_long_recording_is_separated_in_blocks(recording):
    mixture = load(recording)
    short = replace(open_separator("repet"), block_seconds=5.0, overlap_seconds=1.0)
    vocals, accompaniment = run(short, recording)
    assert len(vocals) == len(mixture)
    np.testing.assert_allclose(vocals + accompaniment, mixture, atol=1e-6)
    # Away from the seams, each block is what it is by itself.
    first = Repet(RATE).separate(mixture[: 5 * RATE])
    np.testing.assert_array_equal(vocals[: 4 * RATE], first[: 4 * RATE])
    assert not np.array_equal(vocals[4 * RATE : 5 * RATE], first[4 * RATE :])
    last = Repet(RATE).separate(mixture[-6 * RATE :])
    np.testing.assert_array_equal(vocals[10 * RATE :], last[4 * RATE :])


def test_its_origin_tells_every_setting():
    origins = {Repet(RATE).origin, Repet(8000).origin, Repet(RATE, lowest_hz=150.0).origin}
    assert len(origins) == 3
    assert all("librosa 0" in origin and "\n" not in origin for origin in origins)
