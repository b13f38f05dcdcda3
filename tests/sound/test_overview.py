"""A recording at a glance: means of its spectrogram, in memory that does not grow with its length."""

import tracemalloc

import numpy as np
import pytest
import torch

from conftest import voice
from singerid.config import FeatureConfig
from singerid.sound.features import LogMel
from singerid.sound.overview import condensed, overview


@pytest.mark.parametrize("columns", [1, 2, 7, 8, 9, 31, 32, 33, 1000])
@pytest.mark.parametrize("size", [1, 3, 64])
@pytest.mark.parametrize("most", [2, 8, 9])
def test_columns_are_means_wherever_the_chunks_are_cut(columns, size, most):
    rows = np.random.default_rng(columns).standard_normal((2, columns)).astype(np.float32)
    chunks = [rows[:, start : start + size] for start in range(0, columns, size)]
    found, each = condensed(chunks, most)
    assert found.shape[1] <= most
    assert found.shape[1] > most / 4 or each == 1
    expected = [rows[:, start : start + each].mean(1) for start in range(0, columns, each)]
    np.testing.assert_allclose(found, np.stack(expected, 1), atol=1e-5)


def test_a_short_recording_is_its_spectrogram():
    samples = voice(200.0, 3.0, 1)
    seen = overview(lambda: [samples[:10_000], samples[10_000:]])
    expected = LogMel()(torch.from_numpy(samples)).numpy()
    np.testing.assert_allclose(seen.mel, expected, atol=1e-3)
    assert seen.column_seconds == FeatureConfig().frame_seconds


def test_a_long_recording_takes_no_more_columns():
    block = voice(200.0, 10.0, 1)

    def read():
        for _ in range(60):
            yield block

    seen = overview(read, most=500)
    length = seen.mel.shape[1] * seen.column_seconds
    assert 250 <= seen.mel.shape[1] <= 500
    assert length == pytest.approx(600, abs=seen.column_seconds)
    assert seen.mel.max() - seen.mel.min() <= FeatureConfig().top_db + 1e-3


def test_memory_does_not_grow_with_the_length():
    tracemalloc.start()
    try:
        chunks = (np.full((128, 1024), number, np.float32) for number in range(400))  # 210 MB
        found, _ = condensed(chunks, 1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.shape[1] <= 1000
    assert peak < 10e6


def test_no_sound_is_an_error():
    with pytest.raises(ValueError, match="no samples"):
        overview(lambda: [np.zeros(0, np.float32)])
    with pytest.raises(ValueError, match="no columns"):
        condensed([], 8)
