"""Levels of vocals in the mixture against their definition, for any cuts, windows and hops."""

import tracemalloc

import numpy as np
import pytest

from singerid.sound.separation.level import SILENCE_DB, vocal_levels

RATE = 16_000


def parts(samples, seed=0):
    """Vocals that come and go, and a band."""
    rng = np.random.default_rng(seed)
    level = np.abs(np.sin(np.arange(samples) / RATE))
    vocals = (level * rng.standard_normal(samples)).astype(np.float32)
    return vocals, (0.3 * rng.standard_normal(samples)).astype(np.float32)


def cut(vocals, rest, places):
    return zip(np.split(vocals, places), np.split(rest, places), strict=True)


@pytest.mark.parametrize(
    ("window", "hop"), [(3.0, 1.5), (3.0, 3.0), (3.008, 1.504), (1.0, 0.7), (1.5, 4.0), (3.0, 1.33333)]
)
@pytest.mark.parametrize("samples", [10 * RATE, 11 * RATE + 777])
def test_each_window_is_by_the_definition(window, hop, samples):
    vocals, rest = parts(samples)
    levels = vocal_levels(cut(vocals, rest, [1, 5000, 48_001]), RATE, window, hop)
    length, step = round(window * RATE), round(hop * RATE)
    starts = range(0, samples - length + 1, step)
    np.testing.assert_allclose(levels.starts, [start / RATE for start in starts])
    for start, found in zip(starts, levels.decibels, strict=True):
        sung = vocals[start : start + length].astype(float)
        heard = sung + rest[start : start + length]
        assert found == pytest.approx(10 * np.log10(np.sum(sung**2) / np.sum(heard**2)), abs=1e-4)


def test_a_short_sound_is_one_window():
    vocals, rest = parts(RATE)
    levels = vocal_levels([(vocals, rest)], RATE)
    assert levels.starts.tolist() == [0]
    assert levels.decibels[0] == vocal_levels([(vocals, rest)], RATE, 1.0, 1.0).decibels[0]


def test_silence_and_no_vocals_have_the_lowest_level():
    zeros, noise = np.zeros(RATE, np.float32), parts(RATE)[1]
    quiet = np.full(RATE, 1e-9, np.float32)
    sound = [(zeros, zeros), (zeros, noise), (quiet, noise), (noise, zeros)]
    levels = vocal_levels(sound, RATE, 1.0, 1.0)
    assert levels.decibels.tolist() == [SILENCE_DB, SILENCE_DB, SILENCE_DB, 0]
    assert levels.decibels.dtype == np.float32


def test_what_makes_no_windows_is_refused():
    for window, hop in ((0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)):
        with pytest.raises(ValueError, match="at least 1 sample"):
            vocal_levels([parts(RATE)], RATE, window, hop)


def test_a_long_sound_costs_no_memory():
    block = parts(30 * RATE)

    def peak(blocks):
        tracemalloc.start()
        vocal_levels((block for _ in range(blocks)), RATE)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak(40) < 1.1 * peak(4)
