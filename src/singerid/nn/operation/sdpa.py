"""The FGNL operation with softmax over the keys, by PyTorch's fused attention: the fastest form on a GPU.

Rolls only permute the channels of theta, so the rolls of a query are simply more queries to the same keys.
Keys need not be loaded, or given a gradient, once per roll.
"""

from torch import Tensor
from torch.nn import functional

# PyTorch's kernels that do not hold the affinities read rows of whole 16-byte words. For all other rows
# PyTorch has a slower form that needs more memory.
_WORD = 16


def responses(queries: Tensor, phi: Tensor, g: Tensor) -> Tensor:
    """Responses of rolled queries, normalised over the keys.

    Args:
        queries: theta rolled for every response, (B, M, P, K).
        phi: keys, (B, Q, K).
        g: values, (B, Q, K).

    Returns:
        (B, M, P, K).
    """
    channels = queries.shape[-1]
    q, k, v = (_whole_words(x).unsqueeze(1) for x in (queries.flatten(1, 2), phi, g))
    y = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
    return y[..., :channels].reshape(queries.shape)


def _whole_words(x: Tensor) -> Tensor:
    """Append zeros to the channels; they add nothing to affinities, and are cut off the responses."""
    return functional.pad(x, (0, -x.shape[-1] % (_WORD // x.element_size())))
