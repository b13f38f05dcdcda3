"""Kaldi's filter bank, as speaker networks read it: as a torch module, and as a stream of any length.

Povey et al., "The Kaldi Speech Recognition Toolkit", ASRU 2011; tests compare it with kaldi-native-fbank.
From each frame its mean is subtracted; then the frame is pre-emphasised and windowed, and its power spectrum
is weighted by triangles that are evenly spaced on the mel scale 1127 ln(1 + f / 700). The result is the
logarithm of that. No dither is added.

Letters in shapes: B batch, H bands, W frames.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from singerid.config import FilterBankConfig, FilterBankWindow
from singerid.sound.decoding.pieces import Samples
from singerid.sound.features import CHUNK_FRAMES, spans

# The machine epsilon of float32. Smaller powers are raised to it.
_SMALLEST_POWER = float(np.finfo(np.float32).eps)
_DEFAULT = FilterBankConfig()


class FilterBank(nn.Module):
    """Logarithms of a filter bank's powers; all frames lie within the sound.

    Args:
        config: sample rate, frames, bands, window and scale.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, config: FilterBankConfig = _DEFAULT) -> None:
        super().__init__()
        self.config = config
        # Not part of a saved state: the configuration determines them. Spectra are computed in double
        # precision: beside a loud band, the rounding errors of float32 would show in silent bands.
        window = torch.tensor(_window(config.window, config.frame_length), dtype=torch.float64)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", torch.tensor(kaldi_filters(config)), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Filter bank of waveforms; the mean over time is not subtracted.

        Args:
            waveform: (B, samples) or (samples,), at the configuration's sample rate, full scale +-1.

        Returns:
            (B, H, W) or (H, W), where W = 1 + (samples - frame_length) // hop_length, or 0 if the waveform is
            shorter than a frame; float32.
        """
        config = self.config
        waveform = waveform.to(self.window.dtype) * config.scale
        if waveform.shape[-1] < config.frame_length:
            return self.filters.new_zeros(*waveform.shape[:-1], config.n_mels, 0)
        power = self.power(self.frames(waveform)).to(torch.float32)
        bank: Tensor = self.filters @ power.transpose(-2, -1)
        return bank.clamp(min=_SMALLEST_POWER).log()

    def frames(self, waveform: Tensor) -> Tensor:
        """Overlapping frames (..., W, frame_length) of a waveform (..., samples)."""
        return waveform.unfold(-1, self.config.frame_length, self.config.hop_length)

    def power(self, frames: Tensor) -> Tensor:
        """Power spectra (..., W, 1 + n_fft // 2) of frames."""
        spectrum = self.spectrum(frames)
        power: Tensor = spectrum.real.square() + spectrum.imag.square()
        return power

    def spectrum(self, frames: Tensor) -> Tensor:
        """Complex spectra (..., W, 1 + n_fft // 2) of frames; linear in the frames."""
        frames = frames - frames.mean(-1, keepdim=True)
        # For pre-emphasis, the sample before the first one is taken to equal the first one.
        before = torch.cat((frames[..., :1], frames[..., :-1]), dim=-1)
        frames = (frames - self.config.preemphasis * before) * self.window
        spectrum: Tensor = torch.fft.rfft(frames, n=self.config.n_fft)
        return spectrum


def stream_filter_bank(blocks: Iterable[Samples], bank: FilterBank) -> Iterator[Tensor]:
    """Yield the filter bank of a waveform that comes in blocks; memory does not grow with its length.

    Args:
        blocks: mono samples, cut anywhere; the result does not depend on the cuts.
        bank: computes the filter bank, on its device.

    Yields:
        (H, W) on that device, W = `CHUNK_FRAMES` except in the last chunk; nothing if the sound is shorter
        than a frame.
    """
    config, device = bank.config, bank.window.device
    for span in spans(map(torch.from_numpy, blocks), config.frame_length, config.hop_length, CHUNK_FRAMES):
        with torch.inference_mode():
            chunk = bank(span.to(device))
        yield chunk


@cache
def kaldi_filters(config: FilterBankConfig) -> NDArray[np.float32]:
    """Triangular filters over the bins of a spectrum, (n_mels, 1 + n_fft // 2), of height 1; read-only.

    They are evenly spaced on the mel scale from `low_hz` to half the sample rate.
    """
    low, high = _to_mel(config.low_hz), _to_mel(config.sample_rate / 2)
    step = (high - low) / (config.n_mels + 1)
    left = low + step * np.arange(config.n_mels)[:, None]
    mels = _to_mel(config.sample_rate / config.n_fft * np.arange(config.n_fft // 2 + 1))
    filters = np.maximum(0, np.minimum(mels - left, left + 2 * step - mels) / step).astype(np.float32)
    filters.flags.writeable = False
    return filters


def _to_mel(hertz: NDArray[np.floating[Any]] | float) -> NDArray[np.floating[Any]]:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def _window(kind: FilterBankWindow, length: int) -> NDArray[np.floating[Any]]:
    """A symmetric window (length,), which begins and ends with its smallest value."""
    cosine = np.cos(2 * np.pi * np.arange(length) / (length - 1))
    match kind:
        case "povey":  # Daniel Povey's: like Hamming's, but zero at its ends
            return (0.5 - 0.5 * cosine) ** 0.85
        case "hanning":
            return 0.5 - 0.5 * cosine
        case "hamming":
            return 0.54 - 0.46 * cosine
        case "rectangular":
            return np.ones(length)
