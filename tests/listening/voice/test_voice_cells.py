"""Shares of windows from those of cells, and cells from the level of vocals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from singerid.listening.voice.by_level import EVEN_DB, sung_by_level
from singerid.listening.voice.cells import VoiceCells, sung

RATE = 16_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30),
    st.sampled_from([0.25, 3.0]),
    st.floats(0, 20),
    st.floats(0.05, 12),
)
def test_a_window_is_sung_as_its_moments_are(shares, seconds, start, length):
    cells = VoiceCells(np.array(shares, np.float32), seconds)
    end = len(shares) * seconds
    (found,) = cells.share(np.array([start]), length)
    assert 0 <= found <= 1
    if start + length <= end:
        moments = start + (np.arange(4000) + 0.5) * length / 4000
        expected = np.array(shares)[(moments // seconds).astype(int).clip(max=len(shares) - 1)].mean()
        assert found == pytest.approx(expected, abs=2e-3)
    if start >= end:
        assert found == pytest.approx(shares[-1], abs=1e-5)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0, 0.49, 0.5, 1, 1], [0, 0, 1, 1, 1]),
        ([0, 0, 0, 0, 0.9], [0, 0, 0, 0, 1]),  # silence does not count against a voice
        ([0.1, 0.1, 0.1, 0.1, 0.9], [0, 0, 0, 0, 0]),  # music does
        ([0.7], [1]),
        ([0.55], [0]),
        ([0, 0], [0, 0]),
    ],
)
def test_windows_are_sung_where_the_track_has_a_voice(shares, expected):
    assert sung(np.array(shares, np.float32)).tolist() == [bool(each) for each in expected]


def parts(*decibels):
    """Vocals and accompaniment, 4 s for each level of the vocals in the mixture, in blocks cut anywhere."""
    rng = np.random.default_rng(0)
    vocals, rest = 0.1 * rng.standard_normal((2, 4 * RATE * len(decibels))).astype(np.float32)
    share = 10 ** (np.repeat(decibels, 4 * RATE) / 10)
    vocals, rest = (
        (vocals * np.sqrt(share)).astype(np.float32),
        (rest * np.sqrt(1 - share)).astype(np.float32),
    )
    return zip(np.split(vocals, [7, 30_001]), np.split(rest, [7, 30_001]), strict=True)


def test_the_level_of_the_vocals_tells_where_they_are():
    cells = sung_by_level(parts(-3, -40, EVEN_DB, -3), RATE)
    assert len(cells.sung) == 16 / cells.seconds
    found = cells.share(np.arange(0.5, 16, 4), 3)
    np.testing.assert_allclose(found, [0.97, 0, 0.5, 0.97], atol=0.03)
    assert np.all(sung_by_level([(np.zeros(5, np.float32),) * 2], RATE).sung < 1e-6)
