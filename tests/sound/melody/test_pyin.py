"""pYIN compared with librosa's, as a whole and in blocks."""

import librosa
import numpy as np
import pytest

from singerid.sound.features import padded_spans
from singerid.sound.melody import pyin
from singerid.sound.melody.trackers import open_tracker

RATE = 16_000


def singing(seconds: float) -> np.ndarray:
    """A tone that glides and falls silent now and then, over a little noise."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(220 * 2 ** (0.4 * np.sin(2 * np.pi * 0.3 * time))) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 8)) * (time % 1.5 < 1.1)
    return (0.1 * tone + 1e-3 * np.random.default_rng(0).normal(size=len(time))).astype(np.float32)


def by_librosa(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    f0, _, confidence = librosa.pyin(
        waveform, fmin=65.4, fmax=1046.5, sr=RATE, frame_length=2048, hop_length=512, pad_mode="constant"
    )
    return np.nan_to_num(f0).astype(np.float32), confidence.astype(np.float32)


@pytest.mark.parametrize("samples", [1, 511, 512, 100_000])
def test_equals_librosa(samples: int) -> None:
    waveform = singing(100_000 / RATE)[-samples:]
    contour = open_tracker("pyin").contour([waveform[:300], waveform[300:]])
    f0, confidence = by_librosa(waveform)
    assert contour.f0.dtype == contour.confidence.dtype == np.float32
    assert np.array_equal(contour.f0, f0)
    assert np.array_equal(contour.confidence, confidence)
    assert samples < 1000 or ((f0 == 0).any() and (f0 > 0).any())


def test_silence_has_no_melody() -> None:
    contour = open_tracker("pyin").contour([np.zeros(20_000, np.float32)])
    assert contour.f0.tolist() == [0] * 40
    assert np.isfinite(contour.confidence).all()


@pytest.mark.parametrize("extra", [0, 1, 200])
def test_long_sound_in_blocks_is_the_whole_but_for_their_edges(
    extra: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines between blocks of 64 frames fall on held notes and on silence."""
    waveform = singing((3 * 64 * 512 - 512 + extra) / RATE)
    f0, confidence = by_librosa(waveform)
    monkeypatch.setattr(pyin, "BLOCK_FRAMES", 64)
    monkeypatch.setattr(pyin, "OVERLAP_FRAMES", 20)
    contour = open_tracker("pyin").contour([waveform])
    assert contour.f0.shape == f0.shape
    assert np.array_equal(contour.f0, f0)
    assert np.abs(contour.confidence - confidence).max() < 1e-6


@pytest.mark.parametrize("frames", [7, 20, 21, 40, 43])
def test_blocks_hear_their_neighbours(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyin, "OVERLAP_FRAMES", 5)
    waveform = np.arange(1, (frames - 1) * 512 + 100, dtype=np.float32)
    padded = np.pad(waveform, 1024)
    end = (frames - 1) * 512 + 2048  # of the last frame
    spans = padded_spans([waveform], 2048, 512, 20, "constant")
    for begin, (heard, own) in zip(range(0, frames, 20), pyin.with_neighbours(spans), strict=True):
        first = max(0, begin - 5)
        last = min(end, (begin + 19 + 5) * 512 + 2048)
        assert np.array_equal(heard[: last - first * 512], padded[first * 512 : last])
        assert 0 <= len(heard) - (last - first * 512) < 512
        assert (own.start + first, own.stop + first) == (begin, min(frames, begin + 20))


def test_the_origin_names_library_and_range() -> None:
    tracker = open_tracker("pyin")
    assert tracker.name == "pyin"
    assert tracker.origin == f"librosa {librosa.__version__}, 65.4 to 1046.5 Hz"
