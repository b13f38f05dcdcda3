"""CAM++: a speaker network of densely connected time-delay layers with context-aware masks.

Wang, Zheng, Chen, Cheng and Chen, "CAM++: A Fast and Efficient Network for Speaker Verification Using
Context-Aware Masking", Interspeech 2023. Layers are named as in the weights that its authors published.

It cannot be trained here: its batch norms always use the published statistics, even if they or their parents
are put into training mode.

Letters in shapes: B windows, C channels, H bands of the filter bank, W frames, T = W / 2 frames after the
front, D size of a vector.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from singerid.nn.layers import shape_text

BANDS = 80  # H
VECTOR_SIZE = 192  # D
FRONT_CHANNELS = 32
TDNN_CHANNELS = 128
GROWTH = 32  # channels that a dense layer adds
BOTTLENECK = 128  # channels within a dense layer
MASK_UNITS = 64
SEGMENT_FRAMES = 100  # of T: 2 s
SMALLEST_FRAMES = 3  # W: two frames after the front, the least that have a deviation


class _Frozen(nn.Module):
    def train(self, mode: bool = True) -> Self:
        """Does nothing: the module stays in evaluation mode."""
        return super().train(False)


class FrozenNorm1d(_Frozen, nn.BatchNorm1d):
    """Batch norm that never learns."""


class FrozenNorm2d(_Frozen, nn.BatchNorm2d):
    """Batch norm that never learns."""


class CAMPlusPlus(_Frozen):
    """Filter banks of windows -> vectors of voices, not normalised; frozen.

    Plain layers, one after the other: `singerid.nn.campplus_folded` computes the same in less time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = Front()
        self.xvector = Body()
        self.train(False)
        self.requires_grad_(False)

    def forward(self, bank: Tensor) -> Tensor:
        """Vectors (B, 192) of filter banks (B, 80, W) whose mean over the window was subtracted.

        Raises:
            ValueError: the shape is wrong; the message names the expected and the given one.
        """
        check_bank(bank)
        vectors: Tensor = self.xvector(self.head(bank))
        return vectors


def check_bank(bank: Tensor) -> None:
    """Raise ValueError unless the network can read a filter bank of that shape."""
    if bank.ndim != 3 or bank.shape[1] != BANDS or bank.shape[2] < SMALLEST_FRAMES:
        raise ValueError(
            f"bank must be (B, {BANDS}, W) of at least {SMALLEST_FRAMES} frames, got {shape_text(bank.shape)}"
        )


