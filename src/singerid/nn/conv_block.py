"""The conv block of the paper's networks (Figure 3), and its fast form on a CPU.

Letters in shapes: B batch, C channels, H mel bands, W frames.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import _pair

from singerid.nn import convolution
from singerid.nn.activation import Statistics, elu_norm_pool, elu_pool_scale
from singerid.nn.dropout import Dropout
from singerid.nn.layers import is_hooked, is_plain

Pool = tuple[int, int] | None  # (mel bands, frames) of a max pool; None: no pooling


class ConvBlock(nn.Sequential):
    """3x3 convolution, ELU, batch norm, max pool (or none), dropout.

    On a CPU the layers between the convolution and dropout are computed in one step
    (`singerid.nn.activation`), differentiable once. They run one by one if one of them has a hook or was
    replaced.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        pool: size of the pooling window, or None.
        dropout: share of dropped elements.
        eps: added to variances by batch norm.
        momentum: share of a batch in batch norm's running statistics.
    """

    def __init__(
        self, in_channels: int, out_channels: int, pool: Pool, dropout: float, eps: float, momentum: float
    ) -> None:
        super().__init__()
        self.add_module("conv", nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1))
        self.add_module("elu", nn.ELU())
        self.add_module("norm", nn.BatchNorm2d(out_channels, eps=eps, momentum=momentum))
        if pool is not None:
            self.add_module("pool", nn.MaxPool2d(pool))
        self.add_module("dropout", Dropout(dropout))
        self._window = pool
        self._kinds = [type(layer) for layer in self]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, H // pool[0], W // pool[1])."""
        if not self.goes_together(x):
            y: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return y
        conv, _, norm, *_, dropout = self
        assert isinstance(norm, nn.BatchNorm2d)
        assert isinstance(conv, nn.Conv2d)
        x = _convolved(conv, x).contiguous(memory_format=torch.channels_last)
        if self.training:
            y, statistics = elu_norm_pool(x, norm.weight, norm.bias, norm.eps, self._window)
            _remember(norm, statistics, x.numel() // x.shape[1])
        else:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
            y = elu_pool_scale(x, scale, norm.bias - norm.running_mean * scale, self._window)
        assert isinstance(dropout, Dropout)
        return dropout.overwriting(y)

    def goes_together(self, x: Tensor) -> bool:
        """Whether the block is as it was built, so that the one step does all that its layers would do."""
        return (
            is_plain(x)
            and x.dtype in (torch.float32, torch.float64)
            and not torch.is_autocast_enabled("cpu")
            and (self.training or not torch.is_grad_enabled())
            and all(layer.training == self.training for layer in self)
            and x[:, 0].numel() > 1  # batch norm raises an error for a single value
            and [type(layer) for layer in self] == self._kinds
            and self._is_as_built(x.dtype)
            and not is_hooked(self)
        )

    def _is_as_built(self, dtype: torch.dtype) -> bool:
        """Whether the settings of the layers are those that the one step supports."""
        _, elu, norm, *pools, _ = self
        assert isinstance(elu, nn.ELU)
        assert isinstance(norm, nn.BatchNorm2d)
        kept = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        windows = [self._window] if self._window else []
        return (
            elu.alpha == 1
            and norm.momentum is not None
            and all(tensor is not None and tensor.dtype == dtype for tensor in kept)
            and [_window(pool) for pool in pools] == windows
        )


def _convolved(conv: nn.Conv2d, x: Tensor) -> Tensor:
    as_built = (conv.stride, conv.padding, conv.dilation, conv.groups, conv.padding_mode)
    plain = as_built == ((1, 1), (1, 1), (1, 1), 1, "zeros") and conv.kernel_size == (3, 3)
    if conv.bias is not None and plain and torch.is_grad_enabled() and convolution.is_slow():
        return convolution.convolve(x, conv.weight, conv.bias)
    y: Tensor = conv(x)
    return y


def _window(pool: nn.Module) -> Pool:
    """The window of a pooling without overlap, gaps or padding; None for any other pooling."""
    assert isinstance(pool, nn.MaxPool2d)
    window, stride, padding, dilation = map(
        _pair, (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    )
    simple = stride == window and padding == (0, 0) and dilation == (1, 1)
    return window if simple and not pool.ceil_mode and not pool.return_indices else None


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, statistics: Statistics, count: int) -> None:
    """Update the running statistics as `torch.nn.BatchNorm2d` does: variances there are unbiased."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.running_mean.lerp_(statistics.mean.to(norm.running_mean.dtype), norm.momentum)
    variance = statistics.variance * (count / (count - 1))
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), norm.momentum)
    norm.num_batches_tracked.add_(1)
