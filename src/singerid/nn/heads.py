"""Heads name singers from vectors of windows: a linear probe, and singers' mean vectors after a back end.

The vectors are those of a frozen encoder, so a head is fitted in seconds (`singerid.training.fitting`).

Letters in shapes: B windows, D size of a vector, S singers.
"""

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """Base class of all heads: they read vectors as clips of one column."""

    smallest_frames = 1

    def embed(self, vectors: Tensor) -> Tensor:
        """The vectors themselves: (B, D, 1) or (B, D) -> (B, D)."""
        return vectors.squeeze(-1) if vectors.ndim == 3 else vectors


class Probe(Head):
    """A linear layer: multinomial logistic regression on the vectors of a frozen network.

    Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016.

    Args:
        singers: S.
        size: D.

    >>> tuple(Probe(singers=3, size=8)(torch.zeros(2, 8)).shape)
    (2, 3)
    """

    def __init__(self, singers: int, size: int) -> None:
        super().__init__()
        self.output = nn.Linear(size, singers)

    def forward(self, vectors: Tensor) -> Tensor:
        """Logits (B, S) of vectors (B, D, 1) or (B, D)."""
        logits: Tensor = self.output(self.embed(vectors))
        return logits


class Centroids(Head):
    """Cosine to each singer's mean vector after centring and whitening, times a scale.

    A window's vector v is first transformed to `normalize((v - mean) @ whitening)`, as in
    `singerid.encoders.back_end`.

    Args:
        singers: S.
        size: D.
    """

    mean: Tensor
    whitening: Tensor
    centroids: Tensor
    scale: Tensor

    def __init__(self, singers: int, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("whitening", torch.eye(size))
        self.register_buffer("centroids", torch.zeros(singers, size))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, vectors: Tensor) -> Tensor:
        """Logits (B, S) of vectors (B, D, 1) or (B, D)."""
        seen = nn.functional.normalize((self.embed(vectors) - self.mean) @ self.whitening)
        return self.scale * seen @ self.centroids.T