class Front(nn.Module):
    """Residual blocks that treat the filter bank as an image: (B, H, W) -> (B, 32 * H / 8, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, FRONT_CHANNELS, 3, padding=1, bias=False)
        self.bn1 = FrozenNorm2d(FRONT_CHANNELS)
        self.layer1 = nn.Sequential(Residual(stride=2), Residual(stride=1))
        self.layer2 = nn.Sequential(Residual(stride=2), Residual(stride=1))
        self.conv2 = nn.Conv2d(FRONT_CHANNELS, FRONT_CHANNELS, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = FrozenNorm2d(FRONT_CHANNELS)

    def forward(self, bank: Tensor) -> Tensor:
        """(B, H, W) -> (B, 320, W): the bands of a channel are adjacent."""
        x = functional.relu(self.bn1(self.conv1(bank.unsqueeze(1))))
        x = self.layer2(self.layer1(x))
        return functional.relu(self.bn2(self.conv2(x))).flatten(1, 2)


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the stride is over bands only."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        channels = FRONT_CHANNELS
        self.conv1 = nn.Conv2d(channels, channels, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = FrozenNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = FrozenNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut.append(nn.Conv2d(channels, channels, 1, stride=(stride, 1), bias=False))
            self.shortcut.append(FrozenNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H / stride, W)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Body(nn.Module):
    """Dense blocks over frames, then pooling over time: (B, 320, W) -> (B, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.tdnn = TDNN(FRONT_CHANNELS * BANDS // 8, TDNN_CHANNELS)
        self.block1, self.transit1, channels = _stage(TDNN_CHANNELS, layers=12, dilation=1)
        self.block2, self.transit2, channels = _stage(channels, layers=24, dilation=2)
        self.block3, self.transit3, channels = _stage(channels, layers=16, dilation=2)
        self.out_nonlinear = NormReLU(channels)
        self.dense = Dense(2 * channels, VECTOR_SIZE)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 320, W) -> (B, D); the mean and the (unbiased) standard deviation over time are pooled."""
        x = self.transit1(self.block1(self.tdnn(x)))
        x = self.transit3(self.block3(self.transit2(self.block2(x))))
        deviation, mean = torch.std_mean(self.out_nonlinear(x), dim=-1)
        vectors: Tensor = self.dense(torch.cat((mean, deviation), dim=1))
        return vectors


def _stage(channels: int, layers: int, dilation: int) -> "tuple[DenseBlock, Transition, int]":
    """A dense block, the transition that halves its channels, and the number of channels that are left."""
    gathered = channels + layers * GROWTH
    return DenseBlock(channels, layers, dilation), Transition(gathered, gathered // 2), gathered // 2


class NormReLU(nn.Module):
    """Batch norm, then ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.batchnorm = FrozenNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape with C as its second axis."""
        return functional.relu(self.batchnorm(x))


class TDNN(nn.Module):
    """A convolution over five frames with a stride of two, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(in_channels, out_channels, 5, stride=2, padding=2, bias=False)
        self.nonlinear = NormReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, W) -> (B, 128, T)."""
        y: Tensor = self.nonlinear(self.linear(x))
        return y


class DenseBlock(nn.ModuleDict):
    """Layers of which each reads the outputs of all layers before it."""

    def __init__(self, channels: int, layers: int, dilation: int) -> None:
        super().__init__(
            {f"tdnnd{n + 1}": DenseLayer(channels + n * GROWTH, dilation) for n in range(layers)}
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C + layers * 32, T)."""
        for layer in self.values():
            x = torch.cat((x, layer(x)), dim=1)
        return x


class DenseLayer(nn.Module):
    """Batch norm, ReLU and a 1x1 convolution, then batch norm, ReLU and the masked convolution."""

    def __init__(self, in_channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = NormReLU(in_channels)
        self.linear1 = nn.Conv1d(in_channels, BOTTLENECK, 1, bias=False)
        self.nonlinear2 = NormReLU(BOTTLENECK)
        self.cam_layer = ContextAwareMask(dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, 32, T)."""
        y: Tensor = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))
        return y


class ContextAwareMask(nn.Module):
    """A convolution, multiplied by a mask made from the means over all frames and over each segment."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(BOTTLENECK, GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(BOTTLENECK, MASK_UNITS, 1)
        self.linear2 = nn.Conv1d(MASK_UNITS, GROWTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 128, T) -> (B, 32, T)."""
        context = x.mean(-1, keepdim=True) + segment_means(x)
        mask = torch.sigmoid(self.linear2(functional.relu(self.linear1(context))))
        mask = mask.repeat_interleave(SEGMENT_FRAMES, dim=-1)[..., : x.shape[-1]]
        y: Tensor = self.linear_local(x) * mask
        return y


def segment_means(x: Tensor) -> Tensor:
    """Means (B, C, segments) over each segment of x (B, C, T); the last one may be shorter."""
    return functional.avg_pool1d(x, SEGMENT_FRAMES, ceil_mode=True)


class Transition(nn.Module):
    """Batch norm, ReLU, and a 1x1 convolution that halves the channels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.nonlinear = NormReLU(in_channels)
        self.linear = nn.Conv1d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C / 2, T)."""
        y: Tensor = self.linear(self.nonlinear(x))
        return y


class Norm(nn.Module):
    """Batch norm that neither scales nor shifts."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.batchnorm = FrozenNorm1d(channels, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) -> (B, C)."""
        y: Tensor = self.batchnorm(x)
        return y


class Dense(nn.Module):
    """Pooled statistics -> a vector, normalised by a batch norm that neither scales nor shifts."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(in_channels, out_channels, 1, bias=False)
        self.nonlinear = Norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2 C) -> (B, D)."""
        y: Tensor = self.nonlinear(self.linear(x.unsqueeze(-1)).squeeze(-1))
        return y
