"""Log-mel spectrograms against librosa, streams against the whole, melody maps against plain loops."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch

from singerid.config import FeatureConfig, PadMode
from singerid.sound.audio import load, read_blocks
from singerid.sound.features import (
    CHUNK_FRAMES,
    DEFAULT_FEATURES,
    LogMel,
    band_frequencies,
    floor,
    frames_to_seconds,
    melody_map,
    pad_edges,
    seconds_to_frames,
    stream_decibels,
    stream_log_mel,
    stream_waveform,
)

PAD_MODES: tuple[PadMode, ...] = ("reflect", "constant")
TOLERANCE = 1e-3  # dB


def by_librosa(waveform: np.ndarray, config: FeatureConfig = DEFAULT_FEATURES) -> np.ndarray:
    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=config.sample_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        pad_mode=config.pad_mode,
    )
    return librosa.amplitude_to_db(power, ref=1.0, top_db=80.0)


def singing(samples: int, seed: int = 0) -> np.ndarray:
    """Harmonics with vibrato, fading in and out, over a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    phase = 2 * np.pi * np.cumsum(220 * 2 ** (0.05 * np.sin(2 * np.pi * 5.5 * time))) / 16_000
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    return (0.2 * voice * np.sin(2 * np.pi * time / 7) + 1e-3 * rng.normal(size=samples)).astype(np.float32)


