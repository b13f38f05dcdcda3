"""The interface of melody trackers, and the contour that they give."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from singerid.sound.decoding.pieces import Samples


@dataclass(frozen=True, eq=False)
class Contour:
    """The melody of a sound at the centres of its mel frames.

    Attributes:
        f0: (frames,) float32, fundamental frequency in Hz; 0 where the tracker finds none.
        confidence: (frames,) float32, from 0 to 1: how sure the tracker is that a frame has a pitch; each
            tracker defines its own scale.
    """

    f0: NDArray[np.float32]
    confidence: NDArray[np.float32]


class Tracker(Protocol):
    """Follows the melody of a sound. It can be pickled; a network is loaded once in each process."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def origin(self) -> str:
        """Version of the program and its weights: another origin may give another contour."""

    def contour(self, blocks: Iterable[Samples]) -> Contour:
        """The melody of a sound, in bounded memory whatever its length.

        Args:
            blocks: mono at 16 kHz, cut anywhere; the contour does not depend on the cuts.

        Returns:
            1 + samples // 512 frames; the centre of frame i is sample 512 i, as in `features.LogMel`.

        Raises:
            ValueError: there are no samples.
        """
