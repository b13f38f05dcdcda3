"""The filter bank of speaker networks, compared with Kaldi's own arithmetic and with published values."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import voice
from singerid.config import FilterBankConfig
from singerid.sound.features import frames_to_seconds, heard_seconds, seconds_to_frames
from singerid.sound.filter_bank import FilterBank, kaldi_filters, stream_filter_bank

CONFIGS = (
    FilterBankConfig(),
    FilterBankConfig(window="hamming", scale=32768.0),  # as WeSpeaker's networks read it
    FilterBankConfig(window="hanning", n_mels=40, low_hz=0.0, preemphasis=0.0),
    FilterBankConfig(window="rectangular", sample_rate=8000, frame_length=200, hop_length=80, n_mels=23),
)


def by_kaldi(samples: np.ndarray, config: FilterBankConfig) -> np.ndarray:
    """(frames, bands) of kaldi-native-fbank."""
    kaldi = pytest.importorskip("kaldi_native_fbank")
    options = kaldi.FbankOptions()
    frame = options.frame_opts
    frame.samp_freq, frame.dither, frame.snip_edges = config.sample_rate, 0, True
    frame.frame_length_ms = 1000 * config.frame_length / config.sample_rate
    frame.frame_shift_ms = 1000 * config.hop_length / config.sample_rate
    frame.window_type, frame.preemph_coeff, frame.remove_dc_offset = config.window, config.preemphasis, True
    options.mel_opts.num_bins, options.mel_opts.low_freq = config.n_mels, config.low_hz
    options.mel_opts.high_freq, options.use_energy = 0, False
    bank = kaldi.OnlineFbank(options)
    bank.accept_waveform(config.sample_rate, (samples * config.scale).tolist())
    bank.input_finished()
    return np.stack([bank.get_frame(number) for number in range(bank.num_frames_ready)])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.window)
def test_it_is_kaldis(config):
    samples = voice(150.0, 3.0, 1)
    samples[10_000:14_000] = 0
    samples[14_000:20_000] = 0.01 * samples[14_000:20_000] + 0.02  # faint, beside an offset
    expected = by_kaldi(samples, config)
    found = FilterBank(config)(torch.from_numpy(samples)).T.numpy()
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    # Kaldi computes in float32, whose rounding shows in faint bands.
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    assert np.median(np.abs(found - expected)) < 1e-5


def test_published_values(test_data):
    with np.load(test_data / "reference/campplus.npz") as golden:
        for number in range(3):
            samples = torch.from_numpy(golden[f"input/{number}"].astype(np.float32) / 32768)
            expected = golden[f"fbank/{number}"]
            found = FilterBank()(samples).T.numpy()
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_a_batch_is_each_of_it():
    sounds = torch.from_numpy(np.stack([voice(pitch, 1.0, 3) for pitch in (90.0, 200.0, 400.0)]))
    batch = FilterBank()(sounds)
    assert batch.shape == (3, 80, 98)
    for sound, found in zip(sounds, batch, strict=True):
        torch.testing.assert_close(FilterBank()(sound), found, atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=25)
@given(samples=st.integers(0, 200_000), cuts=st.lists(st.integers(0, 200_000), max_size=6))
def test_a_stream_is_the_whole_however_it_is_cut(samples, cuts):
    sound = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    pieces = np.split(sound, sorted(min(cut, samples) for cut in cuts))
    bank = FilterBank()
    chunks = [torch.zeros(80, 0), *stream_filter_bank(pieces, bank)]
    whole = bank(torch.from_numpy(sound))
    assert whole.shape[1] == max(0, 1 + (samples - 400) // 160)
    torch.testing.assert_close(torch.cat(chunks, dim=1), whole, atol=1e-5, rtol=0)


def test_memory_does_not_grow_with_the_sound():
    """Of an hour of sound, at most two chunks and a block are read ahead."""
    read, given = 0, 0

    def blocks():
        nonlocal read
        for _ in range(360):
            read += 160_000
            yield np.zeros(160_000, np.float32)

    for chunk in stream_filter_bank(blocks(), FilterBank()):
        assert read - 160 * given < 2 * 1024 * 160 + 160_000
        assert chunk.shape[1] <= 1024
        given += chunk.shape[1]
    assert given == 360_000 - 2


def test_silence_is_the_floor():
    bank = FilterBank()(torch.zeros(400))
    assert torch.equal(bank, torch.full((80, 1), float(np.log(np.float32(1.1920929e-07)))))


def test_bands_stand_where_they_should():
    filters = kaldi_filters(FilterBankConfig())
    assert filters.shape == (80, 257)
    assert not filters[:, 0].any()  # 20 Hz and more
    assert not filters[:, -1].any()
    inner = filters[:, 2:-11].sum(0)
    np.testing.assert_allclose(inner, 1, atol=1e-6)  # neighbours add up to one
    with pytest.raises(ValueError, match="read-only"):
        filters[0, 0] = 1


def test_frames_and_seconds():
    config = FilterBankConfig()
    assert [seconds_to_frames(seconds, config) for seconds in (0.025, 1.5, 3, 3.01)] == [1, 148, 298, 299]
    assert frames_to_seconds(150, config) == 1.5
    assert heard_seconds(298, config) == pytest.approx(2.995)
    assert heard_seconds(1, replace(config, sample_rate=8000)) == 0.05


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_says_the_same():
    sound = torch.from_numpy(voice(150.0, 3.0, 1))
    found = FilterBank().cuda()(sound.cuda()).cpu()
    torch.testing.assert_close(found, FilterBank()(sound), atol=1e-4, rtol=0)
