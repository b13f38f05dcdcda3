"""The FGNL operation as Triton kernels: every tile of keys and values is loaded once for all M rolls.

Softmax over either axis, forward and backward, with memory linear in the number of positions. There are no
atomic additions: the same input gives the same bits. With K = 4 or 8 channels a matrix unit, whose smallest
size is 16, would mostly multiply zeros. So channels stay in registers, and products are multiplied and added
in float32.

The two sides of an affinity are treated alike. A program owns some positions of one side and goes through
those of the other side, tile by tile. Rolls permute only the channels of the own side:

    own side   other side   logits[other, own] of roll k
    theta      phi          sum_c theta[own, (c + k) mod K] * phi[other, c]
    phi        theta        sum_c phi[own, (c - k) mod K] * theta[other, c]

A tile is (others, owns): neighbouring threads have neighbouring own positions, and a sum over the others adds
numbers that one thread holds anyway.

Importing this module needs Triton (https://triton-lang.org).

Letters in shapes: B batch, K channels, M responses (= K), P positions of theta, Q of phi, N own and O other
positions of a tile.
"""

# Functions that Triton compiles take their types from their arguments.
# mypy: disable-error-code="untyped-decorator, no-untyped-def"

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from singerid.nn.operation.loop import SoftmaxAxis

# Positions of a tile: one own position for each thread of four warps, and so few others that with K = 8 the
# values of a thread still fit in its registers (compiled for sm_80; not measured on a device).
OWN, OTHER = 128, 8


@torch.compiler.disable  # they are compiled already; only a process that wants Triton imports this
def responses(theta: Tensor, phi: Tensor, g: Tensor, softmax: SoftmaxAxis) -> Tensor:
    """All responses; see `singerid.nn.operation.responses`.

    Args:
        theta: queries, not rolled, (B, P, K), in single or half precision.
        phi: keys, (B, Q, K).
        g: values, (B, Q, K).
        softmax: the axis that is normalised.

    Returns:
        (B, M, P, K); differentiable once.
    """
    y: Tensor = _Kernel.apply(theta, phi, g, softmax)  # type: ignore[no-untyped-call]
    return y


class _Kernel(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, theta: Tensor, phi: Tensor, g: Tensor, softmax: SoftmaxAxis) -> Tensor:
        queries, keys, values = (x.contiguous() for x in (theta, phi, g))
        batch, positions, channels = queries.shape
        y = queries.new_empty(batch, channels, positions, channels, dtype=torch.float32)
        normalised = queries if softmax == "keys" else keys
        normalisers = queries.new_empty(batch, channels, normalised.shape[1], dtype=torch.float32)
        if softmax == "keys":
            _launch(_attend, queries, keys, 1, values, normalisers, y, NORMALISE=True, WEIGH=True)
        else:
            _launch(_attend, keys, queries, -1, values, normalisers, y, NORMALISE=True, WEIGH=False)
            _launch(_attend, queries, keys, 1, values, normalisers, y, NORMALISE=False, WEIGH=True)
        context.save_for_backward(queries, keys, values, normalisers, y if softmax == "keys" else None)
        return y.to(theta.dtype)

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_y: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, normalisers, y = context.saved_tensors
        d_y = d_y.contiguous()
        by_keys = y is not None
        if by_keys:
            deltas = (d_y * y).sum(-1)  # (B, M, P)
        else:
            deltas = torch.empty_like(normalisers)  # (B, M, Q)
            _launch(_deltas, keys, queries, -1, values, d_y, normalisers, deltas)
        d_queries, d_keys, d_values = (torch.empty_like(x) for x in (queries, keys, values))
        given = (normalisers, deltas)
        _launch(
            _gradients,
            queries,
            keys,
            1,
            d_y,
            values,
            *given,
            d_queries,
            d_values,
            QUERIES=True,
            NORMALISED=by_keys,
        )
        _launch(
            _gradients,
            keys,
            queries,
            -1,
            values,
            d_y,
            *given,
            d_keys,
            d_values,
            QUERIES=False,
            NORMALISED=not by_keys,
        )
        return d_queries, d_keys, d_values, None


