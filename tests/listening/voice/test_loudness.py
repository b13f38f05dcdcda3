"""Pauses of a sound, in tenths of a second, in blocks of any size and at any rate."""

from functools import partial

import numpy as np
import pytest

from singerid.listening.voice.loudness import Loudness


def sounds_of(samples, rate, block):
    loudness = Loudness()
    read = loudness.passing(lambda: (samples[at : at + block] for at in range(0, len(samples), block)), rate)
    np.testing.assert_array_equal(np.concatenate(list(read())), samples)
    list(read())  # a second reading measures nothing
    return loudness.sounds()


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100])
@pytest.mark.parametrize("block", [997, 50_000])
def test_a_pause_is_where_it_is(rate, block):
    tone = np.sin(np.arange(20 * rate) * 0.3).astype(np.float32)
    tone[8 * rate : 9 * rate] *= 0.01
    sounds = sounds_of(tone, rate, block)
    assert len(sounds) == 200
    np.testing.assert_array_equal(np.flatnonzero(~sounds), np.arange(80, 90))


def test_of_silence_and_of_nothing_nothing_sounds():
    assert not sounds_of(np.zeros(16_000, np.float32), 16_000, 4000).any()
    assert not len(Loudness().sounds())
    empty = Loudness()
    assert list(empty.passing(partial(list, ()), 16_000)()) == []
    assert not len(empty.sounds())
