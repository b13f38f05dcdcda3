"""The voice around each half second of a sound: finer than windows, at hardly any extra cost.

An encoder whose network pools frames over time has computed these frames for each window anyway. Pooled over
the neighbourhood of a cell instead, they show whose voice is there.

Letters in shapes: B windows, H bands, W frames of a window, T frames of the network, C channels, L cells,
D size of a vector.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CELL_SECONDS = 0.5
_REACH = 1  # cells on each side that are pooled with a cell: 1.5 s in all
_LEAST = 0.3  # share of a cell's frames: a shorter remainder gets no cell of its own


@dataclass(frozen=True, eq=False)
class FrameNetwork:
    """The network of an encoder in two parts: before and after the pooling over time.

    Attributes:
        frames: windows (B, H, W) -> (B, T, C); T covers all of W.
        heard: means and deviations (L, C) of frames -> vectors (L, D), how sure it is that somebody
            sings (L,), and the log-odds that several do, if somebody does and nothing else sounds (L,).
        frame_seconds: from one of the T frames to the next.
    """

    frames: Callable[[Tensor], Tensor]
    heard: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
    frame_seconds: float

    def of_windows(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (B, D) and sung shares (B,) of whole windows, from their frames (B, T, C)."""
        return self.heard(frames.mean(1), frames.std(1))[:2]


@dataclass(frozen=True, eq=False)
class Cells:
    """The voice around each cell of a sound, from its start.

    Attributes:
        vectors: (L, D) float32, each of unit length.
        sung: (L,) float32, 0 to 1: how sure it is that somebody sings.
        several: (L,) float32, log-odds that several do, if somebody does and nothing else sounds; None: not
            known.
        seconds: length of a cell.
    """

    vectors: NDArray[np.float32]
    sung: NDArray[np.float32]
    several: NDArray[np.float32] | None = None
    seconds: float = CELL_SECONDS

    def __len__(self) -> int:
        return len(self.vectors)


class CellMaker:
    """Pools the frames of windows as they come; memory grows only by the vectors.

    Args:
        network: the network in two parts.
    """

    def __init__(self, network: FrameNetwork) -> None:
        self._network = network
        self._per_cell = round(CELL_SECONDS / network.frame_seconds)
        self._heard = 0  # frames
        self._rest: Tensor | None = None  # frames (R, C) of a cell that is not whole
        self._sums: deque[Tensor] = deque()  # (3, C) each: count, sum and sum of squares of frames
        self._pending = 0  # of these, the first one whose own vector is not made yet
        self._vectors, self._sung, self._several = bytearray(), bytearray(), bytearray()
        self._size = 0

    def add(self, start_s: float, frames: Tensor) -> None:
        """Add the frames (T, C) of a window that starts at `start_s`; those heard before are left out."""
        known = self._heard - round(start_s / self._network.frame_seconds)
        if known >= len(frames):
            return
        if known < 0:  # small gaps between windows are filled with the next frame
            frames, known = torch.cat((frames[:1].expand(-known, -1), frames)), 0
        fresh = frames[known:]
        self._heard += len(fresh)
        held = fresh if self._rest is None else torch.cat((self._rest, fresh))
        whole = len(held) // self._per_cell
        cells = held[: whole * self._per_cell].unflatten(0, (whole, self._per_cell)) if whole else held[:0]
        self._rest = held[whole * self._per_cell :].clone()
        for cell in cells:
            self._sums.append(_sums(cell))
        self._make(len(self._sums) - _REACH)

    def end(self) -> Cells:
        """All cells; raises ValueError if no frames were added."""
        rest = self._rest
        if rest is not None and len(rest) and (len(rest) >= _LEAST * self._per_cell or not self._sums):
            self._sums.append(_sums(rest))
        self._make(len(self._sums))
        if not self._size:
            raise ValueError("there are no cells: no frames were added")
        vectors = np.frombuffer(self._vectors, np.float32).reshape(-1, self._size)
        sung, several = (np.frombuffer(told, np.float32) for told in (self._sung, self._several))
        return Cells(vectors, sung, several)

    def _make(self, until: int) -> None:
        """Make the vectors of the cells before `until`, whose neighbours are there."""
        places = range(self._pending, until)
        if not places:
            return
        every = list(self._sums)
        around = torch.stack([_sum_of(every[max(0, at - _REACH) : at + _REACH + 1]) for at in places])
        count, mean = around[:, 0], around[:, 1] / around[:, 0]
        spread = (around[:, 2] - count * mean**2).clamp(min=0) / (count - 1).clamp(min=1)
        vectors, sung, several = self._network.heard(mean.float(), spread.sqrt().float())
        vectors = torch.nn.functional.normalize(vectors.float())
        self._size = vectors.shape[1]
        self._vectors.extend(vectors.cpu().numpy().tobytes())
        self._sung.extend(sung.float().cpu().numpy().tobytes())
        self._several.extend(several.float().cpu().numpy().tobytes())
        for _ in range(max(0, until - _REACH)):
            self._sums.popleft()
        self._pending = min(until, _REACH)


def _sums(frames: Tensor) -> Tensor:
    """Count, sum and sum of squares of frames (T, C), in double precision; (3, C)."""
    exact = frames.double()
    return torch.stack((torch.full_like(exact[0], len(exact)), exact.sum(0), exact.square().sum(0)))


def _sum_of(parts: list[Tensor]) -> Tensor:
    """The sum of tensors of one shape."""
    return torch.stack(parts).sum(0)
