"""The original non-local block, which FGNL generalises (Eq. 1-6).

Wang, Girshick, Gupta and He, "Non-Local Neural Networks", CVPR 2018.

Letters in shapes: B batch, C channels, K = C // reduction embedded channels, N positions.
"""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from singerid.nn.layers import (
    Dimensions,
    check_map,
    embedded_channels,
    flatten_positions,
    initialize_as_keras,
    pointwise,
)

Pairwise = Literal["embedded_gaussian", "gaussian", "dot_product", "concatenation"]


class NonLocal(nn.Module):
    """Non-local block z = W_z y + x, where y is the sum over all positions of f(x_i, x_j) g(x_j).

    Use `NonLocal1d`, `NonLocal2d` or `NonLocal3d`, which fix the number of position axes.

    Args:
        channels: C.
        reduction: m; theta, phi and g map to K = C // m channels.
        pairwise: f. "embedded_gaussian": softmax over j of theta(x_i) . phi(x_j); "gaussian": softmax
            of x_i . x_j; "dot_product": theta(x_i) . phi(x_j) (Eq. 5); "concatenation":
            ReLU(w . [theta(x_i), phi(x_j)]).
        normalize: divide "dot_product" and "concatenation" by N, as Wang et al. do; False leaves the
            dot product as in Eq. 6. The Gaussian forms are normalised by their softmax either way.
        zero_init: start W_z at zero, so that the block is the identity at first.

    Raises:
        ValueError: unknown `pairwise`, or a reduction that leaves no channel.
    """

    dimensions: ClassVar[Dimensions]

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 2,
        pairwise: Pairwise = "embedded_gaussian",
        normalize: bool = True,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        if pairwise not in get_args(Pairwise):
            raise ValueError(f"pairwise must be one of {', '.join(get_args(Pairwise))}, got {pairwise!r}")
        embedded = embedded_channels(channels, reduction)
        self.channels = channels
        self.pairwise = pairwise
        self.normalize = normalize
        if pairwise != "gaussian":
            self.theta = pointwise(self.dimensions, channels, embedded)
            self.phi = pointwise(self.dimensions, channels, embedded)
        self.g = pointwise(self.dimensions, channels, embedded)
        if pairwise == "concatenation":
            self.concatenation = nn.Linear(2 * embedded, 1, bias=False)
            initialize_as_keras(self.concatenation)
        self.project = pointwise(self.dimensions, embedded, channels, zero=zero_init)

    def affinity(self, x: Tensor) -> Tensor:
        """Normalised f between all positions: x (B, C, *positions) -> (B, N, N), rows are queries."""
        if self.pairwise == "gaussian":
            positions = flatten_positions(x)
            return (positions @ positions.transpose(1, 2)).softmax(-1)
        theta, phi = flatten_positions(self.theta(x)), flatten_positions(self.phi(x))
        if self.pairwise == "embedded_gaussian":
            return (theta @ phi.transpose(1, 2)).softmax(-1)
        if self.pairwise == "dot_product":
            affinity = theta @ phi.transpose(1, 2)
        else:
            # w . [theta_i, phi_j] is one term of i plus one of j: no N x N x 2K tensor is built.
            weight_theta, weight_phi = self.concatenation.weight[0].chunk(2)
            affinity = torch.relu((theta @ weight_theta)[:, :, None] + (phi @ weight_phi)[:, None, :])
        return affinity / affinity.shape[-1] if self.normalize else affinity

    def forward(self, x: Tensor) -> Tensor:
        """Enhance a map: x (B, C, *positions) -> z of the same shape."""
        check_map(x, self.channels, self.dimensions, "x")
        y = self.affinity(x) @ flatten_positions(self.g(x))
        z: Tensor = self.project(y.transpose(1, 2).unflatten(2, x.shape[2:])) + x
        return z


class NonLocal1d(NonLocal):
    """`NonLocal` on maps (B, C, W)."""

    dimensions = 1


class NonLocal2d(NonLocal):
    """`NonLocal` on maps (B, C, H, W)."""

    dimensions = 2


class NonLocal3d(NonLocal):
    """`NonLocal` on maps (B, C, T, H, W)."""

    dimensions = 3
