"""The FGNL operation as the equation states it: roll by roll, with all affinities.

The fast forms are tested against it, and exported graphs contain it. Memory grows with the number of
affinities, B * M * P * Q.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

# The paper normalises each row of the affinities, over the keys ("The computation of softmax is
# performed on each row", Figure 2). The authors' released program normalises each column, over the
# queries: a query's weights then need not sum to one, and responses can grow large.
SoftmaxAxis = Literal["keys", "queries"]
SOFTMAX_AXES: tuple[SoftmaxAxis, ...] = get_args(SoftmaxAxis)

_QUERY_CHUNK = 1024  # positions; bounds the memory of affinities() normalised over the queries


def roll_logits(theta: Tensor, phi: Tensor, roll: int) -> Tensor:
    """Affinities before the softmax for one roll: theta (B, P, K), phi (B, Q, K) -> (B, P, Q).

    >>> theta, phi = torch.tensor([[[1.0, 0, 0]]]), torch.tensor([[[0, 0, 1.0]]])
    >>> [roll_logits(theta, phi, roll).item() for roll in range(3)]
    [0.0, 1.0, 0.0]
    """
    return theta.roll(-roll, dims=-1) @ phi.transpose(-1, -2)


def responses(theta: Tensor, phi: Tensor, g: Tensor, softmax: SoftmaxAxis = "keys") -> Tensor:
    """All responses; see `singerid.nn.operation.responses`."""
    axis = -1 if softmax == "keys" else -2
    rolls = range(theta.shape[-1])
    return torch.stack([roll_logits(theta, phi, k).softmax(axis) @ g for k in rolls], dim=1)


def affinities(theta: Tensor, phi: Tensor, queries: Tensor, softmax: SoftmaxAxis = "keys") -> Tensor:
    """The attention of chosen query positions, without building the affinities of all positions.

    Args:
        theta: queries, (B, P, K).
        phi: keys, unrolled, (B, Q, K).
        queries: indices of the chosen positions, (S,), integers in [0, P).
        softmax: the axis that is normalised.

    Returns:
        (B, M, S, Q): the rows `queries` of the normalised affinities of every roll.

    >>> attention = affinities(torch.rand(1, 5, 3), torch.rand(1, 7, 3), torch.tensor([0, 4]))
    >>> tuple(attention.shape), attention.sum(-1).allclose(torch.ones(1, 3, 2))
    ((1, 3, 2, 7), True)
    """
    chosen = theta[:, queries]
    rows = []
    for k in range(theta.shape[-1]):
        logits = roll_logits(chosen, phi, k)
        if softmax == "keys":
            rows.append(logits.softmax(-1))
            continue
        # A column's normaliser runs over all queries: gather it chunk by chunk.
        normalisers = [roll_logits(chunk, phi, k).logsumexp(-2) for chunk in theta.split(_QUERY_CHUNK, dim=1)]
        rows.append((logits - torch.stack(normalisers).logsumexp(0).unsqueeze(-2)).exp())
    return torch.stack(rows, dim=1)
