"""Ogg files that hold several streams one after the other ("chained", as recordings of radio streams are).

Each link of the chain is a whole Ogg file. Source: RFC 3533, sections 4 and 6.
"""

from singerid.sound.decoding.view import FileView

_HEADER_BYTES = 27
_FIRST, _LAST = 2, 4  # flags of a page: the first of its stream, the last of its stream
_BLOCK = 2**20


def links(file: FileView) -> list[FileView]:
    """The files that a chain is made of; the file itself where it is none."""
    starts, in_headers = [0], True
    position = 0
    while (page := _page(file, position)) is not None:
        flags, length = page
        is_first = bool(flags & _FIRST)
        if is_first and not in_headers:
            starts.append(position)
        # Streams that sound at the same time begin together: their first pages come before all others.
        in_headers = is_first
        position += length
        if file.at(position, 4) != b"OggS":
            position = _next_page(file, position)
    ends = [*starts[1:], file.size]
    return [file.part(start, end) for start, end in zip(starts, ends, strict=True)]


def ends_early(file: FileView) -> bool:
    """Whether the last page is not marked as the last of its stream."""
    end = file.at(max(0, file.size - 2**16), 2**16)
    page = end.rfind(b"OggS")
    return page < 0 or len(end) <= page + 5 or not end[page + 5] & _LAST


def _page(file: FileView, position: int) -> tuple[int, int] | None:
    """(flags, length in bytes) of the page that begins there."""
    header = file.at(position, _HEADER_BYTES + 255)
    if len(header) < _HEADER_BYTES or header[:4] != b"OggS":
        return None
    segments = header[26]
    return header[5], _HEADER_BYTES + segments + sum(header[_HEADER_BYTES : _HEADER_BYTES + segments])


def _next_page(file: FileView, position: int) -> int:
    """Where the next page begins, behind damage; the file's end where none does."""
    while position < file.size:
        found = file.at(position, _BLOCK + 3).find(b"OggS")
        if found >= 0:
            return position + found
        position += _BLOCK
    return file.size
