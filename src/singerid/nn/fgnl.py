"""The fully generalized non-local (FGNL) block: Eq. 7-9 and Figure 2.

Kuo, Wei and Lin, "Positions, Channels, and Layers: Fully Generalized Non-Local Network for Singer
Identification", AAAI 2021.

Letters in shapes: B batch, C channels of X_i, K = C // m embedded channels, M responses (= K),
P positions of X_i, Q positions of all layers together, L layers, S chosen query positions.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from singerid.nn.excitation import MoSE, SqueezeExcitation
from singerid.nn.layers import (
    Dimensions,
    check_map,
    embedded_channels,
    flatten_positions,
    pointwise,
    shape_text,
)
from singerid.nn.operation import SOFTMAX_AXES, SoftmaxAxis, affinities, responses
from singerid.nn.smoothing import GaussianSmoothing, Smoothing


class Attention(NamedTuple):
    """An output, together with the attention of the chosen query positions.

    Attributes:
        output: z, as without `return_attention`.
        attention: for each layer, (B, M, S, *positions of that layer). With softmax="keys" the weights
            of one response and query sum to one over all layers together.
    """

    output: Tensor
    attention: tuple[Tensor, ...]


class FGNL(nn.Module):
    """Fully generalized non-local block over the layers F = {X_i, X_j, ...}, enhancing X_i.

    Response k (Eq. 7), for k = 0 .. M-1, with G the Gaussian smoothing and r_k a roll by k channels:

        Y_k = softmax(G(theta(X_i)) r_k([G(phi_i(X_i)), G(phi_j(X_j)), ..])^T) [G(g_i(X_i)), G(g_j(X_j)), ..]

    Then R~ = MoSE(R) * R (Eq. 8) and Z = R~ W_z + X_i (Eq. 9). W_z reads the M responses of K channels
    flattened to K * M channels, channel-major (index c * M + k).

    Use `FGNL1d`, `FGNL2d` or `FGNL3d`, which fix the number of position axes. With no other layers this
    is the paper's FGNL_LIGHT.

    Args:
        channels: C, of X_i.
        other_channels: channels of each further layer, in the order in which they are passed.
        reduction: m; theta, phi and g of every layer map to K = C // m channels. The paper's value is 32.
        smoothing: Gaussian smoothing G of the embedded maps; None for none. In 3d it is spatial (H, W).
        excitation: "mose" (Eq. 8), "se" (squeeze-and-excitation), None (R unweighted), or any module
            that maps (B, M, P, K) to the same shape, with the responses in place of the channels.
        softmax: "keys" as in the paper, each query's weights sum to one; "queries" as in the authors'
            released program, which normalises over the queries.
        zero_init: start W_z at zero, so that the block is the identity at first (for insertion into a
            trained network); otherwise Glorot uniform, as in the authors' program.

    Raises:
        ValueError: an unknown option, or a reduction that leaves no channel.
    """

    dimensions: ClassVar[Dimensions]

    def __init__(
        self,
        channels: int,
        other_channels: Sequence[int] = (),
        *,
        reduction: int = 32,
        smoothing: Smoothing | None = Smoothing(),  # noqa: B008  (frozen)
        excitation: Literal["mose", "se"] | nn.Module | None = "mose",
        softmax: SoftmaxAxis = "keys",
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        if softmax not in SOFTMAX_AXES:
            raise ValueError(f"softmax must be one of {', '.join(SOFTMAX_AXES)}, got {softmax!r}")
        embedded = embedded_channels(channels, reduction)
        self.layer_channels = (channels, *other_channels)
        self.softmax: SoftmaxAxis = softmax
        self.theta = self._embedding(channels, embedded, smoothing)
        self.phi = nn.ModuleList(self._embedding(c, embedded, smoothing) for c in self.layer_channels)
        self.g = nn.ModuleList(self._embedding(c, embedded, smoothing) for c in self.layer_channels)
        self.excitation = _excitation(excitation, embedded)
        self.project = pointwise(self.dimensions, embedded * embedded, channels, zero=zero_init)

    def _embedding(self, channels: int, embedded: int, smoothing: Smoothing | None) -> nn.Sequential:
        embedding = nn.Sequential(pointwise(self.dimensions, channels, embedded))
        if smoothing is not None:
            embedding.append(GaussianSmoothing(embedded, self.dimensions, smoothing))
        return embedding

    def _check(self, layers: Sequence[Tensor]) -> None:
        if len(layers) != len(self.layer_channels):
            raise ValueError(f"this block takes {len(self.layer_channels)} layers, got {len(layers)}")
        for index, (x, channels) in enumerate(zip(layers, self.layer_channels, strict=True)):
            check_map(x, channels, self.dimensions, f"layer {index} (0 is X_i)")
            if x.shape[0] != layers[0].shape[0]:
                raise ValueError(f"layer {index} has batch size {x.shape[0]}, X_i has {layers[0].shape[0]}")

    def embed(self, layers: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """The smoothed embeddings of {X_i, X_j, ...}: theta (B, P, K), phi (B, Q, K), g (B, Q, K)."""
        theta = flatten_positions(self.theta(layers[0]))
        phi = [flatten_positions(embed(x)) for embed, x in zip(self.phi, layers, strict=True)]
        g = [flatten_positions(embed(x)) for embed, x in zip(self.g, layers, strict=True)]
        return theta, torch.cat(phi, dim=1), torch.cat(g, dim=1)

    def forward(
        self,
        x: Tensor,
        *others: Tensor,
        return_attention: bool = False,
        queries: Sequence[Sequence[int]] | None = None,
    ) -> Tensor | Attention:
        """Enhance X_i by attention to all positions of all channels and layers.

        Args:
            x: X_i, (B, C, *positions).
            *others: the further layers, (B, C_l, *positions of layer l), of any sizes.
            return_attention: also return the affinities of `queries`.
            queries: S positions of X_i by their coordinates, for example [(h, w), ...] in 2d. Only the
                rows of these queries in the affinities are built.

        Returns:
            z of the shape of x; with `return_attention` an `Attention`.

        Raises:
            ValueError: shapes do not fit, or a query position lies outside the map.
        """
        layers = (x, *others)
        self._check(layers)
        theta, phi, g = self.embed(layers)
        r = responses(theta, phi, g, self.softmax)  # (B, M, P, K)
        if self.excitation is not None:
            r = self.excitation(r)  # Eq. 8
        r = r.permute(0, 3, 1, 2).flatten(1, 2)  # (B, K * M, P), index c * M + k
        z: Tensor = self.project(r.unflatten(2, x.shape[2:])) + x  # Eq. 9
        if not return_attention:
            return z
        rows = affinities(theta, phi, _flat_positions(queries, x), self.softmax)
        parts = rows.split([layer[0, 0].numel() for layer in layers], dim=-1)
        attention = (part.unflatten(-1, layer.shape[2:]) for part, layer in zip(parts, layers, strict=True))
        return Attention(z, tuple(attention))


class FGNL1d(FGNL):
    """`FGNL` on maps (B, C, W): sequences."""

    dimensions = 1


class FGNL2d(FGNL):
    """`FGNL` on maps (B, C, H, W): spectrograms and images.

    >>> tuple(FGNL2d(64, other_channels=(32,))(torch.rand(1, 64, 4, 6), torch.rand(1, 32, 8, 12)).shape)
    (1, 64, 4, 6)
    """

    dimensions = 2


class FGNL3d(FGNL):
    """`FGNL` on maps (B, C, T, H, W): video, as drawn in Figure 2."""

    dimensions = 3


def _excitation(excitation: Literal["mose", "se"] | nn.Module | None, responses: int) -> nn.Module | None:
    if excitation == "mose":
        return MoSE()
    if excitation == "se":
        return SqueezeExcitation(responses)
    if excitation is None or isinstance(excitation, nn.Module):
        return excitation
    raise ValueError(f"excitation must be 'mose', 'se', None or a module, got {excitation!r}")


def _flat_positions(queries: Sequence[Sequence[int]] | None, x: Tensor) -> Tensor:
    """Coordinates of positions of x -> their indices (S,) in the flattened map."""
    sizes = x.shape[2:]
    if queries is None:
        raise ValueError(f"return_attention needs queries: positions within {shape_text(sizes)}")
    flat = []
    for query in queries:
        inside = len(query) == len(sizes) and all(0 <= q < n for q, n in zip(query, sizes, strict=True))
        if not inside:
            raise ValueError(f"query {tuple(query)} lies outside the map of {shape_text(sizes)} positions")
        index = 0
        for q, n in zip(query, sizes, strict=True):
            index = index * n + q
        flat.append(index)
    return torch.tensor(flat, dtype=torch.long, device=x.device)
