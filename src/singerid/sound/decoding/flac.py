"""FLAC files whose header declares fewer samples than they hold: libsndfile would stop there.

Source: RFC 9639, sections 8.2 (streaminfo) and 9.1 (frame header).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from singerid.sound.decoding.view import FileView

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_HEADER_BYTES = 16  # of a frame, at most
# Two frames of the largest kind (65,535 samples, 8 channels, 24 bits) take more; nobody writes them.
_SEARCHED_BYTES = 2**20
_BLOCKS = 1000  # of metadata, more than any file has
_TOTAL = 21  # position of five bytes; the 36 lower bits are the number of samples


@dataclass(frozen=True)
class _Frame:
    """The properties of a frame that are needed here.

    Attributes:
        first: number of its first sample.
        size: samples per channel.
    """

    first: int
    size: int

    @property
    def end(self) -> int:
        return self.first + self.size


def with_all_samples(file: FileView) -> FileView | None:
    """The file with a header that declares all its samples; None if it does already or gives no number."""
    header = file.at(0, _TOTAL + 5)
    if len(header) < _TOTAL + 5 or header[:4] != b"fLaC" or header[4] & 0x7F:
        return None
    number = int.from_bytes(header[_TOTAL:], "big")
    declared = number % 2**36
    largest = int.from_bytes(header[10:12], "big")
    found = _end(file, largest) if declared and _begins_at_0(file) else None
    if found is None or found <= declared:
        return None
    return file.patched(_TOTAL, (number - declared + found).to_bytes(5, "big"))


def _begins_at_0(file: FileView) -> bool:
    """Whether the first frame is the first of its stream; a part cut from the middle has later numbers."""
    position = 4
    for _ in range(_BLOCKS):
        header = file.at(position, 4)
        position += 4 + int.from_bytes(header[1:], "big")
        if not header or header[0] & 0x80:  # the last block of metadata
            break
    frame = _frame(file.at(position, _HEADER_BYTES), 1)
    return frame is not None and frame.first == 0


def _end(file: FileView, largest: int) -> int | None:
    """Number of samples up to the end of the last frame; None if it is not found.

    Bytes within a frame may look like a header by chance. So a frame counts only if its number follows on
    from that of an earlier one.
    """
    before: set[int] = set()
    end = None
    for frame in _frames(file, largest):
        if frame.first in before:
            end = frame.end
        before.add(frame.end)
    return end


def _frames(file: FileView, largest: int) -> Iterator[_Frame]:
    start = max(0, file.size - _SEARCHED_BYTES)
    content = file.at(start, _SEARCHED_BYTES)
    for found in _SYNC.finditer(content):
        frame = _frame(content[found.start() : found.start() + _HEADER_BYTES], largest)
        if frame is not None:
            yield frame


def _frame(header: bytes, largest: int) -> _Frame | None:
    """The frame with this header; None if the bytes are not a frame header."""
    if len(header) < _HEADER_BYTES or header[3] & 1:
        return None
    coded, rate = header[2] >> 4, header[2] & 15
    taken = _number(header[4:])
    if not coded or rate == 15 or taken is None:
        return None
    number, position = taken[0], 4 + taken[1]
    if coded in (6, 7):
        size = int.from_bytes(header[position : position + coded - 5], "big") + 1
        position += coded - 5
    else:
        size = 192 if coded == 1 else 576 << coded - 2 if coded < 6 else 256 << coded - 8
    position += {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if _crc8(header[:position]) != header[position]:
        return None
    counts_samples = header[1] & 1
    return _Frame(number if counts_samples else number * largest, size)


def _number(content: bytes) -> tuple[int, int] | None:
    """(value, bytes) of a number coded as UTF-8 codes characters, up to 36 bits; None: it is not one."""
    ones = 8 - (~content[0] & 0xFF).bit_length()
    if ones == 0:
        return content[0], 1
    if ones in (1, 8):
        return None
    value = content[0] & 0x7F >> ones
    for byte in content[1:ones]:
        if byte & 0xC0 != 0x80:
            return None
        value = value << 6 | byte & 0x3F
    return value, ones


def _crc8(content: bytes) -> int:
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (0x07 if value & 0x80 else 0)) & 0xFF
    return value
