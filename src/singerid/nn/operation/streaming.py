"""The FGNL operation block by block: as exact as the loop, with memory linear in the number of positions.

The axis that softmax normalises is kept whole. The other one is cut into blocks whose affinities stay in
the processor's cache; the backward pass computes them again. Rolls only permute the channels of theta, so
the rolls of a query are simply more queries to the same keys:

    rows     cut:         M * P rolled queries (softmax over the keys), or Q keys (over the queries)
    columns  kept whole:  Q keys,                                       or M groups of P rolled queries

Products with K columns are written with the K rows of the transpose: for so narrow a matrix that is
several times faster on a CPU.

Letters in shapes: B batch, b clips of a block, r rows of a block, N columns, M, P, Q, K as in
`singerid.nn.operation`.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from singerid.nn.operation.loop import SoftmaxAxis

# Affinities of a block. On a CPU, 0.5 MB of them stays in the cache; a GPU needs more work at once.
CPU_BLOCK = 2**17
GPU_BLOCK = 2**26
# Fewer rows make matrix products with K channels up to ten times slower.
LEAST_ROWS = 8


def responses(queries: Tensor, phi: Tensor, g: Tensor, softmax: SoftmaxAxis) -> Tensor:
    """Responses of rolled queries.

    Args:
        queries: theta rolled for every response, (B, M, P, K).
        phi: keys, (B, Q, K).
        g: values, (B, Q, K).
        softmax: the axis that is normalised.

    Returns:
        (B, M, P, K); differentiable once.
    """
    rolls = queries.shape[1]
    y: Tensor = _Streaming.apply(queries.flatten(1, 2), phi, g, rolls, softmax)  # type: ignore[no-untyped-call]
    return y.view_as(queries)


class _Streaming(torch.autograd.Function):
    @staticmethod
    def forward(queries: Tensor, phi: Tensor, g: Tensor, rolls: int, softmax: SoftmaxAxis) -> Tensor:
        y = _zeros_like_transposed(queries)  # (B, K, M * P)
        with torch.autocast(y.device.type, enabled=False):
            if softmax == "keys":
                values = g.mT.contiguous()
                for clips, part, weights in _blocks(queries, phi, groups=1):
                    y[clips, :, part] = values[clips] @ weights.mT
            else:
                for clips, part, weights in _blocks(phi, queries, groups=rolls):
                    y[clips].baddbmm_(g[clips, part].mT, weights)
        return y.mT.contiguous()

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, context.rolls, context.softmax = inputs
        context.save_for_backward(*tensors)

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_y: Tensor) -> tuple[Tensor | None, ...]:
        queries, phi, g = context.saved_tensors
        with torch.autocast(d_y.device.type, enabled=False):
            if context.softmax == "keys":
                d_queries, d_phi, d_g = _gradients(queries, phi, d_y, g, 1, values_at_rows=False)
            else:
                d_phi, d_queries, d_g = _gradients(phi, queries, g, d_y, context.rolls, values_at_rows=True)
        return d_queries, d_phi, d_g, None, None


def _gradients(
    rows: Tensor, columns: Tensor, at_rows: Tensor, at_columns: Tensor, groups: int, *, values_at_rows: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of sum(W * (at_rows at_columns^T)), where W = softmax(rows columns^T) over the columns.

    With the values on one side and the gradient of the responses on the other, the loss depends on the
    operation only through that sum, whichever axis is normalised.

    Args:
        rows: (B, R, K).
        columns: (B, N, K).
        at_rows: (B, R, K).
        at_columns: (B, N, K).
        groups: softmax runs over N / groups columns at a time.
        values_at_rows: whether the values are `at_rows`, not `at_columns`.

    Returns:
        The gradients of rows, columns and values, each in the shape of its tensor.
    """
    d_rows, d_columns = _zeros_like_transposed(rows), _zeros_like_transposed(columns)
    d_values = _zeros_like_transposed(at_rows if values_at_rows else at_columns)
    columns_t, at_columns_t = columns.mT.contiguous(), at_columns.mT.contiguous()
    for clips, part, weights in _blocks(rows, columns, groups):
        if values_at_rows:
            d_values[clips, :, part] = at_columns_t[clips] @ weights.mT
        else:
            d_values[clips].baddbmm_(at_rows[clips, part].mT, weights)
        d_weights = at_rows[clips, part] @ at_columns_t[clips]
        d_logits = _softmax_backward(weights, d_weights, groups)
        d_rows[clips, :, part] = columns_t[clips] @ d_logits.mT
        d_columns[clips].baddbmm_(rows[clips, part].mT, d_logits)
    return d_rows.mT, d_columns.mT, d_values.mT


def _blocks(rows: Tensor, columns: Tensor, groups: int) -> Iterator[tuple[slice, slice, Tensor]]:
    """Clips, rows and normalised affinities (b, r, N) of each block of rows (B, R, K), columns (B, N, K)."""
    size = CPU_BLOCK if rows.device.type == "cpu" else GPU_BLOCK
    batch, count, _ = rows.shape
    columns_t = columns.mT.contiguous()
    step = min(count, max(LEAST_ROWS, size // columns.shape[1]))
    for clips in _slices(batch, max(1, size // (count * columns.shape[1]))):
        for part in _slices(count, step):
            logits = (rows[clips, part] @ columns_t[clips]).unflatten(-1, (groups, -1))
            yield clips, part, logits.softmax(-1).flatten(-2)


def _softmax_backward(weights: Tensor, d_weights: Tensor, groups: int) -> Tensor:
    """Gradient of the logits, (b, r, N); overwrites `d_weights`."""
    w, d_w = (x.unflatten(-1, (groups, -1)) for x in (weights, d_weights))
    d_w.mul_(w)  # in place throughout: new memory would cost more than the arithmetic
    d_logits: Tensor = d_w.addcmul_(w, d_w.sum(-1, keepdim=True), value=-1)
    return d_logits.flatten(-2)


def _slices(length: int, step: int) -> list[slice]:
    return [slice(start, start + step) for start in range(0, length, step)]


def _zeros_like_transposed(x: Tensor) -> Tensor:
    return x.new_zeros(x.mT.shape)
