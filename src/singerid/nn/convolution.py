"""The gradient of a 3x3 convolution's weights as matrix products, for processors without AVX-512.

oneDNN has no fast path there for large channels-last maps: on AVX2 the gradient of the weights takes about
four times as long as that of the maps. As a product it takes only as long as the processor needs to multiply
matrices. As many rows of a clip's map as stay in the cache are laid out with the nine neighbours of each
position side by side, and multiplied by the gradient of the convolution's output there.

Letters in shapes: B batch, C channels, O channels of the output, H mel bands, W frames.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from singerid.nn.inference import shared_out

BLOCK = 2**18  # values laid out at once: 1 MB
_SIDE = 3


def is_slow() -> bool:
    """Whether PyTorch's own gradient is slow: on x86 with AVX2 but without AVX-512."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`torch.nn.functional.conv2d(x, weight, bias, padding=1)`, differentiable once.

    Args:
        x: (B, C, H, W) on a CPU.
        weight: (O, C, 3, 3).
        bias: (O,).

    Returns:
        (B, O, H, W).
    """
    y: Tensor = _Convolve.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return y


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        context.save_for_backward(x, weight)
        return torch.conv2d(x, weight, bias, padding=1)

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_y: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = context.saved_tensors
        d_y = d_y.contiguous(memory_format=torch.channels_last)
        of_map, of_weight, of_bias = context.needs_input_grad
        d_x = None
        if of_map:
            around, once = [1, 1], [1, 1]
            asked = [True, False, False]
            d_x, _, _ = torch.ops.aten.convolution_backward(
                d_y, x, weight, None, once, around, once, False, [0, 0], 1, asked
            )
        d_weight = None
        if of_weight:
            # Laid out as the weights are, like PyTorch's own: several devices average it in place.
            d_weight = torch.empty_like(weight).copy_(weight_gradient(x, d_y))
        return d_x, d_weight, d_y.sum((0, 2, 3)) if of_bias else None


def weight_gradient(x: Tensor, d_y: Tensor) -> Tensor:
    """Gradient of the weights (O, C, 3, 3) of a convolution with a padding of 1.

    Args:
        x: (B, C, H, W), the input of the convolution.
        d_y: (B, O, H, W), the gradient of its output; copied if it is not channels last in memory.
    """
    by_clip = shared_out(_of_clip, x.permute(0, 2, 3, 1).unbind(), d_y.permute(0, 2, 3, 1).unbind())
    channels, outputs = x.shape[1], d_y.shape[1]
    # Clips are added up in order, so that the number of threads does not change the result.
    gradient = torch.stack(by_clip).sum(0).view(_SIDE, _SIDE, channels, outputs)
    return gradient.permute(3, 2, 0, 1)


def _of_clip(x: Tensor, d_y: Tensor) -> Tensor:
    """(H, W, C) and (H, W, O) -> (9 C, O)."""
    height, width, channels = x.shape
    outputs = d_y.shape[2]
    padded = functional.pad(x, (0, 0, 1, 1, 1, 1))
    row = (width + 2) * channels
    rows = max(1, BLOCK // (width * _SIDE * _SIDE * channels))
    beside = x.new_empty(rows, width, _SIDE, _SIDE * channels)  # a position's neighbours, band by band
    gradient = x.new_zeros(_SIDE * _SIDE * channels, outputs)
    for first in range(0, height, rows):
        count = min(rows, height - first)
        block = beside[:count]
        shape, strides = tuple(block.shape), (row, channels, row, 1)
        block.copy_(padded.as_strided(shape, strides, first * row))
        d_rows = d_y[first : first + count].reshape(-1, outputs)
        gradient.addmm_(block.flatten(2).flatten(0, 1).t(), d_rows)
    return gradient
