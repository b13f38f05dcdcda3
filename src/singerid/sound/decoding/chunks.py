"""Files made of chunks, each of which begins with its name and size: WAV and its variants, AIFF, CAF."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from singerid.sound.decoding.view import FileView

MOST_CHUNKS = 1000  # more than any file has
WAVES = (b"RIFF", b"RIFX", b"RF64", b"BW64")  # RIFX: big-endian; RF64, BW64: over 4 GiB


@dataclass(frozen=True)
class Layout:
    """How the chunks of a file are written.

    Attributes:
        start: position of the first chunk.
        order: byte order of a size.
        width: number of bytes of a size. If it is 4, a padding byte follows each chunk of odd size.
    """

    start: int
    order: Literal["little", "big"]
    width: int

    def number(self, content: bytes) -> int:
        """The bytes as a number."""
        return int.from_bytes(content, self.order)


@dataclass(frozen=True)
class Chunk:
    """One chunk, as its header declares it.

    Attributes:
        name: four bytes.
        field: position of its size.
        start: position of its content.
        size: bytes of its content.
        end: position of the next chunk.
    """

    name: bytes
    field: int
    start: int
    size: int
    end: int


def layout_of(file: FileView) -> Layout | None:
    """How the chunks of a file are written, from its first bytes; None: it is not made of chunks."""
    head = file.at(0, 12)
    if is_wave(head):
        return Layout(12, "big" if head[:4] == b"RIFX" else "little", 4)
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return Layout(12, "big", 4)
    return Layout(8, "big", 8) if head[:4] == b"caff" else None


def is_wave(head: bytes) -> bool:
    """Whether the first bytes of a file, `head`, are those of WAV or one of its variants.

    >>> is_wave(b"RIFF....WAVEfmt "), is_wave(b"RIFF....AVI LIST")
    (True, False)
    """
    return head[:4] in WAVES and head[8:12] == b"WAVE"


def chunk_at(file: FileView, position: int, layout: Layout) -> Chunk | None:
    """The chunk whose header is at `position`; None if the file ends within that header."""
    start = position + 4 + layout.width
    header = file.at(position, 4 + layout.width)
    if len(header) < 4 + layout.width:
        return None
    size = layout.number(header[4:])
    padding = size % 2 if layout.width == 4 else 0
    return Chunk(header[:4], position + 4, start, size, start + size + padding)


def chunks(file: FileView, position: int, layout: Layout) -> Iterator[Chunk]:
    """Yield the chunks from `position` to the end of the file."""
    for _ in range(MOST_CHUNKS):
        chunk = chunk_at(file, position, layout)
        if chunk is None:
            return
        yield chunk
        position = chunk.end


def find_chunk(file: FileView, name: bytes, layout: Layout) -> Chunk | None:
    """The first chunk with this name; None if there is none."""
    return next((chunk for chunk in chunks(file, layout.start, layout) if chunk.name == name), None)
