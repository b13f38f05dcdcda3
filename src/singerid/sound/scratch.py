"""Scratch files for sound that is read more than once: decoded once, and kept on disk while it is needed."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from singerid.sound.audio import Read
from singerid.sound.decoding.pieces import Samples
from singerid.system.files import scratch_write

_BLOCK = 1 << 18  # samples read at a time


def keep(blocks: Iterable[Samples], file: Path) -> Read:
    """Write a sound to a scratch file; returns a function that reads it, as often as needed.

    Args:
        blocks: mono samples, float32; read to their end now.
        file: the scratch file; its folder is made when missing. The caller removes the file.

    Raises:
        SingeridError: the file cannot be written.
    """
    with scratch_write(file) as output:
        for block in blocks:
            output.write(as_bytes(block))
    return partial(read_kept, file)


def read_kept(file: Path) -> Iterator[Samples]:
    """Yield the samples of a scratch file."""
    with file.open("rb") as kept:
        while len(samples := np.fromfile(kept, np.float32, _BLOCK)):
            yield samples


def as_bytes(samples: Samples) -> bytes:
    """Samples as a scratch file holds them: raw float32."""
    return samples.astype(np.float32, copy=False).tobytes()
