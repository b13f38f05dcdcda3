"""Gaussian smoothing of feature maps: G in Eq. 7."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from singerid.nn.layers import Dimensions, check_map

_CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


@dataclass(frozen=True)
class Smoothing:
    """How FGNL smooths its maps: standard deviation and size of the Gaussian, in positions.

    The paper gives the kernel but not its numbers; these are those of the authors' program.
    """

    sigma: float = 0.707
    kernel_size: int = 5


class GaussianSmoothing(nn.Module):
    """Depth-wise convolution with a fixed Gaussian kernel; zero padding keeps the size.

    The kernel is the paper's G(p, q) = exp(-(p^2 + q^2) / (2 sigma^2)) / (2 pi sigma^2), divided by its
    sum, so that the truncated kernel still has unit gain, as the authors' program does (at the
    defaults the two differ by 7e-5 of the kernel). It is a buffer: saved with the weights, never trained.

    Args:
        channels: C.
        dimensions: number of position axes. Of three, the first (T) is time in frames of a video and is
            not smoothed: smoothing is spatial, over H and W.
        smoothing: sigma and odd kernel size.

    Raises:
        ValueError: sigma is not positive or the kernel size not odd and positive.

    >>> smoothing = GaussianSmoothing(channels=3)
    >>> tuple(smoothing.kernel.shape), round(smoothing.kernel[0].sum().item(), 6)
    ((3, 1, 5, 5), 1.0)
    """

    kernel: Tensor

    def __init__(self, channels: int, dimensions: Dimensions = 2, smoothing: Smoothing | None = None) -> None:
        super().__init__()
        smoothing = smoothing or Smoothing()
        sigma, size = smoothing.sigma, smoothing.kernel_size
        if not (sigma > 0 and math.isfinite(sigma)):
            raise ValueError(f"sigma must be positive, got {sigma}")
        if size < 1 or size % 2 == 0:
            raise ValueError(f"kernel_size must be odd and positive, got {size}")
        self.channels = channels
        self.dimensions = dimensions
        offsets = torch.arange(size, dtype=torch.float64) - size // 2
        line = torch.exp(-(offsets**2) / (2 * sigma**2))
        kernel = line if dimensions == 1 else torch.outer(line, line)
        kernel = (kernel / kernel.sum()).to(torch.get_default_dtype())
        shape = {1: (size,), 2: (size, size), 3: (1, size, size)}[dimensions]
        self.padding = tuple(extent // 2 for extent in shape)
        self.register_buffer("kernel", kernel.view(1, 1, *shape).repeat(channels, *(1,) * (dimensions + 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Smooth every channel by itself: x (B, C, *positions) -> the same shape."""
        check_map(x, self.channels, self.dimensions, "x")
        return _CONVOLVE[self.dimensions](x, self.kernel, padding=self.padding, groups=self.channels)
