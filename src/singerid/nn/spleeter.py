"""Spleeter's networks: from magnitudes of a stereo mixture to those of its vocals and of the rest.

Source: Hennequin, Khlif, Voituret and Moussallam, "Spleeter: a fast and efficient music source separation
tool with pre-trained models", JOSS 2020; the U-Net is that of Jansson et al., ISMIR 2017. One U-Net per stem.

Letters in shapes: B pieces, C channels, W frames, F frequency bins.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from singerid.nn.layers import shape_text

WIDTHS = (16, 32, 64, 128, 256, 512)  # C of the maps on the way down
STEREO = 2
SLOPE = 0.2  # of the leaky ReLU below 0
EPS = 1e-3  # added to variances by batch norm
_SMALLEST = 1e-10  # added to the squares, half of it to each stem's, so that silence is shared equally


class SpleeterUNet(nn.Module):
    """Magnitudes of a mixture -> those of one stem.

    On the way down, a convolution's output is the skip connection as it is, and goes further down through
    batch norm and leaky ReLU. On the way up, ReLU comes before batch norm. The last layer makes a mask.

    Args:
        widths: C on the way down, from the top.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.widths = tuple(widths)
        up = (*self.widths[-2::-1], 1)  # C on the way up
        inside = (self.widths[-1], *(2 * channels for channels in up[:-1]))
        self.down = nn.ModuleList(
            nn.Conv2d(before, channels, kernel_size=5, stride=2)
            for before, channels in zip((STEREO, *self.widths), self.widths, strict=False)
        )
        self.down_norms = nn.ModuleList(nn.BatchNorm2d(channels, eps=EPS) for channels in self.widths[:-1])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before, channels, kernel_size=5, stride=2, padding=1)
            for before, channels in zip(inside, up, strict=True)
        )
        self.up_norms = nn.ModuleList(nn.BatchNorm2d(channels, eps=EPS) for channels in up)
        self.mask = nn.Conv2d(1, STEREO, kernel_size=4, dilation=2, padding=3)

    def forward(self, magnitudes: Tensor) -> Tensor:
        """(B, 2, W, F) -> (B, 2, W, F); W and F are multiples of 2 to the number of `widths`.

        Raises:
            ValueError: another shape.
        """
        check_magnitudes(magnitudes, len(self.widths))
        x, skips = magnitudes, []
        for conv, norm in zip(self.down, (*self.down_norms, None), strict=True):
            skips.append(conv(pad_same(x)))
            if norm is not None:
                x = functional.leaky_relu(norm(skips[-1]), SLOPE)
        x = skips.pop()
        for conv, norm in zip(self.up, self.up_norms, strict=True):
            # TensorFlow cuts one row before and two after: `padding` has cut one on either side.
            x = norm(functional.relu(conv(x)[..., :-1, :-1]))
            if skips:
                x = torch.cat((skips.pop(), x), dim=1)
        mask: Tensor = self.mask(x).sigmoid()
        return magnitudes * mask


class VocalsMask(nn.Module):
    """Magnitudes of a mixture -> the share of them that is sung.

    Args:
        vocals: a network from the mixture's magnitudes to the vocals'.
        accompaniment: a network from the mixture's magnitudes to the accompaniment's.
    """

    def __init__(self, vocals: nn.Module, accompaniment: nn.Module) -> None:
        super().__init__()
        self.vocals = vocals
        self.accompaniment = accompaniment

    def forward(self, magnitudes: Tensor) -> Tensor:
        """(B, 2, W, F) -> (B, 2, W, F), between 0 and 1; raises ValueError as `SpleeterUNet`."""
        vocals = self.vocals(magnitudes).square()
        rest = self.accompaniment(magnitudes).square()
        share: Tensor = (vocals + _SMALLEST / 2) / (vocals + rest + _SMALLEST)
        return share


def check_magnitudes(magnitudes: Tensor, levels: int) -> None:
    """Raise ValueError unless these are stereo magnitudes that can be halved `levels` times."""
    shape, step = magnitudes.shape, 1 << levels
    if magnitudes.ndim != 4 or shape[1] != STEREO or shape[2] % step or shape[3] % step:
        raise ValueError(
            f"magnitudes must be (B, {STEREO}, W, F), W and F multiples of {step}, got {shape_text(shape)}"
        )


def pad_same(x: Tensor) -> Tensor:
    """Pad maps of even size with zeros as TensorFlow's "same" does for kernel 5 and stride 2.

    Three rows and three columns are added: one before and two after.

    >>> pad_same(torch.ones(1, 1, 1, 1))[0, 0].tolist()
    [[0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    return functional.pad(x, (1, 2, 1, 2))
