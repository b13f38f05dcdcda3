"""The mean of channels that agree, and of channels that would cancel each other."""

import numpy as np
import pytest

from singerid.sound.channels import NOTICE, Channels

TONE = np.sin(np.arange(20_000) / 7).astype(np.float32)


def mixed(*channels: np.ndarray, pieces: int = 4) -> tuple[np.ndarray, str]:
    mixing = Channels()
    samples = np.stack(channels, axis=1).astype(np.float32)
    found = [mixing.mono(piece) for piece in np.array_split(samples, pieces)]
    return np.concatenate(found), mixing.notice


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_channels_that_agree_give_their_mean(count):
    scales = np.linspace(1, 0.5, count)
    mono, notice = mixed(*(scale * TONE for scale in scales))
    np.testing.assert_allclose(mono, scales.mean() * TONE, atol=1e-6)
    assert notice == ""


def test_independent_channels_give_their_mean():
    left, right = np.random.default_rng(0).normal(size=(2, 20_000)).astype(np.float32)
    mono, notice = mixed(left, right)
    np.testing.assert_allclose(mono, (left + right) / 2, atol=1e-6)
    assert notice == ""


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_opposite_channels_do_not_cancel(offset):
    mono, notice = mixed(TONE, offset - TONE)
    np.testing.assert_allclose(mono, TONE - offset / 2, atol=1e-6)
    assert notice == NOTICE


def test_the_first_channel_keeps_its_sign():
    mono, _ = mixed(-0.8 * TONE, TONE, -TONE, TONE)
    np.testing.assert_allclose(mono, -0.95 * TONE, atol=1e-6)


def test_an_inversion_of_a_moment_is_mixed_without_a_click_or_a_notice():
    left = np.tile(TONE, 12)
    right = left.copy()
    right[100_000:105_000] *= -1
    mono, notice = mixed(left, right, pieces=48)
    assert notice == ""
    assert np.abs(np.diff(mono)).max() < 1.5 * np.abs(np.diff(left)).max()


def test_two_channels_stay_and_others_become_two():
    stereo = np.stack((TONE, TONE[::-1]), axis=1)
    assert np.array_equal(Channels().stereo(stereo), stereo)
    for count in (1, 3):
        found = Channels().stereo(np.repeat(TONE[:, None], count, axis=1))
        np.testing.assert_allclose(found, np.stack((TONE, TONE), axis=1), atol=1e-6)
