"""Convolution by the Fourier transform, compared with torch's."""

import pytest
import torch
from torch import nn

from singerid.nn.spectral import SpectralConv1d


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("channels", "outputs", "kernel", "stride", "positions"),
    [(3, 5, 64, 1, 71), (1, 7, 512, 4, 1532), (2, 3, 6, 3, 30), (4, 2, 16, 1, 16), (2, 2, 1, 1, 5)],
)
def test_equals_the_convolution(
    channels: int, outputs: int, kernel: int, stride: int, positions: int, bias: bool
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, outputs, (kernel, 1), stride=(stride, 1), bias=bias)
    x = torch.randn(4, channels, positions, 1)
    with torch.inference_mode():
        got, expected = SpectralConv1d(conv, positions)(x), conv(x)
    assert got.shape == expected.shape
    assert (got - expected).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("conv", "positions"),
    [
        (nn.Conv2d(2, 2, (4, 3)), 16),
        (nn.Conv2d(2, 2, (4, 1), padding=1), 16),
        (nn.Conv2d(2, 2, (4, 1), dilation=2), 16),
        (nn.Conv2d(2, 2, (4, 1), groups=2), 16),
        (nn.Conv2d(2, 2, (4, 1), stride=3), 15),
        (nn.Conv2d(2, 2, (4, 1), stride=(2, 1)), 15),
    ],
)
def test_other_convolutions_are_refused(conv: nn.Conv2d, positions: int) -> None:
    with pytest.raises(ValueError, match="Fourier"):
        SpectralConv1d(conv, positions)
