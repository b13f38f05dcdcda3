"""Features that the networks read (log-mel spectrograms and melody maps), and seconds converted to frames.

The spectrogram is librosa's, as the authors' program calls it (`librosa.feature.melspectrogram`,
then `librosa.amplitude_to_db` with `ref=1.0` on that *power* spectrogram), written as a torch module
so that batches run on any device, and as a stream so that memory use does not grow with a file's length.

Letters in shapes: B batch, H mel bands, W frames.
"""

import math
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from singerid.config import FeatureConfig, Features, FilterBankConfig, PadMode
from singerid.sound.audio import Read
from singerid.sound.decoding.pieces import Samples
from singerid.sound.mel import mel_filters, mel_frequencies

DEFAULT_FEATURES = FeatureConfig()

# Frames computed at once when streaming: 33 s. A fixed number, so that the features of a file do not
# depend on how it was read.
CHUNK_FRAMES = 1024
# A CPU computes the spectra of this many of them at a time: 1 MB, which stays in its cache.
CACHED_FRAMES = 128
# Sound up to this long is read once and its features held (14 MB); longer sound is read twice.
HOLD_SECONDS = 15 * 60.0


def seconds_to_frames(seconds: float, config: Features = DEFAULT_FEATURES) -> int:
    """Number of frames in a clip of `seconds`, rounded up as in the paper: 3, 5, 10 s are 94, 157, 313.

    For a filter bank, only frames that lie within the clip count: 298 for 3 s.

    >>> [seconds_to_frames(seconds) for seconds in (3, 5, 10)], seconds_to_frames(3, FilterBankConfig())
    ([94, 157, 313], 298)
    """
    samples = round(seconds * config.sample_rate)
    if isinstance(config, FilterBankConfig):
        return 1 + (samples - config.frame_length) // config.hop_length
    return -(-samples // config.hop_length)


def frames_to_seconds(frames: int, config: Features = DEFAULT_FEATURES) -> float:
    """Duration of `frames` in seconds; each frame counts as one hop.

    >>> frames_to_seconds(94)
    3.008
    """
    return frames * config.hop_length / config.sample_rate


def heard_seconds(frames: int, config: Features = DEFAULT_FEATURES) -> float:
    """Duration of the sound that `frames` are computed from: 2.995 s for 298 frames of a filter bank.

    >>> round(heard_seconds(298, FilterBankConfig()), 6)
    2.995
    """
    beyond = config.frame_length - config.hop_length if isinstance(config, FilterBankConfig) else 0
    return frames_to_seconds(frames, config) + beyond / config.sample_rate


def floor(decibels: Tensor, maximum: Tensor | float, top_db: float = FeatureConfig.top_db) -> Tensor:
    """Raise all values more than `top_db` below `maximum` to that floor.

    Args:
        decibels: any shape.
        maximum: the loudest cell of the *whole track*, even if `decibels` is only a part of it; a
            tensor must broadcast against `decibels`.
        top_db: distance from the maximum to the floor, on the scale of `decibels`.

    >>> floor(torch.tensor([0.0, -30.0, -90.0]), maximum=0.0, top_db=60.0).tolist()
    [0.0, -30.0, -60.0]
    """
    return decibels.clamp(min=torch.as_tensor(maximum - top_db, device=decibels.device))


class LogMel(nn.Module):
    """Log-mel spectrogram in dB, equal to librosa's within 1e-3 dB.

    The decibels are 20 log10 of a *power*, so they are twice the real decibels (see `FeatureConfig`).
    Sound shorter than half a window is mirrored repeatedly, as NumPy and librosa do.

    Args:
        config: sample rate, window, hop, bands, padding and floor.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, config: FeatureConfig = DEFAULT_FEATURES) -> None:
        super().__init__()
        self.config = config
        # Not part of a saved state: the configuration determines them.
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        filters = torch.tensor(mel_filters(config.sample_rate, config.n_fft, config.n_mels))
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Log-mel spectrogram of whole tracks, each floored below its own maximum.

        Args:
            waveform: (B, samples) or (samples,), at the configuration's sample rate, full scale +-1.

        Returns:
            (B, H, W) or (H, W) in dB, where W = 1 + samples // hop_length; float32.
        """
        decibels = self.decibels(pad_edges(waveform, self.config.n_fft // 2, self.config.pad_mode))
        return floor(decibels, decibels.amax((-2, -1), keepdim=True), self.config.top_db)

    def decibels(self, padded: Tensor) -> Tensor:
        """Log-mel spectrogram, without the floor, of samples that are padded already.

        Args:
            padded: (B, samples) or (samples,), at least `n_fft` samples.

        Returns:
            (B, H, W) or (H, W) in dB, where W = 1 + (samples - n_fft) // hop_length; float32.
        """
        power = self.power(padded.to(torch.float32))
        return 20 * torch.log10((self.filters @ power).clamp(min=self.config.amin))

    def power(self, padded: Tensor) -> Tensor:
        """Power spectrogram, (..., samples) -> (..., 1 + n_fft // 2, W)."""
        config = self.config
        spectrum = torch.stft(
            padded, config.n_fft, config.hop_length, window=self.window, center=False, return_complex=True
        )
        return spectrum.real.square() + spectrum.imag.square()


def pad_edges(waveform: Tensor, pad: int, mode: PadMode) -> Tensor:
    """`waveform` (..., samples) with `pad` samples before and after it: mirrored ones, or zeros.

    Raises:
        ValueError: there are no samples.

    >>> pad_edges(torch.tensor([1, 2, 3]), 2, "reflect").tolist()
    [3, 2, 1, 2, 3, 2, 1]
    """
    samples = waveform.shape[-1]
    if samples == 0:
        raise ValueError("there are no samples: a waveform must hold at least one")
    if mode == "constant":
        return nn.functional.pad(waveform, (pad, pad))
    # The mirrored signal is periodic, so a waveform shorter than `pad` needs no special case.
    period = max(1, 2 * (samples - 1))
    position = torch.arange(-pad, samples + pad, device=waveform.device) % period
    return waveform[..., torch.minimum(position, period - position)]


def stream_log_mel(read: Read, log_mel: LogMel, hold_seconds: float = HOLD_SECONDS) -> Iterator[Tensor]:
    """Yield the log-mel spectrogram of a whole track in chunks, floored below the track's maximum.

    Memory is bounded whatever the length: sound longer than `hold_seconds` is read twice, first for
    its maximum. The chunks depend neither on `hold_seconds` nor on how the sound is cut into blocks;
    `LogMel.forward` of the whole waveform equals them to float rounding (1e-3 dB).

    Args:
        read: reads the sound; for a file, `partial(read_blocks, path, config.sample_rate)`.
        log_mel: the extractor; features are computed on its device.
        hold_seconds: longest sound whose features are held in memory; longer sound is read twice.

    Yields:
        (H, W) in dB, float32, on the extractor's device, W = `CHUNK_FRAMES` except in the last chunk.

    Raises:
        Whatever `read` raises. Nothing is yielded before the sound has been read to its end once.
    """
    config = log_mel.config
    hold_frames = seconds_to_frames(hold_seconds, config)
    held: list[Tensor] = []
    frames, maximum = 0, -math.inf
    for chunk in stream_decibels(read(), log_mel):
        frames += chunk.shape[-1]
        maximum = max(maximum, float(chunk.max()))
        held = [*held, chunk] if frames <= hold_frames else []
    for chunk in held or stream_decibels(read(), log_mel):
        yield floor(chunk, maximum, config.top_db)


def stream_waveform(blocks: Iterable[Samples], config: FeatureConfig = DEFAULT_FEATURES) -> Iterator[Tensor]:
    """Yield a waveform cut into as many frames as its spectrogram has; the last one is padded with zeros.

    Args:
        blocks: mono samples, cut anywhere; the result does not depend on the cuts.
        config: a frame has `hop_length` samples.

    Yields:
        (hop_length, W) float32 on the CPU, W = `CHUNK_FRAMES` except in the last chunk.
    """
    hop = config.hop_length
    size = CHUNK_FRAMES * hop
    held: Samples = np.zeros(0, np.float32)
    samples = 0
    for block in blocks:
        samples += len(block)
        held = np.concatenate((held, block))
        while len(held) >= size:
            yield torch.from_numpy(held[:size].reshape(-1, hop).T)
            held = held[size:]
    held = np.pad(held, (0, hop - samples % hop))
    yield torch.from_numpy(held.reshape(-1, hop).T)


def stream_decibels(blocks: Iterable[Samples], log_mel: LogMel) -> Iterator[Tensor]:
    """Yield the log-mel spectrogram of a waveform that comes in blocks, without the floor.

    Args:
        blocks: mono samples, cut anywhere; the result does not depend on the cuts.
        log_mel: the extractor.

    Yields:
        (H, W) in dB on the extractor's device, W = `CHUNK_FRAMES` except in the last chunk.
    """
    config = log_mel.config
    for span in padded_spans(blocks, config.n_fft, config.hop_length, CHUNK_FRAMES, config.pad_mode):
        yield _decibels(span, log_mel)


def padded_spans(
    blocks: Iterable[Samples], window: int, hop_length: int, frames: int, pad_mode: PadMode
) -> Iterator[Tensor]:
    """Yield a waveform that comes in blocks as overlapping spans of `frames` frames each.

    Half a window is padded before and after the waveform, so that frame i is centred on sample
    i * hop_length and there are 1 + samples // hop_length frames.

    Args:
        blocks: mono samples, cut anywhere; the spans do not depend on the cuts.
        window: length of a frame in samples.
        hop_length: distance of the frames in samples.
        frames: whole frames in a span; the last one may hold fewer.
        pad_mode: what to pad with.

    Yields:
        (samples,) on the CPU; frame n of a span begins at its sample n * hop_length.

    Raises:
        ValueError: there are no samples.
    """
    padded = _padded_stream(map(torch.from_numpy, blocks), window // 2, pad_mode)
    yield from spans(padded, window, hop_length, frames)


def spans(pieces: Iterable[Tensor], window: int, hop_length: int, frames: int) -> Iterator[Tensor]:
    """Yield a waveform that comes in pieces (samples,) as spans, see `padded_spans`, without padding it.

    >>> [span.tolist() for span in spans([torch.arange(6)], window=2, hop_length=1, frames=3)]
    [[0.0, 1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]
    """
    step = frames * hop_length
    length = step - hop_length + window
    held = torch.zeros(0)
    for piece in pieces:
        held = torch.cat((held, piece))
        while len(held) >= length:
            yield held[:length]
            held = held[step:]
    if len(held) >= window:
        yield held


@torch.inference_mode()
def _decibels(padded: Tensor, log_mel: LogMel) -> Tensor:
    device, config = log_mel.window.device, log_mel.config
    if device.type != "cpu":
        return log_mel.decibels(padded.to(device))
    step, overlap = CACHED_FRAMES * config.hop_length, config.n_fft - config.hop_length
    parts = (padded[start : start + step + overlap] for start in range(0, len(padded) - overlap, step))
    return torch.cat([log_mel.decibels(part) for part in parts if len(part) >= config.n_fft], dim=-1)


def _padded_stream(blocks: Iterator[Tensor], pad: int, mode: PadMode) -> Iterator[Tensor]:
    """Yield blocks that, joined, equal `pad_edges` of the given blocks, joined."""
    head = torch.zeros(0)
    while len(head) <= pad:  # the edge mirrors `pad` samples besides the first
        block = next(blocks, None)
        if block is None:
            yield pad_edges(head, pad, mode)
            return
        head = torch.cat((head, block))
    yield pad_edges(head, pad, mode)[: pad + len(head)]
    tail = head[-pad - 1 :]
    for block in blocks:
        yield block
        tail = torch.cat((tail, block))[-pad - 1 :]
    yield pad_edges(tail, pad, mode)[-pad:]


def melody_map(f0: Tensor, n_mels: int = FeatureConfig.n_mels) -> Tensor:
    """One-hot map of a melody over mel bands, as the paper's melody branch reads it.

    Each frame's column marks the highest band of `librosa.mel_frequencies(n_mels)` (its defaults:
    0 Hz to 11,025 Hz) whose frequency is at most F0.

    Args:
        f0: (..., W), fundamental frequency in Hz; a value that is zero, negative, NaN or infinite means
            "no pitch" and gives an empty column.
        n_mels: number of bands.

    Returns:
        (..., n_mels, W) of zeros and ones, float32, on the device of `f0`.

    >>> melody_map(torch.tensor([0.0, 440.0])).sum(0).tolist()
    [0.0, 1.0]
    """
    frequencies = _melody_bands(n_mels, f0.device)
    pitched = torch.isfinite(f0) & (f0 > 0)
    # In double precision, so that a band's own frequency falls into that band. Unpitched frames get band -1.
    band = torch.searchsorted(frequencies, f0.double().contiguous(), right=True) - 1
    band = band.masked_fill(~pitched, -1)
    bands = torch.arange(n_mels, device=f0.device)
    return (band[..., None, :] == bands[:, None]).to(torch.float32)


@cache
def _melody_bands(n_mels: int, device: torch.device) -> Tensor:
    """Frequencies of the bands on a device, copied there only once: the host waits for each copy to a GPU."""
    return torch.tensor(mel_frequencies(n_mels), device=device)


def band_frequencies(config: FeatureConfig = DEFAULT_FEATURES) -> NDArray[np.float64]:
    """Centres of the spectrogram's mel bands in Hz, (n_mels,), ascending and read-only."""
    return mel_frequencies(config.n_mels + 2, config.sample_rate / 2)[1:-1]
