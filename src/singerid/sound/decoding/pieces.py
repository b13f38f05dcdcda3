"""What decoders give: pieces of sound, and a record of how the decoding went."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Piece = tuple[int, Samples]  # (Hz, (samples, channels)); both may change from piece to piece
Warn = Callable[[str], None]

# Frames that are processed at once after decoding. Decoders give a tenth of that or less at a time, and a
# call for each of their pieces would take longer than its arithmetic.
PIECE_FRAMES = 2**15
# Headers round the duration, and encoders pad the end: only if more is missing is a file "cut short".
MISSING_SECONDS = 0.5


@dataclass
class Progress:
    """How the decoding of a file went.

    Attributes:
        frames: samples per channel that were decoded.
        seconds: their duration.
        damaged: whether something in between did not decode.
        missing: whether the file ends before the sound that it declares.
        is_float: whether its samples are floating-point numbers; their full scale is then a convention.
    """

    frames: int = 0
    seconds: float = 0.0
    damaged: bool = False
    missing: bool = False
    is_float: bool = False

    def heard(self, frames: int, rate: int) -> None:
        """Count `frames` more decoded frames, at `rate` Hz."""
        self.frames += frames
        self.seconds += frames / rate
