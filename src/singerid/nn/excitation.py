"""Channel (and spatial) excitation: blocks that weigh the channels of a map, (B, C, *positions) in and out.

Letters in shapes: B batch, C channels, P positions. `SqueezeExcitation` and `MoSE` work on maps with
any number of position axes; inside FGNL the responses take the place of the channels.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from singerid.nn.layers import CONVOLUTIONS, Dimensions, check_map, initialize_as_keras, pointwise


class _ChannelExcitation(nn.Module, ABC):
    """Squeeze by global average pooling, excite, multiply."""

    @abstractmethod
    def excite(self, squeezed: Tensor) -> Tensor:
        """(B, C) means -> (B, C) weights."""

    def weights(self, x: Tensor) -> Tensor:
        """Excitation weights of a map: x (B, C, *positions) -> (B, C)."""
        return self.excite(x.flatten(2).mean(-1))

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels: x (B, C, *positions) -> the same shape."""
        return x * self.weights(x).view(*x.shape[:2], *(1,) * (x.ndim - 2))


class SqueezeExcitation(_ChannelExcitation):
    """Squeeze-and-excitation: mean, C -> hidden, ReLU, hidden -> C, sigmoid.

    Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018, Eq. 2-4.

    Args:
        channels: C.
        hidden: units between the two layers (C / r in the SE paper).
    """

    def __init__(self, channels: int, hidden: int = 16) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, hidden)
        self.expand = nn.Linear(hidden, channels)
        self.apply(initialize_as_keras)

    def excite(self, squeezed: Tensor) -> Tensor:
        """(B, C) means -> (B, C) weights in (0, 1), independent of each other."""
        return torch.sigmoid(self.expand(torch.relu(self.squeeze(squeezed))))


class MoSE(_ChannelExcitation):
    """Modified squeeze-and-excitation of FGNL: w = MoSE(R), R~ = w * R (Eq. 8).

    Two 1x1 convolutions, shared by all channels, with ReLU and then softmax over the channels in place
    of SE's linear layers and sigmoid: the channels compete, and there may be any number of them.

    Args:
        hidden: channels between the two convolutions.
    """

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.squeeze = pointwise(1, 1, hidden)
        self.expand = pointwise(1, hidden, 1)

    def excite(self, squeezed: Tensor) -> Tensor:
        """(B, C) means -> (B, C) weights that sum to one."""
        hidden = torch.relu(self.squeeze(squeezed.unsqueeze(1)))
        return torch.softmax(self.expand(hidden).squeeze(1), dim=-1)


class CBAM(nn.Module):
    """Convolutional block attention module: channel weights, then weights of positions.

    Woo, Park, Lee and Kweon, "CBAM: Convolutional Block Attention Module", ECCV 2018, Eq. 1-3.

    Args:
        channels: C.
        hidden: units of the shared two-layer perceptron (C / r in that paper).
        kernel_size: odd size of the spatial convolution.
        dimensions: number of position axes of the maps.
    """

    def __init__(
        self, channels: int, hidden: int = 16, kernel_size: int = 7, dimensions: Dimensions = 2
    ) -> None:
        super().__init__()
        self.channels = channels
        self.dimensions = dimensions
        self.perceptron = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        self.spatial = CONVOLUTIONS[dimensions](2, 1, kernel_size, padding=kernel_size // 2)
        self.apply(initialize_as_keras)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh channels and positions: x (B, C, *positions) -> the same shape."""
        check_map(x, self.channels, self.dimensions, "x")
        positions = x.flatten(2)
        weights = torch.sigmoid(self.perceptron(positions.mean(-1)) + self.perceptron(positions.amax(-1)))
        x = x * weights.view(*x.shape[:2], *(1,) * self.dimensions)
        pooled = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.spatial(pooled))


class SCSE(nn.Module):
    """Concurrent spatial and channel squeeze-and-excitation, combined by the element-wise maximum.

    Roy, Navab and Wachinger, "Recalibrating Fully Convolutional Networks With Spatial and Channel
    'Squeeze & Excitation' Blocks", IEEE Transactions on Medical Imaging 38(2), 2019: the larger of the
    channel-excited and the position-excited map ("max-out").

    Args:
        channels: C.
        hidden: units of the channel branch (C / r in that paper).
        dimensions: number of position axes of the maps.
    """

    def __init__(self, channels: int, hidden: int = 16, dimensions: Dimensions = 2) -> None:
        super().__init__()
        self.channels = channels
        self.dimensions = dimensions
        self.channel = SqueezeExcitation(channels, hidden)
        self.spatial = pointwise(dimensions, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh channels and positions: x (B, C, *positions) -> the same shape."""
        check_map(x, self.channels, self.dimensions, "x")
        return torch.maximum(self.channel(x), x * torch.sigmoid(self.spatial(x)))
