"""CAM++ with its batch norms folded into its convolutions: the network of `singerid.nn.campplus`, but faster.

A batch norm after a convolution becomes part of the convolution. A batch norm and a ReLU before a convolution
become part of it, too, except for a bound: relu(s x + b) is s max(x, -b / s) + b where s is positive and
s min(x, -b / s) + b where it is negative, and the convolution takes in s and b. So one step is left of the
two. A dense block writes the outputs of its layers side by side into one tensor, where the next layer reads
them all. The front has its channels last; after it all convolutions are products of matrices, frames by
channels.

Letters in shapes: B windows, C channels, H bands of the filter bank, W frames, T = W / 2 frames after the
front, S segments, D size of a vector.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from singerid.nn.campplus import (
    FRONT_CHANNELS,
    GROWTH,
    SEGMENT_FRAMES,
    CAMPlusPlus,
    DenseBlock,
    DenseLayer,
    Residual,
    check_bank,
)

EARLY_SIZE = 512  # numbers in `FoldedCAMPlusPlus.statistics`
_EARLY = 2  # stages: the first dense block, and its transition


class FoldedCAMPlusPlus(nn.Module):
    """Equal to the `CAMPlusPlus` that it is made from, except for rounding; it cannot be trained."""

    def __init__(self, network: CAMPlusPlus) -> None:
        super().__init__()
        head, body = network.head, network.xvector
        self.front = nn.Sequential(
            _FirstConvolution(head.conv1, head.bn1),
            *(_Residual(block) for layer in (head.layer1, head.layer2) for block in layer),
            _Convolution(head.conv2, head.bn2),
        )
        # A convolution in two axes reads the front's map as it is, so no values have to be moved in memory.
        self.tdnn = _Convolution(body.tdnn.linear, body.tdnn.nonlinear.batchnorm)
        self.stages = nn.ModuleList()
        for block, transition, behind in (
            (body.block1, body.transit1, None),
            (body.block2, body.transit2, None),
            (body.block3, body.transit3, body.out_nonlinear.batchnorm),
        ):
            self.stages.append(_DenseBlock(block))
            self.stages.append(_BoundedProduct(transition.nonlinear.batchnorm, transition.linear, behind))
        self.dense = _Product(body.dense.linear, body.dense.nonlinear.batchnorm)

    def forward(self, bank: Tensor) -> Tensor:
        """Vectors (B, D) of filter banks (B, H, W), as `CAMPlusPlus.forward`."""
        return self._vectors(*self._early(bank))

    def statistics(self, bank: Tensor) -> Tensor:
        """Mean and standard deviation over time of the first block's output, (B, 512)."""
        return _mean_and_deviation(self._early(bank)[0])

    def with_statistics(self, bank: Tensor) -> tuple[Tensor, Tensor]:
        """The vectors and the statistics at once: the part that both need is computed once."""
        x, frames = self._early(bank)
        return self._vectors(x, frames), _mean_and_deviation(x)

    def frames(self, bank: Tensor) -> Tensor:
        """The frames to pool over time, (B, T, C + C'): outputs of the first block, then of the last."""
        early, frames = self._early(bank)
        x = early
        for stage in self.stages[_EARLY:]:
            x = stage(x, frames)
        return torch.cat((early, x.relu_()), dim=-1)

    def pooled(self, means: Tensor, deviations: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors and statistics, as `with_statistics`, from means and deviations (B, C + C') of `frames`."""
        early = EARLY_SIZE // 2
        vectors = self.dense(torch.cat((means[:, early:], deviations[:, early:]), dim=1))
        return vectors, torch.cat((means[:, :early], deviations[:, :early]), dim=1)

    def _early(self, bank: Tensor) -> tuple[Tensor, "_Frames"]:
        """The output of the front, the first dense block and its transition, (B, T, C); and its `_Frames`."""
        check_bank(bank)
        x = self.tdnn(self.front(bank)).squeeze(2).transpose(1, 2)  # (B, T, C)
        frames = _Frames(x)
        for stage in self.stages[:_EARLY]:
            x = stage(x, frames)
        return x, frames

    def _vectors(self, x: Tensor, frames: "_Frames") -> Tensor:
        for stage in self.stages[_EARLY:]:
            x = stage(x, frames)
        vectors: Tensor = self.dense(_mean_and_deviation(x.relu_()))
        return vectors


class _Frames:
    """Tensors that depend only on the number of frames, shared by all layers.

    Attributes:
        means: (S, T), whose product with frames is the mean over all plus the mean over each segment.
        segments: (T,), the segment of each frame.
    """

    def __init__(self, x: Tensor) -> None:
        frames = torch.arange(x.shape[1], device=x.device)
        self.segments = frames // SEGMENT_FRAMES
        own = self.segments == torch.arange(-(-len(frames) // SEGMENT_FRAMES), device=x.device)[:, None]
        self.means = own.to(x.dtype) / own.sum(1, keepdim=True) + 1 / len(frames)


def _mean_and_deviation(x: Tensor) -> Tensor:
    """Mean and standard deviation over time: (B, T, C) -> (B, 2 C)."""
    mean = x.mean(1)
    deviation = (x - mean.unsqueeze(1)).square_().sum(1).div_(x.shape[1] - 1).sqrt_()
    return torch.cat((mean, deviation), dim=1)


def _fold(weight: Tensor, norm: nn.Module | None, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Weight (C, ...) and bias (C,), in double precision, of a convolution and a batch norm after it."""
    weight = weight.double()
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    if norm is None:
        return weight, bias
    scale, shift = _scale_and_shift(norm)
    return weight * scale.view(-1, *[1] * (weight.ndim - 1)), bias * scale + shift


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """The factor of a batch norm in evaluation mode, and what it adds then; (C,), double precision."""
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    shift = -norm.running_mean.double() * scale
    return scale, shift if norm.bias is None else shift + norm.bias.double()


class _Folded(nn.Module):
    """Keeps weight and bias as float32; they move with the module to its device and are not saved."""

    weight: Tensor
    bias: Tensor

    def _keep(self, **tensors: Tensor) -> None:
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor.detach().float().contiguous(), persistent=False)


class _Convolution(_Folded):
    """A convolution in two axes and the batch norm and ReLU after it; channels last."""

    def __init__(self, layer: nn.Module, norm: nn.Module, relu: bool = True) -> None:
        super().__init__()
        assert isinstance(layer, nn.Conv1d | nn.Conv2d)
        weight, bias = _fold(layer.weight, norm)
        stride, padding = layer.stride, layer.padding
        if weight.ndim == 3:  # over frames only; its channels are the bands of the front's channels
            weight = weight.unflatten(1, (FRONT_CHANNELS, -1))
            stride, padding = (1, *stride), (0, *padding)
        self._keep(weight=weight, bias=bias)
        self.weight = self.weight.contiguous(memory_format=torch.channels_last)
        self.stride, self.padding, self.relu = stride, padding, relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        y = functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        return y.relu_() if self.relu else y


class _FirstConvolution(_Folded):
    """The 3x3 convolution of the filter bank, and the batch norm and ReLU after it.

    For a map of one channel, PyTorch's convolution puts the channels of its output first in memory, and every
    later convolution would have to reorder them. A product with the nine neighbours of each position puts
    them last directly.
    """

    def __init__(self, layer: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, nn.Conv2d)
        weight, bias = _fold(layer.weight, norm)
        self._keep(weight=torch.cat((weight.flatten(1).T, bias.unsqueeze(0))))  # (10, C)

    def forward(self, bank: Tensor) -> Tensor:
        """(B, H, W) -> (B, C, H, W)."""
        height, width = bank.shape[1:]
        padded = functional.pad(bank, (1, 1, 1, 1))
        neighbours = [
            padded[:, row : row + height, column : column + width] for row in range(3) for column in range(3)
        ]
        rows = torch.stack((*neighbours, torch.ones_like(bank)), dim=-1)  # a one for the bias
        return (rows @ self.weight).relu_().permute(0, 3, 1, 2)


class _Residual(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        assert isinstance(block, Residual)
        self.first = _Convolution(block.conv1, block.bn1)
        self.second = _Convolution(block.conv2, block.bn2, relu=False)
        self.shortcut = nn.Sequential()
        if len(block.shortcut):
            layer, norm = block.shortcut
            self.shortcut.append(_Convolution(layer, norm, relu=False))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.first(x))
        return y.add_(self.shortcut(x)).relu_()


class _Product(_Folded):
    """A 1x1 convolution, and a batch norm after it: (rows, C) -> (rows, C')."""

    def __init__(self, layer: nn.Conv1d, norm: nn.Module | None = None) -> None:
        super().__init__()
        weight, bias = _fold(layer.weight.squeeze(-1), norm, layer.bias)
        self._keep(weight=weight.T, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight)


class _BoundedProduct(_Folded):
    """Batch norm and ReLU before a 1x1 convolution, and a batch norm after it: (B, T, C) -> (B, T, C')."""

    low: Tensor
    high: Tensor

    def __init__(self, before: nn.Module, layer: nn.Conv1d, behind: nn.Module | None) -> None:
        super().__init__()
        scale, shift = _scale_and_shift(before)
        infinite = torch.full_like(scale, torch.inf)
        bound = -shift / scale
        shift = torch.where(scale == 0, shift.relu(), shift)
        weight = layer.weight.squeeze(-1).double()
        folded, bias = _fold(weight * scale, behind, weight @ shift)
        self._keep(
            weight=folded.T,
            bias=bias,
            low=torch.where(scale > 0, bound, -infinite),
            high=torch.where(scale < 0, bound, infinite),
        )

    def forward(self, x: Tensor, _: _Frames | None = None) -> Tensor:
        rows = torch.clamp(x, self.low, self.high).flatten(0, 1)
        return torch.addmm(self.bias, rows, self.weight).view(*x.shape[:2], -1)


class _DenseBlock(nn.Module):
    def __init__(self, block: DenseBlock) -> None:
        super().__init__()
        self.layers = nn.ModuleList(map(_DenseLayer, block.values()))

    def forward(self, x: Tensor, frames: _Frames) -> Tensor:
        """(B, T, C) -> (B, T, C + layers * 32)."""
        channels = x.shape[2]
        gathered = x.new_empty(*x.shape[:2], channels + len(self.layers) * GROWTH)
        gathered[..., :channels] = x
        for layer in self.layers:
            layer(gathered[..., :channels], frames, gathered[..., channels : channels + GROWTH])
            channels += GROWTH
        return gathered


class _DenseLayer(_Folded):
    """A dense layer; its convolution over three frames is three products, added a dilation apart."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, DenseLayer)
        mask = layer.cam_layer
        self.first = _BoundedProduct(layer.nonlinear1.batchnorm, layer.linear1, layer.nonlinear2.batchnorm)
        self.dilation = int(mask.linear_local.dilation[0])
        self._keep(weight=torch.cat(mask.linear_local.weight.unbind(-1)).T)  # (128, 3 * 32)
        self.mask = nn.Sequential(_Product(mask.linear1), nn.ReLU(inplace=True), _Product(mask.linear2))

    def forward(self, x: Tensor, frames: _Frames, out: Tensor) -> None:
        """Write the layer's output for x (B, T, C) into `out` (B, T, 32)."""
        hidden: Tensor = self.first(x).relu_()  # (B, T, 128)
        before, here, after = (hidden @ self.weight).split(GROWTH, dim=-1)
        reach = self.dilation
        here[:, reach:] += before[:, :-reach]
        here[:, :-reach] += after[:, reach:]
        means = frames.means.expand(len(x), -1, -1)
        context = torch.bmm(means, hidden).flatten(0, 1)
        mask = self.mask(context).sigmoid_().unflatten(0, (len(x), -1))
        torch.mul(here, mask.index_select(1, frames.segments), out=out)
