"""What decoders give: pieces of sound, and what became of a file meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Piece = tuple[int, Samples]  # (Hz, (samples, channels)); both may change from piece to piece
Warn = Callable[[str], None]

# What follows the decoders is done for so many frames at once: they give a tenth of that or less, and
# a call for each of their pieces takes longer than its arithmetic.
PIECE_FRAMES = 2**15
# Headers round the duration, encoders pad the end: only more than this is "cut short".
MISSING_SECONDS = 0.5


@dataclass
class Progress:
    """What became of a file's sound.

    Attributes:
        frames: samples a channel that were given.
        seconds: their duration.
        damaged: something in between did not decode.
        missing: the file ends before the sound that it declares.
        is_float: its samples are floating-point numbers, whose full scale is a matter of habit.
    """

    frames: int = 0
    seconds: float = 0.0
    damaged: bool = False
    missing: bool = False
    is_float: bool = False

    def heard(self, frames: int, rate: int) -> None:
        """So many more were given."""
        self.frames += frames
        self.seconds += frames / rate