@pytest.mark.parametrize("pad_mode", PAD_MODES)
def test_equals_librosa(pad_mode: PadMode) -> None:
    config = FeatureConfig(pad_mode=pad_mode)
    waveform = singing(100_000)
    got = LogMel(config)(torch.from_numpy(waveform))
    expected = by_librosa(waveform, config)
    assert got.dtype == torch.float32
    assert got.shape == expected.shape == (128, 1 + 100_000 // 512)
    assert np.abs(got.numpy() - expected).max() < TOLERANCE
    assert expected.min() == expected.max() - 80  # the floor is at work


@pytest.mark.parametrize("pad_mode", PAD_MODES)
def test_equals_librosa_on_real_voices(test_data: Path, pad_mode: PadMode) -> None:
    config = FeatureConfig(pad_mode=pad_mode)
    log_mel = LogMel(config)
    for path in sorted((test_data / "voices").glob("*/*/01.mp3")):
        waveform = load(path)
        got = log_mel(torch.from_numpy(waveform)).numpy()
        assert np.abs(got - by_librosa(waveform, config)).max() < TOLERANCE


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("pad_mode", PAD_MODES)
@pytest.mark.parametrize("samples", [1, 2, 3, 511, 512, 1023, 1024, 1025, 2047, 2048, 2049])
def test_short_sound_is_mirrored_as_often_as_it_takes(samples: int, pad_mode: PadMode) -> None:
    config = FeatureConfig(pad_mode=pad_mode)
    waveform = singing(16_000 + samples)[16_000:]
    got = LogMel(config)(torch.from_numpy(waveform)).numpy()
    assert got.shape == (128, 1 + samples // 512)
    assert np.abs(got - by_librosa(waveform, config)).max() < TOLERANCE


def test_other_settings_equal_librosa_too() -> None:
    config = FeatureConfig(sample_rate=22_050, n_fft=1024, hop_length=300, n_mels=40)
    waveform = singing(30_000)
    got = LogMel(config)(torch.from_numpy(waveform)).numpy()
    assert np.abs(got - by_librosa(waveform, config)).max() < TOLERANCE


def test_each_track_of_a_batch_has_its_own_floor() -> None:
    loud, quiet = singing(40_000, 1), 1e-3 * singing(40_000, 2)
    batch = LogMel()(torch.from_numpy(np.stack([loud, quiet]))).numpy()
    for got, waveform in zip(batch, (loud, quiet), strict=True):
        assert np.abs(got - by_librosa(waveform)).max() < TOLERANCE


def test_silence_lies_at_the_smallest_power() -> None:
    assert torch.equal(LogMel()(torch.zeros(5000)), torch.full((128, 10), -100.0))


def test_the_floor_of_a_part_is_that_of_the_whole_track() -> None:
    decibels = torch.tensor([[-90.0, -30.0], [-50.0, 10.0]])
    assert floor(decibels[:, :1], 20.0, 80.0).tolist() == [[-60.0], [-50.0]]
    per_track = floor(torch.stack([decibels, decibels]), torch.tensor([20.0, 100.0]).reshape(2, 1, 1), 80.0)
    assert per_track.tolist() == [[[-60, -30], [-50, 10]], [[20, 20], [20, 20]]]


@pytest.mark.parametrize("pad", [1, 3, 8])
@pytest.mark.parametrize("samples", [1, 2, 3, 4, 9, 20])
def test_edges_are_padded_as_numpy_does(samples: int, pad: int) -> None:
    waveform = np.random.default_rng(samples).normal(size=(2, samples))
    for mode in PAD_MODES:
        expected = np.pad(waveform, ((0, 0), (pad, pad)), mode=mode)
        assert np.array_equal(pad_edges(torch.from_numpy(waveform), pad, mode), expected)


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="no samples"):
        LogMel()(torch.zeros(0))


def blocks_of(waveform: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (waveform[start : start + size] for start in range(0, len(waveform), size))


EXACT = (CHUNK_FRAMES - 1) * 512  # the last frame of a chunk is the last frame of the sound


@pytest.mark.parametrize("pad_mode", PAD_MODES)
@pytest.mark.parametrize(
    "samples", [1, 700, 1024, 1025, 3000, EXACT - 1, EXACT, EXACT + 512, 2 * EXACT + 5000]
)
def test_the_stream_equals_the_whole_and_does_not_depend_on_the_blocks(
    samples: int, pad_mode: PadMode
) -> None:
    log_mel = LogMel(FeatureConfig(pad_mode=pad_mode))
    waveform = singing(samples)
    whole = log_mel(torch.from_numpy(waveform)).numpy()
    streams = []
    for size in (max(1, samples // 97), 512, 1024, 160_001, samples):
        chunks = list(stream_log_mel(partial(blocks_of, waveform, size), log_mel))
        assert all(chunk.shape == (128, CHUNK_FRAMES) for chunk in chunks[:-1])
        streams.append(np.concatenate(chunks, axis=1))
    assert streams[0].shape == whole.shape
    assert np.abs(streams[0] - whole).max() < TOLERANCE
    for stream in streams[1:]:
        assert np.array_equal(stream, streams[0])


def test_single_samples_as_blocks() -> None:
    waveform = singing(2500)
    got = torch.cat(list(stream_decibels(blocks_of(waveform, 1), LogMel())), dim=1)
    assert torch.equal(got, torch.cat(list(stream_decibels([waveform], LogMel())), dim=1))


@pytest.mark.parametrize("samples", [1, 511, 512, 513, 1024 * 512 - 1, 1024 * 512, 2000 * 512 + 7])
def test_a_waveform_has_as_many_frames_as_its_spectrogram(samples: int) -> None:
    waveform = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    for size in (samples, 10_007):
        frames = torch.cat(list(stream_waveform(blocks_of(waveform, size))), dim=1).numpy()
        assert frames.shape == (512, 1 + samples // 512)
        assert np.array_equal(frames.T.ravel()[:samples], waveform)
        assert not frames.T.ravel()[samples:].any()


def test_long_sound_is_read_twice_and_comes_out_the_same() -> None:
    """The loudest frame is in the last chunk: its floor must hold in the first one."""
    log_mel = LogMel()
    waveform = singing(3 * CHUNK_FRAMES * 512)
    waveform[:-2000] *= 1e-3
    readings = 0

    def read() -> Iterator[np.ndarray]:
        nonlocal readings
        readings += 1
        return blocks_of(waveform, 50_000)

    held = torch.cat(list(stream_log_mel(read, log_mel)), dim=1).numpy()
    assert readings == 1
    twice = torch.cat(list(stream_log_mel(read, log_mel, hold_seconds=1.0)), dim=1).numpy()
    assert readings == 3
    assert np.array_equal(held, twice)
    assert held[:, 0].min() == held.max() - 80
    assert np.abs(held - by_librosa(waveform)).max() < TOLERANCE


def test_a_file_streams_as_it_loads(test_data: Path) -> None:
    path = min((test_data / "voices").glob("*/*/*.mp3"))
    log_mel = LogMel()
    stream = torch.cat(list(stream_log_mel(partial(read_blocks, path), log_mel)), dim=1).numpy()
    assert np.abs(stream - log_mel(torch.from_numpy(load(path))).numpy()).max() < TOLERANCE


@pytest.mark.gpu
def test_a_gpu_computes_the_same() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    waveform = torch.from_numpy(singing(100_000))
    on_gpu = LogMel().cuda()
    assert (on_gpu(waveform.cuda()).cpu() - LogMel()(waveform)).abs().max() < TOLERANCE
    stream = torch.cat(list(stream_log_mel(lambda: [waveform.numpy()], on_gpu)), dim=1).numpy()
    assert np.abs(stream - LogMel()(waveform).numpy()).max() < TOLERANCE


@pytest.mark.parametrize(
    ("seconds", "frames"), [(3, 94), (5, 157), (10, 313), (3.2, 100), (0.032, 1), (0, 0)]
)
def test_seconds_are_rounded_up_to_frames(seconds: float, frames: int) -> None:
    assert seconds_to_frames(seconds) == frames
    assert frames_to_seconds(frames) == pytest.approx(math.ceil(seconds / 0.032 - 1e-9) * 0.032)


def melody_by_loops(f0: np.ndarray, n_mels: int) -> np.ndarray:
    frequencies = librosa.mel_frequencies(n_mels)
    columns = np.zeros((n_mels, len(f0)))
    for frame, frequency in enumerate(f0):
        if math.isfinite(frequency) and frequency > 0:
            columns[max(band for band in range(n_mels) if frequencies[band] <= frequency), frame] = 1
    return columns


@pytest.mark.parametrize("n_mels", [128, 40])
def test_melody_map(n_mels: int) -> None:
    own = librosa.mel_frequencies(n_mels)
    f0 = np.concatenate(
        [
            [0, -1, np.nan, np.inf, -np.inf, 1e-9, 1e9],
            own,
            np.nextafter(own[1:], 0),
            np.random.default_rng(0).uniform(0, 12_000, 200),
        ]
    )
    got = melody_map(torch.from_numpy(f0), n_mels)
    assert got.dtype == torch.float32
    assert np.array_equal(got, melody_by_loops(f0, n_mels))


def test_melody_maps_of_a_batch() -> None:
    f0 = torch.from_numpy(np.random.default_rng(0).uniform(-100, 2000, (3, 2, 50)).astype(np.float32))
    got = melody_map(f0)
    assert got.shape == (3, 2, 128, 50)
    assert np.array_equal(got[2, 1], melody_by_loops(f0[2, 1].numpy().astype(float), 128))


def test_band_frequencies_are_where_the_filters_peak():
    config = FeatureConfig()
    filters = librosa.filters.mel(sr=16000, n_fft=1 << 16, n_mels=128)  # bins of a quarter of a hertz
    peaks = filters.argmax(axis=1) * 16000 / (1 << 16)
    np.testing.assert_allclose(band_frequencies(config), peaks, atol=0.25)
