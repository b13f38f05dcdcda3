"""The FGNL operation with softmax over the keys as PyTorch's fused attention: what a GPU is fastest at.

Rolls only permute the channels of theta, so all rolls of a query are more queries to the same keys, and
no key is loaded, or gets a gradient, once per roll.
"""

from torch import Tensor
from torch.nn import functional

# The kernels that hold no affinities read rows of whole 16-byte words; PyTorch has a slower and larger
# form for all others.
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
    """Zeros appended to the channels: they add nothing to an affinity, and are cut off the responses."""
    return functional.pad(x, (0, -x.shape[-1] % (_WORD // x.element_size())))
