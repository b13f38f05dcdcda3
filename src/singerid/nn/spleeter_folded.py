"""Spleeter's U-Net for inference: the same function, faster.

Maps are channels last in memory. A transposed convolution of stride 2 becomes four plain ones, for the even
and odd rows and columns of its output; none of them multiplies by zeros. The batch norm and ReLU after it
become scaled weights and one maximum, which also writes the four maps into each other and beside the skip
connection.

Letters in shapes: B pieces, C channels, O channels that come out, W frames, F frequency bins.
"""

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from singerid.nn.spleeter import SLOPE, SpleeterUNet, check_magnitudes, pad_same

_PARITIES = tuple(product((0, 1), repeat=2))  # of a row and a column of a transposed convolution's output
# Row 2 i + r of the output (whose first row is cut) is the sum over the kernel's rows k of row
# (2 i + r + 1 - k) / 2 of the input. For r = 0 the kernel's rows 3 and 1 meet i - 1 and i; for r = 1
# its rows 4, 2 and 0 meet i - 1, i and i + 1. The same holds for columns.
_TAPS = ([3, 1], [4, 2, 0])
_FEW = 8  # channels: with fewer, four convolutions take longer than one that multiplies by some zeros


class FoldedUNet(nn.Module):
    """The same function as a `SpleeterUNet` in evaluation mode, without gradients.

    Args:
        network: the network whose weights are taken over.
    """

    @torch.no_grad()
    def __init__(self, network: SpleeterUNet) -> None:
        super().__init__()
        self.levels = len(network.widths)
        self.down = nn.ModuleList(_convolution(*_weights(conv), stride=2) for conv in network.down)
        self.norms = nn.ModuleList(_Affine(*_scale_and_shift(norm)) for norm in network.down_norms)
        self.up = nn.ModuleList()
        signs = torch.ones(network.widths[-1])  # by which the channels of the input are multiplied
        for conv, norm in zip(network.up, network.up_norms, strict=True):
            # scale relu(x) + shift is max(scale x + shift, shift); where scale < 0, its negative is computed.
            kernel, bias = _weights(conv)
            scale, shift = _scale_and_shift(norm)
            sign = torch.where(scale < 0, -1.0, 1.0)
            kernel = kernel * signs[:, None, None, None] * _to_maps(scale.abs())
            self.up.append(_Grow(kernel, bias * scale.abs() + sign * shift, sign * shift))
            signs = torch.cat((torch.ones_like(sign), sign))  # the skip connection comes first
        kernel, bias = _weights(network.mask)
        self.mask = _convolution(kernel * signs[-1], bias, padding=3, dilation=2)
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, magnitudes: Tensor) -> Tensor:
        """As `SpleeterUNet.forward`."""
        check_magnitudes(magnitudes, self.levels)
        x = magnitudes.contiguous(memory_format=torch.channels_last)
        skips = []
        for conv, norm in zip(self.down, (*self.norms, None), strict=True):
            skips.append(conv(pad_same(x)))
            if norm is not None:
                x = functional.leaky_relu_(norm(skips[-1]), SLOPE)
        x = skips.pop()
        for grow in self.up:
            x = grow(x, skips.pop() if skips else None)
        mask: Tensor = self.mask(x).sigmoid_()
        return magnitudes * mask


class _Grow(nn.Module):
    """max(convolution, floor) with twice as many rows and columns, appended to the skip connection.

    Args:
        kernel: of the transposed convolution, (C, O, 5, 5).
        bias: (O,).
        floor: (O,).
    """

    floor: Tensor

    def __init__(self, kernel: Tensor, bias: Tensor, floor: Tensor) -> None:
        super().__init__()
        inside, outside = kernel.shape[:2]
        kernels = [kernel[:, :, _TAPS[row]][..., _TAPS[column]].transpose(0, 1) for row, column in _PARITIES]
        if outside < _FEW:
            joined = kernel.new_zeros(len(kernels), outside, inside, 3, 3)
            for place, own in zip(joined, kernels, strict=True):
                place[..., : own.shape[2], : own.shape[3]] = own
            kernels, bias = [joined.flatten(0, 1)], bias.repeat(len(kernels))
        # Zeros on either side: the extra last row that a kernel of two rows gives is cut off.
        self.convs = nn.ModuleList(_convolution(own, bias, padding=1) for own in kernels)
        self.register_buffer("floor", floor.clone())

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """(B, C, W, F) and (B, C', 2 W, 2 F) -> (B, C' + O, 2 W, 2 F)."""
        pieces, _, rows, columns = x.shape
        beside = 0 if skip is None else skip.shape[1]
        size = (pieces, beside + len(self.floor), 2 * rows, 2 * columns)
        grown = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        if skip is not None:
            grown[:, :beside] = skip
        maps = [conv(x) for conv in self.convs]
        parts = maps if len(maps) > 1 else maps[0].chunk(len(_PARITIES), dim=1)
        for (row, column), part in zip(_PARITIES, parts, strict=True):
            place = grown[:, beside:, row::2, column::2]
            torch.maximum(part[..., :rows, :columns], _to_maps(self.floor), out=place)
        return grown


class _Affine(nn.Module):
    """Multiplies each channel by a factor and adds a shift."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.clone())
        self.register_buffer("shift", shift.clone())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, W, F) -> (B, C, W, F)."""
        return torch.addcmul(_to_maps(self.shift), x, _to_maps(self.scale))


def _convolution(kernel: Tensor, bias: Tensor, **how: int) -> nn.Conv2d:
    """A convolution with these weights, its kernel channels last."""
    size = (int(kernel.shape[2]), int(kernel.shape[3]))
    conv = nn.Conv2d(kernel.shape[1], kernel.shape[0], size, **how)  # type: ignore[arg-type]
    conv.weight.data = kernel.clone(memory_format=torch.channels_last)
    conv.bias.data = bias.clone()  # type: ignore[union-attr]
    return conv


def _weights(conv: nn.Module) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a layer."""
    assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
    assert conv.bias is not None
    return conv.weight.detach(), conv.bias.detach()


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """The factor of a batch norm with its running statistics, and what it adds."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return scale, norm.bias - norm.running_mean * scale


def _to_maps(values: Tensor) -> Tensor:
    """One value per channel, in a shape that fits maps."""
    return values[:, None, None]
