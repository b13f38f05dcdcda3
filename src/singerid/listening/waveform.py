"""A network and its front end as one differentiable module, from waveform to probabilities.

Letters in shapes: H mel bands (or samples of a frame of the waveform), W frames of a clip.
"""

import torch
from torch import Tensor, nn

from singerid.config import FilterBankConfig
from singerid.models.spec import InputSpec
from singerid.nn.layers import shape_text
from singerid.sound.features import LogMel
from singerid.sound.filter_bank import FilterBank


class CutClips(nn.Module):
    """Waveform (1, samples) -> its whole clips (clips, H, W), cut from the start without overlap.

    Args:
        spec: of a network that reads log-mel clips or the waveform.
        log_mel: makes the spectrogram; None: as the spec says.

    Raises:
        ValueError: the network reads a melody, which no module tracks.
    """

    def __init__(self, spec: InputSpec, log_mel: LogMel | None = None) -> None:
        super().__init__()
        if len(spec.inputs) != 1:
            raise ValueError(f"{' and '.join(spec.inputs)} cannot be made from a waveform alone")
        self.spec = spec
        self.log_mel = None if spec.reads_waveform else log_mel or LogMel(spec.log_mel)

    def forward(self, waveform: Tensor) -> Tensor:
        """(1, samples) at the spec's sample rate, full scale +-1 -> (clips, H, W)."""
        spec, hop_length = self.spec, self.spec.features.hop_length
        count = (1 + waveform.shape[-1] // hop_length) // spec.window_frames
        if self.log_mel is None:
            samples = count * spec.window_frames * hop_length
            padded = nn.functional.pad(waveform[0], (0, hop_length))[:samples]  # as `stream_waveform`
            return padded.reshape(count, spec.window_frames, hop_length).transpose(1, 2)
        mel: Tensor = self.log_mel(waveform)[0, :, : count * spec.window_frames]
        return mel.reshape(spec.columns, count, spec.window_frames).transpose(0, 1)


class CutWindows(nn.Module):
    """Waveform (1, samples) -> the sound of its whole windows (windows, samples of one), which may overlap.

    Args:
        spec: of a network that reads a filter bank.
    """

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        features = spec.filter_bank
        self.hop = spec.hop * features.hop_length
        length = (spec.window_frames - 1) * features.hop_length + features.frame_length
        self.register_buffer("within", torch.arange(length), persistent=False)

    within: Tensor

    def forward(self, waveform: Tensor) -> Tensor:
        """(1, samples) at the spec's sample rate, full scale +-1 -> (windows, samples of one)."""
        count = (waveform.shape[-1] - len(self.within) + self.hop) // self.hop
        starts = self.hop * torch.arange(count, device=waveform.device)
        return waveform[0][starts.unsqueeze(1) + self.within]


class OfWindows(nn.Module):
    """A network together with its filter bank: sound of windows (B, samples) -> logits (B, singers).

    Args:
        model: the network.
        spec: the input that it needs.
        bank: makes the filter bank; None: as the spec says.
    """

    def __init__(self, model: nn.Module, spec: InputSpec, bank: FilterBank | None = None) -> None:
        super().__init__()
        self.bank = bank or FilterBank(spec.filter_bank)
        self.model = model
        self.removes_mean = spec.removes_mean

    def forward(self, sound: Tensor) -> Tensor:
        """(B, samples) -> logits (B, singers)."""
        bands = self.bank(sound)
        if self.removes_mean:
            bands = bands - bands.mean(-1, keepdim=True)
        logits: Tensor = self.model(bands)
        return logits


class WaveformModel(nn.Module):
    """A network and its front end as one module: waveform in, probabilities out.

    Args:
        model: a network that gives logits.
        spec: the input that it needs.

    Raises:
        ValueError: the network reads a melody.

    >>> import torch
    >>> from singerid import build_model
    >>> model = WaveformModel(build_model("crnn", 20, width=0.25).eval(), InputSpec(window_frames=94))
    >>> model(torch.zeros(1, 7 * 16_000)).shape  # two clips of 3 s, and a remainder that is left out
    torch.Size([2, 20])
    """

    def __init__(self, model: nn.Module, spec: InputSpec) -> None:
        super().__init__()
        self.cut: nn.Module
        self.model: nn.Module
        if isinstance(spec.features, FilterBankConfig):
            self.cut, self.model = CutWindows(spec), OfWindows(model, spec)
        else:
            self.cut, self.model = CutClips(spec), model

    def forward(self, waveform: Tensor) -> Tensor:
        """(1, samples) at the spec's sample rate, full scale +-1 -> (clips, singers).

        A sound shorter than a clip gives no row. A GPU multiplies in the precision that PyTorch is set to.

        Raises:
            ValueError: the waveform has another shape.
        """
        if waveform.ndim != 2 or len(waveform) != 1:
            raise ValueError(f"waveform must be (1, samples), got {shape_text(waveform.shape)}")
        logits: Tensor = self.model(self.cut(waveform))
        return logits.softmax(-1)
