"""When somebody sings, cell by cell, and so in any window: what both ways of finding it out give.

Letters in shapes: L cells of a sound, N windows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL_SECONDS = 0.25


@dataclass(frozen=True, eq=False)
class VoiceCells:
    """How likely somebody sings in each quarter of a second of a sound.

    Attributes:
        sung: (L,) float32, 0 to 1; the last cell may reach beyond the sound.
    """

    sung: NDArray[np.float32]

    def share(self, starts: NDArray[np.float64], seconds: float) -> NDArray[np.float32]:
        """Which share of windows is sung: the mean over what they hear of each cell.

        Args:
            starts: of the windows, (N,) in seconds.
            seconds: their length, above 0.

        Returns:
            (N,) float32, 0 to 1; a window beyond the sound counts as its end.

        >>> cells = VoiceCells(np.array([0, 1, 1, 0.5], np.float32))
        >>> cells.share(np.array([0, 0.25, 0.375]), 0.5).tolist()
        [0.5, 1.0, 0.875]
        """
        if not len(self.sung):
            return np.zeros(len(starts), np.float32)
        edges = np.arange(len(self.sung) + 1) * CELL_SECONDS
        total = np.concatenate(([0.0], np.cumsum(self.sung, dtype=np.float64))) * CELL_SECONDS
        ends = np.minimum(starts + seconds, edges[-1])
        begins = np.minimum(starts, ends - min(seconds, CELL_SECONDS))
        sung = np.interp(ends, edges, total) - np.interp(begins, edges, total)
        share: NDArray[np.float64] = np.clip(sung / (ends - begins), 0, 1)
        return share.astype(np.float32)
