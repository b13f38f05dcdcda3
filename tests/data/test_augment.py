"""Augmentation: statistics of the draws, and the equaliser against one that acts on the sound's power."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from singerid.config import AugmentConfig
from singerid.data.augment import AUGMENT_MODES, augment, equalize, equalizer_curves, mask

CONFIG = AugmentConfig()
BATCHES = pytest.mark.parametrize("batch", [1, 8])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clips(batch: int, n_mels: int = 128, frames: int = 94, seed: int = 1) -> Tensor:
    """Log-mel-like clips: 60 to 110 dB between the quietest and the loudest cell, then the floor of 80 dB."""
    mel = 20 * torch.randn(batch, n_mels, frames, generator=generator(seed)) - 40
    return mel.maximum(mel.amax((1, 2), keepdim=True) - 80)


def features_of(power: np.ndarray) -> np.ndarray:
    """20 log10 of a power, at most 80 below its maximum, as the features are made."""
    decibels = 20 * np.log10(power)
    return np.maximum(decibels, decibels.max() - 80)


@BATCHES
def test_none_changes_nothing(batch: int) -> None:
    mel = clips(batch)
    source = generator()
    before = source.get_state()
    assert augment(mel, "none", source) is mel
    assert torch.equal(source.get_state(), before)


@BATCHES
@pytest.mark.parametrize("mode", [mode for mode in AUGMENT_MODES if mode != "none"])
def test_the_generator_alone_decides(batch: int, mode: str) -> None:
    mel = clips(batch)
    original = mel.clone()
    torch.manual_seed(0)
    first = augment(mel, mode, generator(3))
    torch.manual_seed(1)
    assert torch.equal(first, augment(mel, mode, generator(3)))
    assert not torch.equal(first, augment(mel, mode, generator(4)))
    assert torch.equal(mel, original), "the input was changed"
    assert first.shape == mel.shape
    assert first.dtype == mel.dtype
    assert torch.isfinite(first).all()


def test_all_is_the_equaliser_and_then_masking() -> None:
    mel = clips(4)
    source = generator(5)
    expected = augment(augment(mel, "equalizer", source), "masking", source)
    assert torch.equal(augment(mel, "all", generator(5)), expected)


@pytest.mark.parametrize("mode", AUGMENT_MODES)
def test_a_part_of_a_batch_is_changed_as_in_the_whole(mode: str) -> None:
    mel = clips(7)
    whole = augment(mel, mode, generator(5))
    for first, last in ((0, 3), (3, 5), (5, 7)):
        part = augment(mel[first:last], mode, generator(5), part=(first, 7))
        assert torch.allclose(part, whole[first:last], atol=1e-4)


def test_every_clip_of_a_batch_gets_its_own_change() -> None:
    mel = clips(1).expand(8, -1, -1)
    changed = augment(mel, "all", generator())
    assert len({clip.numpy().tobytes() for clip in changed}) == 8


def test_curves_are_cosines_of_the_stated_deviations() -> None:
    n_mels, draws = 128, 20_000
    curves = equalizer_curves(draws, n_mels, generator(), CONFIG).double().numpy()
    axis = np.array([[math.cos(math.pi * k * (h + 0.5) / n_mels) for h in range(n_mels)] for k in range(6)])
    amplitudes, *_ = np.linalg.lstsq(axis.T, curves.T, rcond=None)
    assert np.abs(amplitudes.T @ axis - curves).max() < 1e-3, "something beside the six cosines"
    # The sample deviation of n normal draws is off by sigma / sqrt(2 n), 0.5 %; five times that is allowed.
    np.testing.assert_allclose(amplitudes.std(axis=1), CONFIG.equalizer_db, rtol=0.025)
    assert np.abs(amplitudes.mean(axis=1) / CONFIG.equalizer_db).max() < 5 / math.sqrt(draws)
    assert np.abs(np.corrcoef(amplitudes) - np.eye(6)).max() < 5 / math.sqrt(draws)


@BATCHES
def test_the_equaliser_is_one_that_acts_on_power_before_the_floor(batch: int) -> None:
    rng = np.random.default_rng(2)
    power = 10 ** rng.uniform(-5, 0, (batch, 32, 50))  # 100 dB of the features' scale: a part is at the floor
    curves = equalizer_curves(batch, 32, generator(7), CONFIG).double()
    before = np.stack([features_of(clip) for clip in power])
    true = np.stack(
        [
            features_of(clip * 10 ** (curve[:, None] / 20))
            for clip, curve in zip(power, curves.numpy(), strict=True)
        ]
    )
    found = equalize(torch.from_numpy(before), curves).numpy()
    heard = before > before.min((1, 2), keepdims=True)
    assert 0.05 < 1 - heard.mean() < 0.5, "the case has cells at the floor and others"
    np.testing.assert_allclose(found[heard], true[heard], atol=1e-9)
    # A cell that was at the floor holds less than the floor: what is put there is at most what came in.
    assert (found[~heard] <= true[~heard] + 1e-9).all()
    np.testing.assert_allclose(found.min((1, 2)), true.min((1, 2)), atol=1e-9)


def test_a_gain_moves_everything_alike() -> None:
    mel = clips(3)
    gains = torch.tensor([-7.0, 0.0, 12.5])
    expected = mel + gains[:, None, None]
    torch.testing.assert_close(equalize(mel, gains[:, None].expand(-1, 128)), expected)


def test_silence_stays_silence() -> None:
    mel = torch.full((2, 16, 9), -100.0)
    assert torch.equal(augment(mel, "equalizer", generator()), mel)


def masked_lines(changed: Tensor, mel: Tensor, dim: int) -> Tensor:
    """(B, size): lines along the other axis in which every cell was replaced."""
    return (changed != mel).all(dim=dim)


@BATCHES
def test_masks_are_bands_of_the_clips_mean(batch: int) -> None:
    mel = clips(batch, seed=3)
    changed = mask(mel, generator(11), CONFIG)
    mels, times = masked_lines(changed, mel, 2), masked_lines(changed, mel, 1)
    blank = mels[:, :, None] | times[:, None, :]
    assert torch.equal(changed != mel, blank), "only whole bands are blanked"
    assert blank.any()
    means = mel.mean((1, 2), keepdim=True).expand_as(mel)
    torch.testing.assert_close(changed[blank], means[blank])


@pytest.mark.parametrize(("axis", "size", "widest"), [("mel", 128, 12), ("time", 94, 9)])
def test_widths_and_places_are_uniform(axis: str, size: int, widest: int) -> None:
    one = {"mel_masks": 0, "time_masks": 0} | {f"{axis}_masks": 1}
    mel = clips(1).expand(4000, -1, -1)
    changed = mask(mel, generator(2), AugmentConfig(**one))
    lines = (changed != mel).any(dim=2 if axis == "mel" else 1)
    widths = lines.sum(dim=1)
    counts = torch.bincount(widths, minlength=widest + 1).numpy()
    assert len(counts) == widest + 1
    expected = 4000 / (widest + 1)
    assert (np.abs(counts - expected) < 5 * math.sqrt(expected)).all()
    changes = lines.int().diff(dim=1).abs().sum(dim=1)
    assert (changes <= 2).all(), "one mask is one band"
    narrow = lines[widths == 1].float()
    places = narrow.argmax(dim=1).float()
    assert places.min() == 0
    assert places.max() == size - 1
    error = size / math.sqrt(12 * len(places))
    assert abs(places.mean() - (size - 1) / 2) < 5 * error


def test_masks_add_up() -> None:
    mel = clips(1).expand(500, -1, -1)
    lines = (mask(mel, generator(1), AugmentConfig(mel_masks=3, time_masks=0)) != mel).any(dim=2)
    bands = (lines.int().diff(dim=1, prepend=torch.zeros(500, 1, dtype=torch.int)) == 1).sum(dim=1)
    assert bands.max() == 3
    assert lines.sum(dim=1).max() > 12


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu() -> None:
    mel = clips(8).cuda()
    source = torch.Generator("cuda").manual_seed(0)
    changed = augment(mel, "all", source)
    assert changed.is_cuda
    assert torch.isfinite(changed).all()
    assert not torch.equal(changed, mel)
