"""Ogg files that hold several streams one after the other ("chained", as recordings of radio streams are).

Each link of the chain is a whole Ogg file. Source: RFC 3533, sections 4 and 6.
"""

from dataclasses import dataclass

from singerid.sound.decoding.view import FileView

_HEADER_BYTES = 27
_FIRST, _LAST = 2, 4  # flags of a page: the first of its stream, the last of its stream
_BLOCK = 2**20
# How the content of a stream's first page begins, by codec.
_CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ", b"fishead\0", b"\x80theora", b"BBCD")


def links(file: FileView) -> list[FileView]:
    """The files that a chain is made of; only the file itself if it is not a chain."""
    starts, in_headers, serials = [0], True, set[bytes]()
    position = 0
    while (page := _page(file, position)) is not None:
        # Streams that play at the same time begin together: their first pages come before all other pages.
        # The flag alone may be damage: a new stream must have a new number or the header of a codec.
        is_first = page.is_first and (page.begins_codec or page.serial not in serials)
        if is_first and not in_headers:
            starts.append(position)
            serials.clear()
        serials.add(page.serial)
        in_headers = is_first
        end = position + page.length
        # If a page was cut, the next page begins within its declared length.
        position = end if file.at(end, 4) == b"OggS" else _next_page(file, position + _HEADER_BYTES)
    ends = [*starts[1:], file.size]
    return [file.part(start, end) for start, end in zip(starts, ends, strict=True)]


def ends_early(file: FileView) -> bool:
    """Whether the last page is not marked as the last of its stream."""
    end = file.at(max(0, file.size - 2**16), 2**16)
    page = end.rfind(b"OggS")
    return page < 0 or len(end) <= page + 5 or not end[page + 5] & _LAST


@dataclass(frozen=True)
class _Page:
    """The properties of a page that are needed here.

    Attributes:
        is_first: whether it is marked as the first of its stream.
        begins_codec: whether it begins with the header of a codec.
        serial: number of its stream.
        length: in bytes.
    """

    is_first: bool
    begins_codec: bool
    serial: bytes
    length: int


def _page(file: FileView, position: int) -> _Page | None:
    """The page that begins at `position`; None if none does."""
    header = file.at(position, _HEADER_BYTES + 255 + 8)
    if len(header) < _HEADER_BYTES or header[:4] != b"OggS":
        return None
    end = _HEADER_BYTES + header[26]
    length = end + sum(header[_HEADER_BYTES:end])
    return _Page(bool(header[5] & _FIRST), header[end:].startswith(_CODECS), header[14:18], length)


def _next_page(file: FileView, position: int) -> int:
    """Where the next page begins after damage; the file's end if there is none."""
    while position < file.size:
        found = file.at(position, _BLOCK + 3).find(b"OggS")
        if found >= 0:
            return position + found
        position += _BLOCK
    return file.size
