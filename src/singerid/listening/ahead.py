"""Decode the next file while the network processes the current one."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from singerid.sound.audio import Read, read_blocks
from singerid.sound.decoding.pieces import Warn

AHEAD_BLOCKS = 30  # of 10 s: bounds the memory, 19 MB


@dataclass(frozen=True, eq=False)
class Ahead:
    """A file that is being decoded.

    Attributes:
        path: the file.
        read: its sound.
        warnings: problems of a file that can still be used; filled while it is read.
    """

    path: Path
    read: Read
    warnings: list[str]


def decoded_ahead(paths: Iterable[Path], sample_rate: int) -> Iterator[Ahead]:
    """Yield each file; its decoding begins when the file before it is requested.

    Args:
        paths: files.
        sample_rate: of their samples, in Hz.
    """
    with ThreadPoolExecutor(1) as decoder:
        before: list[Ahead] = []
        for path in paths:
            warnings: list[str] = []
            begun = Ahead(path, _begun(path, sample_rate, warnings.append, decoder), warnings)
            yield from before
            before = [begun]
        yield from before


def _begun(path: Path, sample_rate: int, warn: Warn, decoder: Executor) -> Read:
    """As `partial(read_blocks, path, sample_rate, warn=warn)`, but the first reading has begun already."""
    blocks = read_blocks(path, sample_rate, warn=warn)
    head = decoder.submit(lambda: list(islice(blocks, AHEAD_BLOCKS)))
    first: list[Read] = [lambda: chain(head.result(), blocks)]
    return lambda: first.pop()() if first else read_blocks(path, sample_rate, warn=warn)
