"""Process sound piece by piece, so that memory is bounded even if minutes of sound are needed at once."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from singerid.sound.decoding.pieces import Samples


def process_in_pieces(
    blocks: Iterable[Samples], process: Callable[[Samples], Samples], overlap: int
) -> Iterator[Samples]:
    """Apply `process` to a sound of any length, a block at a time, without a seam.

    A single block is processed as it is. Otherwise each block is processed together with the end of the
    one before, and fades in over `overlap` samples while the one before fades out. The last piece
    reaches further back: it is as long as the others even if its block is short.

    Args:
        blocks: of equal length, not shorter than `overlap`, except for the last one.
        process: returns as many samples as it is given.
        overlap: in samples.

    Yields:
        Pieces; together they have as many samples as the blocks.
    """
    fade_in = (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
    before: Samples | None = None
    tail = np.zeros(0, np.float32)  # the last samples processed, which the next piece may change
    for block in blocks:
        if before is None:
            made = process(block)
        else:
            piece = np.concatenate((before, block))[-(len(before) + overlap) :]
            made = process(piece)[-(overlap + len(block)) :].copy()
            made[:overlap] = fade_in * made[:overlap] + (1 - fade_in) * tail
        before, keep = block, min(overlap, len(made))
        yield made[: len(made) - keep]
        tail = made[len(made) - keep :]
    yield tail


class SampleReader:
    """Reads any number of samples at a time from a sound that comes in pieces.

    Args:
        pieces: mono samples.

    Attributes:
        missing: number of samples requested beyond the sound's end, which were given as zeros.
    """

    def __init__(self, pieces: Iterable[Samples]) -> None:
        self._pieces = iter(pieces)
        self._held = np.zeros(0, np.float32)
        self.missing = 0

    def read(self, count: int) -> Samples:
        """The next `count` samples."""
        while len(self._held) < count:
            piece = next(self._pieces, None)
            if piece is None:
                short = count - len(self._held)
                self.missing += short
                piece = np.zeros(short, np.float32)
            self._held = np.concatenate((self._held, piece))
        samples, self._held = self._held[:count], self._held[count:]
        return samples

    def count_rest(self) -> int:
        """Read on to the end; returns the number of samples that were not requested."""
        rest = len(self._held) + sum(len(piece) for piece in self._pieces)
        self._held = self._held[:0]
        return rest


def with_rest(vocals: Iterable[Samples], mixture: Iterable[Samples]) -> Iterator[tuple[Samples, Samples]]:
    """Yield, for each block of a mixture, its (vocals, mixture without them).

    The pieces of the vocals may have other lengths, and their total may differ by a few samples.
    """
    reader = SampleReader(vocals)
    for block in mixture:
        sung = reader.read(len(block))
        yield sung, block - sung