def _launch(kernel: Any, own: Tensor, other: Tensor, sign: int, *tensors: Tensor, **flags: bool) -> None:
    """Run a kernel over the own positions of every clip (`_attend`: over pairs of a position and a roll)."""
    batch, count, channels = own.shape
    programs = triton.cdiv(count * channels if kernel is _attend else count, OWN)
    with torch.cuda.device_of(own):
        kernel[(programs, batch)](
            own,
            other,
            *tensors,
            count,
            other.shape[1],
            SHIFT=sign % channels,
            K=channels,
            WIDTH=triton.next_power_of_2(channels),
            OWN=OWN,
            OTHER=OTHER,
            **flags,
        )


@triton.jit
def _products(a, at, b, others, shift, K: tl.constexpr):
    """(O, N): sum_c b[other, c] * a[at, (c + shift) mod K]."""
    found = tl.zeros([others.shape[0], at.shape[0]], tl.float32)
    for c in tl.static_range(K):
        mine = tl.load(a + at * K + (c + shift) % K).to(tl.float32)
        theirs = tl.load(b + others * K + c).to(tl.float32)
        found += theirs[:, None] * mine[None, :]
    return found


@triton.jit
def _plus_sums(found, weights, b, others, shift, K: tl.constexpr):
    """`found` (WIDTH, N), with sum_o weights[o, n] * b[o, c] added at channel (c + shift) mod K."""
    channels = tl.arange(0, found.shape[0])
    for c in tl.static_range(K):
        theirs = tl.load(b + others * K + c).to(tl.float32)
        sums = tl.sum(weights * theirs[:, None], axis=0)
        found += tl.where(channels[:, None] == (c + shift) % K, sums[None, :], 0.0)
    return found


