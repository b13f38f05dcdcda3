"""F0 trackers: what follows the melody of a sound."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from singerid.audio import Samples
from singerid.config import TrackerName


@dataclass(frozen=True, eq=False)
class Contour:
    """F0 and confidence at the centres of the frames."""

    f0: NDArray[np.float32]
    confidence: NDArray[np.float32]


class Tracker(Protocol):
    """Follows the melody of a sound; it can be pickled."""

    @property
    def name(self) -> TrackerName:
        """Its name."""

    @property
    def origin(self) -> str:
        """Which version of it, with which weights."""

    def contour(self, blocks: Iterable[Samples]) -> Contour:
        """F0 of a sound."""


def open_tracker(name: TrackerName, device: torch.device | None = None) -> Tracker:
    """A tracker by name."""
    raise NotImplementedError
