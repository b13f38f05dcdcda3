"""Sound for a page: MP3 that is embedded in the page."""

import base64
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from singerid.sound.audio import read_blocks

EXCERPT_SECONDS = 8.0


def mp3(samples: NDArray[np.float32], sample_rate: int) -> str:
    """Samples as MP3, encoded in Base64 for a data URL."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format="MP3", subtype="MPEG_LAYER_III")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def excerpt(path: Path, seconds: float, sample_rate: int = 16_000) -> str:
    """The middle `EXCERPT_SECONDS` of a file, as from `mp3`.

    Args:
        path: the file.
        seconds: its length.
        sample_rate: in Hz.
    """
    start = int(max(0.0, seconds - EXCERPT_SECONDS) / 2 * sample_rate)
    end = start + int(EXCERPT_SECONDS * sample_rate)
    kept, position = [], 0
    for block in read_blocks(path, sample_rate):
        kept.append(block[max(0, start - position) : max(0, end - position)])
        position += len(block)
        if position >= end:
            break
    return mp3(np.concatenate(kept), sample_rate)
