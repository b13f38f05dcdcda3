"""When somebody sings, cell by cell and in any window: the result of both ways of finding it out.

Letters in shapes: L cells of a sound, N windows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SUNG = 0.5
"""A window counts as sung if its share is at least this."""
# A track has a voice if the mean share of its best three quarters of windows is at least this. In most songs
# some windows are not sung, and in music in which nobody sings some windows sound as if (docs/results.md).
_BEST, _OF_THE_BEST = 0.75, 0.6


@dataclass(frozen=True, eq=False)
class VoiceCells:
    """The sung share of each cell of a sound: how sure it is that somebody sings there.

    Attributes:
        sung: (L,) float32, 0 to 1, with L >= 1; the last cell may reach beyond the sound.
        seconds: length of a cell.
    """

    sung: NDArray[np.float32]
    seconds: float

    def share(self, starts: NDArray[np.float64], seconds: float) -> NDArray[np.float32]:
        """The sung share of windows: the mean of the cells that lie in a window, weighted by their overlap.

        Args:
            starts: start of each window, (N,) in seconds.
            seconds: their length, above 0.

        Returns:
            (N,) float32, 0 to 1; a window beyond the last cell has the share of that cell.

        >>> cells = VoiceCells(np.array([0, 1, 1, 0.5], np.float32), seconds=0.25)
        >>> cells.share(np.array([0, 0.25, 0.375, 5]), 0.5).tolist()
        [0.5, 1.0, 0.875, 0.5]
        """
        edges = np.arange(len(self.sung) + 1) * self.seconds
        total = np.concatenate(([0.0], np.cumsum(self.sung, dtype=np.float64))) * self.seconds
        ends = np.minimum(starts + seconds, edges[-1])
        begins = np.minimum(starts, ends - min(seconds, self.seconds))
        sung = np.interp(ends, edges, total) - np.interp(begins, edges, total)
        share: NDArray[np.float64] = np.clip(sung / (ends - begins), 0, 1)
        return share.astype(np.float32)


def sung(shares: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each window of a track counts as sung, (N,); none does if the track as a whole has no voice.

    Args:
        shares: (N,), the sung shares of all its windows; 0 for silent ones.

    >>> sung(np.array([0.9, 0.2, 0.8, 0.9], np.float32)).tolist()
    [True, False, True, True]
    >>> sung(np.array([0.1, 0.2, 0.6, 0.1], np.float32)).any()  # something sounds like a voice for a moment
    np.False_
    """
    heard = np.sort(shares[shares > 0])[::-1]
    best = heard[: max(1, round(_BEST * len(heard)))]
    has_voice = len(best) > 0 and best.mean() >= _OF_THE_BEST
    return (shares >= SUNG) & has_voice