@triton.jit
def _attend(
    own,
    other,
    values,
    normalisers,
    y,
    own_count,
    other_count,
    SHIFT: tl.constexpr,
    K: tl.constexpr,
    WIDTH: tl.constexpr,
    OWN: tl.constexpr,
    OTHER: tl.constexpr,
    NORMALISE: tl.constexpr,
    WEIGH: tl.constexpr,
):
    """Log of the sum of exp(logits) over the others (NORMALISE), and weighted sum of their values (WEIGH).

    Both are computed for each pair of own position and roll. With both, softmax runs over the others, and the
    sums so far are rescaled whenever a tile has a higher logit. With WEIGH alone, the given normalisers are
    those of the others.
    """
    batch = tl.program_id(1).to(tl.int64)
    pairs = tl.program_id(0) * OWN + tl.arange(0, OWN)
    inside = pairs < own_count * K
    at = tl.minimum(pairs // K, own_count - 1)
    slabs = batch * K + pairs % K
    own += batch * own_count * K
    other += batch * other_count * K
    values += batch * other_count * K
    highest = tl.full([OWN], float("-inf"), tl.float32)
    total = tl.zeros([OWN], tl.float32)
    found = tl.zeros([WIDTH, OWN], tl.float32)
    for start in range(0, other_count, OTHER):
        others = start + tl.arange(0, OTHER)
        valid = (others < other_count)[:, None]
        others = tl.minimum(others, other_count - 1)
        logits = _products(own, at, other, others, SHIFT * (pairs % K), K)
        if NORMALISE:
            logits = tl.where(valid, logits, float("-inf"))
            higher = tl.maximum(highest, tl.max(logits, axis=0))
            scale = tl.exp(highest - higher)
            weights = tl.exp(logits - higher[None, :])
            total = total * scale + tl.sum(weights, axis=0)
            found *= scale[None, :]
            highest = higher
        else:
            given = tl.load(normalisers + slabs[None, :] * other_count + others[:, None])
            weights = tl.where(valid, tl.exp(logits - given), 0.0)
        if WEIGH:
            found = _plus_sums(found, weights, values, others, 0, K)
    place = slabs * own_count + at
    if NORMALISE:
        tl.store(normalisers + place, highest + tl.log(total), mask=inside)
        found /= total[None, :]
    if WEIGH:
        channels = tl.arange(0, WIDTH)[:, None]
        tl.store(y + place[None, :] * K + channels, found, mask=inside[None, :] & (channels < K))


@triton.jit
def _deltas(
    own,
    other,
    own_values,
    other_values,
    normalisers,
    deltas,
    own_count,
    other_count,
    SHIFT: tl.constexpr,
    K: tl.constexpr,
    WIDTH: tl.constexpr,
    OWN: tl.constexpr,
    OTHER: tl.constexpr,
):
    """Sum over the others, here the queries, of weights times their gradients, for every key and roll."""
    batch = tl.program_id(1).to(tl.int64)
    positions = tl.program_id(0) * OWN + tl.arange(0, OWN)
    at = tl.minimum(positions, own_count - 1)
    own += batch * own_count * K
    own_values += batch * own_count * K
    other += batch * other_count * K
    for roll in range(K):
        slab = batch * K + roll
        given = tl.load(normalisers + slab * own_count + at)[None, :]
        found = tl.zeros([OWN], tl.float32)
        for start in range(0, other_count, OTHER):
            others = start + tl.arange(0, OTHER)
            valid = (others < other_count)[:, None]
            others = tl.minimum(others, other_count - 1)
            logits = _products(own, at, other, others, SHIFT * roll, K)
            d_weights = _products(own_values, at, other_values + slab * other_count * K, others, 0, K)
            found += tl.sum(tl.where(valid, tl.exp(logits - given) * d_weights, 0.0), axis=0)
        tl.store(deltas + slab * own_count + at, found, mask=positions < own_count)


@triton.jit
def _gradients(
    own,
    other,
    own_values,
    other_values,
    normalisers,
    deltas,
    d_own,
    d_values,
    own_count,
    other_count,
    SHIFT: tl.constexpr,
    K: tl.constexpr,
    WIDTH: tl.constexpr,
    OWN: tl.constexpr,
    OTHER: tl.constexpr,
    QUERIES: tl.constexpr,
    NORMALISED: tl.constexpr,
):
    """Gradients of the own side, summed over all rolls; if it is the keys' side, of the values too.

    With QUERIES the own side is theta, and its values are the gradient of y; without, it is phi, and its
    values are the values. With NORMALISED softmax runs over the others, otherwise over the own positions.
    """
    batch = tl.program_id(1).to(tl.int64)
    positions = tl.program_id(0) * OWN + tl.arange(0, OWN)
    at = tl.minimum(positions, own_count - 1)
    own += batch * own_count * K
    other += batch * other_count * K
    found = tl.zeros([WIDTH, OWN], tl.float32)
    found_values = tl.zeros([WIDTH, OWN], tl.float32)
    for start in range(0, other_count, OTHER):
        others = start + tl.arange(0, OTHER)
        valid = (others < other_count)[:, None]
        others = tl.minimum(others, other_count - 1)
        for roll in range(K):
            slab = batch * K + roll
            mine = own_values + (slab if QUERIES else batch) * own_count * K
            theirs = other_values + (batch if QUERIES else slab) * other_count * K
            if NORMALISED:
                given = tl.load(normalisers + slab * own_count + at)[None, :]
                delta = tl.load(deltas + slab * own_count + at)[None, :]
            else:
                given = tl.load(normalisers + slab * other_count + others)[:, None]
                delta = tl.load(deltas + slab * other_count + others)[:, None]
            logits = _products(own, at, other, others, SHIFT * roll, K)
            d_weights = _products(mine, at, theirs, others, 0, K)
            weights = tl.where(valid, tl.exp(logits - given), 0.0)
            found = _plus_sums(found, weights * (d_weights - delta), other, others, SHIFT * roll, K)
            if not QUERIES:
                found_values = _plus_sums(found_values, weights, theirs, others, 0, K)
    channels = tl.arange(0, WIDTH)[:, None]
    place = (batch * own_count + at)[None, :] * K + channels
    inside = (positions < own_count)[None, :] & (channels < K)
    tl.store(d_own + place, found, mask=inside)
    if not QUERIES:
        tl.store(d_values + place, found_values, mask=inside)
