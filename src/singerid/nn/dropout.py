"""Dropout whose mask costs little on a CPU: it draws the distances between dropped elements.

Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15, 2014. The
distances between successes of independent trials are geometrically distributed, so one random number for
each dropped element gives as good a mask as one for each element. At the paper's rate of 0.1 it needs a
tenth of the random numbers, and drawing them is what takes dropout's time on a CPU.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from singerid.nn.layers import is_plain

# This dropout is faster than PyTorch's from this number of elements on, and up to this rate.
LEAST_ELEMENTS = 2**16
HIGHEST_RATE = 0.25


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, several times faster on large maps on a CPU.

    Args:
        p: the share of elements that is dropped; the others are divided by 1 - p.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of x while training, any shape."""
        return self._drop(x, overwrite=False)

    def overwriting(self, x: Tensor) -> Tensor:
        """As `forward`, but may overwrite x where that is faster; nothing else may need x any more."""
        return self._drop(x, overwrite=True)

    def _drop(self, x: Tensor, overwrite: bool) -> Tensor:
        cheap = self.training and 0 < self.p <= HIGHEST_RATE and x.numel() >= LEAST_ELEMENTS
        if not cheap or not is_plain(x) or not _is_dense(x):
            return super().forward(x)
        dropped = draw_dropped(x.numel(), self.p)
        kept: Tensor = _Drop.apply(x, dropped, 1 / (1 - self.p), overwrite)  # type: ignore[no-untyped-call]
        return kept


def draw_dropped(count: int, rate: float) -> Tensor:
    """Indices of the dropped ones of `count` elements, ascending, int64; from torch's global generator."""
    parts: list[Tensor] = []
    last = -1
    while last < count:
        expected = (count - last) * rate
        distances = torch.empty(int(expected + 4 * math.sqrt(expected)) + 1, dtype=torch.int64)
        parts.append(distances.geometric_(rate).cumsum_(0).add_(last))
        last = int(parts[-1][-1])
    parts[-1] = parts[-1][: int(torch.searchsorted(parts[-1], count))]
    return torch.cat(parts)


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, dropped: Tensor, scale: float, overwrite: bool) -> Tensor:
        context.save_for_backward(dropped)
        context.scale, context.layout = scale, x.stride()
        if overwrite:
            context.mark_dirty(x)
            return _clear(x.mul_(scale), dropped)
        return _clear(
            torch.mul(x, scale, out=torch.empty_strided(x.shape, x.stride(), dtype=x.dtype)), dropped
        )

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_y: Tensor) -> tuple[Tensor, None, None, None]:
        (dropped,) = context.saved_tensors
        # Elements are numbered by their place in memory; the gradient may be laid out in another order.
        d_x = torch.empty_strided(d_y.shape, context.layout, dtype=d_y.dtype)
        return _clear(torch.mul(d_y, context.scale, out=d_x), dropped), None, None, None


def _clear(x: Tensor, elements: Tensor) -> Tensor:
    x.as_strided((x.numel(),), (1,)).index_fill_(0, elements, 0.0)
    return x


def _is_dense(x: Tensor) -> bool:
    """Whether the elements fill their memory without gaps, in any order of the axes."""
    return x.is_contiguous() or (x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last))
