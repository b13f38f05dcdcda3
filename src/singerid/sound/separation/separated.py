"""The separated parts of one recording, on disk while they are needed, so that its length costs no memory."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from singerid.config import ACCOMPANIMENT, VOCALS
from singerid.sound.audio import Read, Samples
from singerid.sound.separation.separators import Separator
from singerid.system.files import atomic_write

_BLOCK = 1 << 18  # samples read at a time


@contextmanager
def separated(
    separator: Separator, path: Path, folder: Path | None = None, warn: Callable[[str], None] = lambda _: None
) -> Iterator[Mapping[str, Read]]:
    """Separate a recording and give its parts, "vocals" and "accompaniment", to read as often as wished.

    Args:
        separator: what separates.
        path: the recording.
        folder: where the parts are kept meanwhile; None: the system's folder for such files.
        warn: is called with what is wrong with the recording, though it can be used.

    Raises:
        AudioError: the recording cannot be decoded or separated.
        SingeridError: the parts cannot be written.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="singerid-", dir=folder) as kept:
        files = {part: Path(kept) / part for part in (VOCALS, ACCOMPANIMENT)}
        with atomic_write(files[VOCALS]) as vocals, atomic_write(files[ACCOMPANIMENT]) as accompaniment:
            for block in separator.blocks(path, warn):
                for file, samples in zip((vocals, accompaniment), block, strict=True):
                    file.write(samples.astype(np.float32, copy=False).tobytes())
        yield {part: partial(_blocks, file) for part, file in files.items()}


def _blocks(path: Path) -> Iterator[Samples]:
    with path.open("rb") as file:
        while len(samples := np.fromfile(file, np.float32, _BLOCK)):
            yield samples
