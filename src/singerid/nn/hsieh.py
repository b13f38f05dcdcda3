"""The network trained on artist20 that Hsieh et al. published: their CRNN with two convolutions per block.

Hsieh, Cheng, Fan, Yang and Yang, "Addressing the Confounds of Accompaniments in Singer Identification",
ICASSP 2020; https://github.com/bill317996/Singer-identification-in-artist20 .

It differs from `CRNN` in `singerid.nn.crnn`: there is nothing between the two convolutions of a block,
dropout drops whole channels, the second GRU starts from the first one's last state, and the classifier reads
the states of all steps, so the length of a clip is fixed.

Letters in shapes: B batch, H mel bands, W frames, T steps of the GRUs.
"""

import math

import torch
from torch import Tensor, nn

from singerid.nn.layers import shape_text

CHANNELS = (64, 128, 128, 128)
POOLS = ((2, 2), (4, 2), (4, 2), (4, 2))  # (mel bands, frames)
GRU_UNITS = 32


class HsiehBlock(nn.Sequential):
    """Two 3x3 convolutions, ELU, batch norm, max pool, dropout of whole channels."""

    def __init__(self, in_channels: int, out_channels: int, pool: tuple[int, int]) -> None:
        super().__init__()
        self.add_module("first", nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1))
        self.add_module("second", nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1))
        self.add_module("elu", nn.ELU())
        self.add_module("norm", nn.BatchNorm2d(out_channels))
        self.add_module("pool", nn.MaxPool2d(pool))
        self.add_module("dropout", nn.Dropout2d(0.1))


class HsiehCRNN(nn.Module):
    """Log-mel clips of one length -> logits of singers.

    The authors' program starts the first GRU from random noise, so its results vary from call to call. Here
    it starts from zeros, so a clip always gives the same result.

    Args:
        singers: number of classes.
        clip_frames: W; 157 frames are 5 s. All lengths with the same number of GRU steps work: 144 to 159.
        n_mels: H.
    """

    def __init__(self, singers: int, clip_frames: int = 157, n_mels: int = 128) -> None:
        super().__init__()
        pooled_bands, pooled_frames = (math.prod(pool[axis] for pool in POOLS) for axis in (0, 1))
        self.n_mels = n_mels
        self.steps = clip_frames // pooled_frames
        self.smallest_frames = self.steps * pooled_frames
        self.largest_frames = self.smallest_frames + pooled_frames - 1
        self.norm = nn.BatchNorm1d(n_mels)
        self.blocks = nn.Sequential(
            *map(HsiehBlock, (1, *CHANNELS[:-1]), CHANNELS, POOLS)  # one block after the other
        )
        self.gru_first = nn.GRU(n_mels // pooled_bands * CHANNELS[-1], GRU_UNITS, batch_first=True)
        self.gru_second = nn.GRU(GRU_UNITS, GRU_UNITS, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(self.steps * GRU_UNITS, singers)

    def embed(self, mel: Tensor) -> Tensor:
        """Embedding of clips, the second GRU's states of all steps: mel (B, H, W) in dB -> (B, T * 32).

        Raises:
            ValueError: the shape is wrong; the message names the expected and the given one.
        """
        if (
            mel.ndim != 3
            or mel.shape[1] != self.n_mels
            or not self.smallest_frames <= mel.shape[2] <= self.largest_frames
        ):
            raise ValueError(
                f"mel must be (B, {self.n_mels}, W) with {self.smallest_frames} to {self.largest_frames} "
                f"frames, got {shape_text(mel.shape)}"
            )
        maps = self.blocks(self.norm(mel).unsqueeze(1))
        steps = maps.permute(0, 3, 2, 1).flatten(2)  # (B, T, bands * channels), mel-major
        start = torch.zeros(1, len(mel), GRU_UNITS, device=mel.device, dtype=mel.dtype)
        states, last = self.gru_first(steps, start)
        states, _ = self.gru_second(states, last)
        return states.flatten(1)  # type: ignore[no-any-return]

    def forward(self, mel: Tensor) -> Tensor:
        """Logits of clips: mel (B, H, W) in dB -> (B, singers); raises ValueError as `embed`."""
        logits: Tensor = self.output(self.dropout(self.embed(mel)))
        return logits
