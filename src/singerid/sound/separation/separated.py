"""The separated parts of one recording, kept on disk: memory use does not grow with its length."""

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from singerid.config import ACCOMPANIMENT, MIXTURE, VOCALS
from singerid.sound.audio import Read, read_blocks
from singerid.sound.decoding.pieces import Samples
from singerid.sound.scratch import as_bytes, keep, read_kept
from singerid.sound.separation.separators import Separator
from singerid.system.files import scratch_write

SEPARATED = (VOCALS, ACCOMPANIMENT)  # in the order in which a separator gives them


@contextmanager
def separated(
    separator: Separator,
    path: Path,
    folder: Path | None = None,
    warn: Callable[[str], None] = lambda _: None,
    *,
    mixture: Read | None = None,
    parts: Collection[str] = SEPARATED,
    beat: Callable[[], None] = lambda: None,
) -> Iterator[Mapping[str, Read]]:
    """Separate a recording; its parts can then be read as often as needed.

    Args:
        separator: the separator.
        path: the recording.
        folder: where the parts are kept meanwhile; None: the system's folder for temporary files.
        warn: is called with each problem of a recording that can still be used.
        mixture: reads the recording at the separator's rate, if it was decoded before; None: decode it here.
        parts: the wanted parts, of "vocals", "accompaniment" and the "mixture" itself.
        beat: is called for each block that is decoded, separated or read, as a sign of progress.

    Raises:
        AudioError: the recording cannot be decoded or separated.
        SingeridError: the parts cannot be written.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="singerid-", dir=folder) as kept:
        if mixture is None:
            blocks = partial(read_blocks, path, separator.sample_rate, warn=warn)
            mixture = keep(beating(blocks, beat)(), Path(kept) / "mixture")
        mixture = beating(mixture, beat)
        files = {part: Path(kept) / part for part in SEPARATED if part in parts}
        with ExitStack() as stack:
            opened = {part: stack.enter_context(scratch_write(file)) for part, file in files.items()}
            for block in separator.blocks(path, mixture, warn):
                beat()
                for part, samples in zip(SEPARATED, block, strict=True):
                    if part in opened:
                        opened[part].write(as_bytes(samples))
        reads: dict[str, Read] = {
            part: beating(partial(read_kept, file), beat) for part, file in files.items()
        }
        yield reads | ({MIXTURE: mixture} if MIXTURE in parts else {})


def beating(read: Read, beat: Callable[[], None]) -> Read:
    """The same sound; `beat` is called for each of its blocks."""

    def blocks() -> Iterator[Samples]:
        for block in read():
            beat()
            yield block

    return blocks
