"""Sound piece by piece: bounded memory for what looks at minutes of sound at once."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from singerid.sound.decoding.pieces import Samples


def process_in_pieces(
    blocks: Iterable[Samples], process: Callable[[Samples], Samples], overlap: int
) -> Iterator[Samples]:
    """Apply `process` to a sound of any length, a block at a time, without a seam.

    A single block is processed as it is. Otherwise each block is processed together with the end of the
    one before, and fades in over `overlap` samples while the one before fades out. The last piece
    reaches further back, for it is as long as the others even where its block is short.

    Args:
        blocks: of equal length, not shorter than `overlap`, but for the last.
        process: gives as many samples as it gets.
        overlap: in samples.

    Yields:
        As many samples as the blocks have, all of them together.
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
    """Reads pieces of a sound as if they were one, by the number of samples asked for.

    Args:
        pieces: mono samples.

    Attributes:
        missing: samples that were asked for beyond the sound's end, and given as zeros.
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
        """Read on to the end: the number of samples that were not asked for."""
        rest = len(self._held) + sum(len(piece) for piece in self._pieces)
        self._held = self._held[:0]
        return rest


def with_rest(vocals: Iterable[Samples], mixture: Iterable[Samples]) -> Iterator[tuple[Samples, Samples]]:
    """Yield, for each block of a mixture, its (vocals, mixture without them).

    The vocals' pieces may be of other lengths, and all of them together a few samples longer or shorter.
    """
    reader = SampleReader(vocals)
    for block in mixture:
        sung = reader.read(len(block))
        yield sung, block - sung
