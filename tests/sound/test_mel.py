"""The mel scale and its filters: exactly the same numbers as librosa's."""

import librosa
import numpy as np
import pytest

from singerid.sound.mel import mel_filters, mel_frequencies


@pytest.mark.parametrize("n_mels", [1, 2, 20, 40, 128, 130])
@pytest.mark.parametrize("highest", [400.0, 1000.0, 4000.0, 8000.0, 11_025.0, 24_000.0])
def test_frequencies_are_librosas(n_mels: int, highest: float) -> None:
    np.testing.assert_array_equal(
        mel_frequencies(n_mels, highest), librosa.mel_frequencies(n_mels, fmin=0.0, fmax=highest)
    )


def test_the_default_goes_as_high_as_librosas() -> None:
    np.testing.assert_array_equal(mel_frequencies(128), librosa.mel_frequencies(128))


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize(
    ("sample_rate", "n_fft", "n_mels"),
    [(16_000, 2048, 128), (22_050, 1024, 40), (44_100, 4096, 229), (8000, 256, 80), (1500, 512, 20)],
)
def test_filters_are_librosas(sample_rate: int, n_fft: int, n_mels: int) -> None:
    expected = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, dtype=np.float32)
    got = mel_filters(sample_rate, n_fft, n_mels)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)


def test_what_is_kept_for_the_next_call_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        mel_filters(16_000, 2048, 128)[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        mel_frequencies(128)[0] = 1
