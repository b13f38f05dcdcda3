"""Decoding the next file while the network hears the one before."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path

from singerid.sound.audio import Read, Warn, read_blocks

AHEAD_BLOCKS = 30  # of 10 s: bounds the memory, 19 MB


def decoded_ahead(
    paths: Iterable[Path], sample_rate: int, warn_of: Callable[[Path], Warn]
) -> Iterator[tuple[Path, Read]]:
    """Yield each path with its sound, whose first reading begins when the sound before is asked for.

    Args:
        paths: files.
        sample_rate: of their samples, in Hz.
        warn_of: what is called with what is wrong with a file.
    """
    with ThreadPoolExecutor(1) as decoder:
        before: list[tuple[Path, Read]] = []
        for path in paths:
            begun = path, _begun(path, sample_rate, warn_of(path), decoder)
            yield from before
            before = [begun]
        yield from before


def _begun(path: Path, sample_rate: int, warn: Warn, decoder: Executor) -> Read:
    """As `partial(read_blocks, path, sample_rate, warn=warn)`, but its first reading has begun already."""
    blocks = read_blocks(path, sample_rate, warn=warn)
    head = decoder.submit(lambda: list(islice(blocks, AHEAD_BLOCKS)))
    first: list[Read] = [lambda: chain(head.result(), blocks)]
    return lambda: first.pop()() if first else read_blocks(path, sample_rate, warn=warn)
