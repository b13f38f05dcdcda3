"""A WaveNet on the raw waveform, in the manner of Zhang et al.

Zhang, Jiang, Deng, Yang and Chen, "Singing Voice Identification using WaveNet" (2020): gated residual units
with dilated convolutions (van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016), then
several down-sampling layers and a classifier. Their hyper-parameters are not known here: all sizes are our
own, so scores may differ from theirs.

Letters in shapes: B batch, N samples of a frame, W frames, T = N W samples, C channels.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from singerid.nn.layers import initialize_as_keras, shape_text


class GatedResidualUnit(nn.Module):
    """A causal dilated convolution of two taps, a gate, a residual connection and a skip connection.

    Args:
        channels: C.
        skip_channels: channels of the skip connection, which goes to the network's output.
        dilation: distance of the two taps in samples.
        last: whether no unit follows; then there is no residual connection.
    """

    def __init__(self, channels: int, skip_channels: int, dilation: int, last: bool = False) -> None:
        super().__init__()
        self.dilation = dilation
        self.filter_and_gate = nn.Conv1d(channels, 2 * channels, 2, dilation=dilation)
        self.residual = None if last else nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, skip_channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T) -> the same shape for the next unit, and (B, skip_channels, T) for the output."""
        filtered, gate = self.filter_and_gate(pad(x, (self.dilation, 0))).chunk(2, dim=1)
        gated = torch.tanh(filtered) * torch.sigmoid(gate)
        return x if self.residual is None else x + self.residual(gated), self.skip(gated)


class WaveNet(nn.Module):
    """Gated residual units, down-sampling convolutions, the mean over time, a linear layer.

    Args:
        singers: number of classes.
        frame_samples: N; a clip consists of whole frames, as a spectrogram does.
        channels: C of the units.
        skip_channels: channels of the sum of all skip connections, and of all layers after it.
        dilations: dilations of the units, in order.
        downsampling: number of down-sampling layers.
        downsampling_factor: each of them keeps one of so many time steps.
        dropout: after each of these layers.
        output_dropout: before the last layer.
        eps: added to variances by batch norm.
        momentum: of batch norm, in torch's convention.
    """

    def __init__(
        self,
        singers: int,
        *,
        frame_samples: int,
        channels: int,
        skip_channels: int,
        dilations: tuple[int, ...],
        downsampling: int,
        downsampling_factor: int,
        dropout: float,
        output_dropout: float,
        eps: float,
        momentum: float,
    ) -> None:
        super().__init__()
        self.frame_samples = frame_samples
        self.smallest_frames = -(-(downsampling_factor**downsampling) // frame_samples)
        self.input = nn.Conv1d(1, channels, 1)
        self.units = nn.ModuleList(
            GatedResidualUnit(channels, skip_channels, dilation, last=number == len(dilations))
            for number, dilation in enumerate(dilations, start=1)
        )
        self.downsampling = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv1d(skip_channels, skip_channels, downsampling_factor, downsampling_factor),
                    nn.ELU(),
                    nn.BatchNorm1d(skip_channels, eps=eps, momentum=momentum),
                    nn.Dropout(dropout),
                )
                for _ in range(downsampling)
            )
        )
        self.dropout = nn.Dropout(output_dropout)
        self.output = nn.Linear(skip_channels, singers)
        self.apply(initialize_as_keras)

    def embed(self, waveform: Tensor) -> Tensor:
        """Embedding of clips: waveform (B, N, W), full scale +-1, its columns frames -> (B, skip_channels).

        Raises:
            ValueError: the shape is wrong; the message names the expected and the given one.
        """
        if (
            waveform.ndim != 3
            or waveform.shape[1] != self.frame_samples
            or waveform.shape[2] < self.smallest_frames
        ):
            raise ValueError(
                f"waveform must be (B, {self.frame_samples}, W) with W >= {self.smallest_frames}, "
                f"got {shape_text(waveform.shape)}"
            )
        x = self.input(waveform.transpose(1, 2).flatten(1)[:, None])
        x, total = self.units[0](x)
        for unit in self.units[1:]:
            x, skip = unit(x)
            total = total + skip
        embedding: Tensor = self.downsampling(torch.relu(total)).mean(-1)
        return embedding

    def forward(self, waveform: Tensor) -> Tensor:
        """Logits of clips: waveform (B, N, W) -> (B, singers); raises ValueError as `embed`."""
        logits: Tensor = self.output(self.dropout(self.embed(waveform)))
        return logits
