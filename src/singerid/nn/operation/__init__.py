"""The FGNL operation (Eq. 7): attention between positions across channels and layers, roll by roll.

Kuo, Wei and Lin, "Positions, Channels, and Layers: Fully Generalized Non-Local Network for Singer
Identification", AAAI 2021.

Letters in shapes: B batch, K embedded channels, M responses (= K), P positions of X_i, Q positions
of all layers together, S chosen query positions.

Response k compares theta with phi rolled by k along the channels:

    logits_k[p, q] = sum_c theta[p, c] * phi[q, (c - k) mod K].

Rolling phi by +k is the same as rolling theta by -k, as the sum runs over all channels. So phi, which has
more positions, stays as it is, and the smaller theta is rolled.

`loop` computes this as it is written; `streaming`, `sdpa` and `kernel` give the same result with memory
linear in P + Q.
"""

import os

import torch
from torch import Tensor

from singerid.nn.layers import is_exported
from singerid.nn.operation import loop, sdpa, streaming
from singerid.nn.operation.loop import SOFTMAX_AXES, SoftmaxAxis, affinities

__all__ = ["SOFTMAX_AXES", "SoftmaxAxis", "affinities", "responses"]

# Up to this value of B * M * P * Q, setting up the blocks costs more than they save (docs/performance.md).
LOOP_AFFINITIES = 2**19

# The Triton kernels have not been measured on a GPU yet, so they are used only on request:
# SINGERID_FGNL=triton. Like the choice of a device, this is a setting of a process, not a property of a
# network.
_TRITON = os.environ.get("SINGERID_FGNL") == "triton"
# Largest K for which they keep all channels in registers.
TRITON_CHANNELS = 8


def responses(theta: Tensor, phi: Tensor, g: Tensor, softmax: SoftmaxAxis = "keys") -> Tensor:
    """All M = K responses Y_k of Eq. 7, by the fastest exact way for the device.

    Memory is linear in P + Q, in the backward pass too, except in a graph that is being exported. For
    gradients of gradients, call `loop.responses`.

    Args:
        theta: queries, (B, P, K).
        phi: keys, unrolled, (B, Q, K).
        g: values, (B, Q, K).
        softmax: the axis that is normalised, the paper's "keys" or the authors' program's "queries".

    Returns:
        (B, M, P, K); entry k along M is the response of roll k.

    >>> tuple(responses(torch.rand(1, 5, 3), torch.rand(1, 7, 3), torch.rand(1, 7, 3)).shape)
    (1, 3, 5, 3)
    """
    if _TRITON and theta.is_cuda and theta.shape[-1] <= TRITON_CHANNELS and theta.dtype != torch.float64:
        y: Tensor = _triton(theta, phi, g, softmax)
        return y
    if theta.is_cuda and softmax == "keys":
        return sdpa.responses(_rolled(theta), phi, g)
    # An exported graph holds plain operators only.
    if is_exported() or theta.numel() * phi.shape[1] <= LOOP_AFFINITIES:
        return loop.responses(theta, phi, g, softmax)
    if torch.compiler.is_compiling():
        from singerid.nn.operation.uncompiled import stream

        streamed: Tensor = stream(theta, phi, g, softmax)
        return streamed
    return _stream(theta, phi, g, softmax)


def _rolled(theta: Tensor) -> Tensor:
    """(B, P, K) -> (B, M, P, K): theta rolled for every response."""
    return torch.stack([theta.roll(-k, dims=-1) for k in range(theta.shape[-1])], dim=1)


def _triton(theta: Tensor, phi: Tensor, g: Tensor, softmax: SoftmaxAxis) -> Tensor:
    from singerid.nn.operation import kernel

    y: Tensor = kernel.responses(theta, phi, g, softmax)
    return y


def _stream(theta: Tensor, phi: Tensor, g: Tensor, softmax: SoftmaxAxis) -> Tensor:
    """In single precision at least: sums over thousands of positions need it."""
    precise = torch.promote_types(theta.dtype, torch.float32)
    queries, keys, values = (x.to(precise) for x in (_rolled(theta), phi, g))
    return streaming.responses(queries, keys, values, softmax).to(theta.dtype)
