"""Helpers that the blocks share: convolutions by number of dimensions, initialisers, positions."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Dimensions = Literal[1, 2, 3]

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)  # PyTorch's names

CONVOLUTIONS: dict[int, type[nn.Conv1d] | type[nn.Conv2d] | type[nn.Conv3d]] = {
    1: nn.Conv1d,
    2: nn.Conv2d,
    3: nn.Conv3d,
}


def initialize_as_keras(module: nn.Module) -> None:
    """Initialise one layer with the defaults of Keras, the authors' framework; for `network.apply(...)`.

    Convolutions, linear layers and input kernels of GRUs and LSTMs: Glorot uniform. Their recurrent
    kernels: orthogonal, all gates together. All biases: 0, except 1 at an LSTM's forget gate.
    """
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.GRU | nn.LSTM):
        for name, parameter in module.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(parameter)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)
                if isinstance(module, nn.LSTM) and name.startswith("bias_ih"):
                    units = module.hidden_size  # torch's order of the gates: input, forget, cell, output
                    nn.init.ones_(parameter[units : 2 * units])


def pointwise(dimensions: Dimensions, in_channels: int, out_channels: int, zero: bool = False) -> nn.Module:
    """A convolution with kernel 1 (1x1, 1x1x1) and bias, Glorot-uniform or zero-initialised.

    >>> layer = pointwise(2, in_channels=8, out_channels=4, zero=True)
    >>> tuple(layer.weight.shape), layer.weight.any().item()
    ((4, 8, 1, 1), False)
    """
    layer = CONVOLUTIONS[dimensions](in_channels, out_channels, kernel_size=1)
    initialize_as_keras(layer)
    if zero:
        nn.init.zeros_(layer.weight)
    return layer


def embedded_channels(channels: int, reduction: int) -> int:
    """K = C // m; raises ValueError when no channel is left.

    >>> embedded_channels(128, reduction=32)
    4
    """
    if reduction < 1 or channels // reduction < 1:
        raise ValueError(f"a reduction of {reduction} leaves none of {channels} channels; make it smaller")
    return channels // reduction


def flatten_positions(x: Tensor) -> Tensor:
    """(B, C, *positions) -> (B, P, C).

    >>> tuple(flatten_positions(torch.zeros(2, 8, 3, 5)).shape)
    (2, 15, 8)
    """
    return x.flatten(2).transpose(1, 2)


def is_exported() -> bool:
    """Whether this call is recorded as a graph of plain operators, by `torch.onnx` or `torch.jit.trace`."""
    tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return tracing


def is_plain(x: Tensor) -> bool:
    """Whether x is an ordinary tensor on a CPU, not one of a trace, a compiler or `torch.func`."""
    transformed = torch._C._functorch.peek_interpreter_stack() is not None
    recorded = is_exported() or torch.compiler.is_compiling()
    return x.device.type == "cpu" and type(x) in (Tensor, nn.Parameter) and not (transformed or recorded)


def is_hooked(module: nn.Module) -> bool:
    """Whether any layer in a module has a forward or backward hook, or a global hook is set."""
    everywhere = any(getattr(nn.modules.module, f"_global{kind}") for kind in _HOOKS)
    return everywhere or any(getattr(layer, kind) for layer in module.modules() for kind in _HOOKS)


def check_map(x: Tensor, channels: int, dimensions: int, name: str) -> None:
    """Raise ValueError unless x is (B, channels, *positions) with `dimensions` position axes."""
    if x.ndim != dimensions + 2 or x.shape[1] != channels:
        axes = ", ".join("THW"[3 - dimensions :])
        raise ValueError(f"{name} must be (B, {channels}, {axes}), got {shape_text(x.shape)}")


def shape_text(shape: Sequence[int]) -> str:
    """A shape as a person writes it: (2, 128, 94).

    >>> shape_text(torch.zeros(2, 128, 94).shape)
    '(2, 128, 94)'
    """
    return "(" + ", ".join(str(int(size)) for size in shape) + ")"
