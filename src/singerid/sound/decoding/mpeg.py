"""Where the sound is in files of bare frames (mp3, mp2, AAC as ADTS), among tags and other bytes.

FFmpeg trusts the length that an ID3 tag declares, and takes all bytes outside of frames for damaged sound.
Here frames are recognised by their headers: a frame is followed by more frames of the same kind.

Sources: ISO/IEC 11172-3, 13818-3 (frame headers) and 13818-7 (ADTS); https://id3.org/id3v2.4.0-structure.
"""

import re
from collections.abc import Iterator

from singerid.sound.decoding.view import FileView

# In kbit/s, by the index in the header; 0: the header does not give the length of a frame.
_RATES_V1 = {
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_RATES_V2 = {
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44_100, 48_000, 32_000)
_SYNC = re.compile(rb"\xff[\xe0-\xff]")
_HEADER_BYTES = 7
# This many frames in a row are no accident: a header has about 14 bits that must agree.
_RUN = 6
_SEARCHED_BYTES = 2**25  # a cover picture is smaller
_BLOCK = 2**20

# What may follow a tag besides frames.
_OTHER_STARTS = (
    b"fLaC",
    b"OggS",
    b"RIFF",
    b"FORM",
    b"MAC ",
    b"TTA1",
    b"wvPk",
    b"MPCK",
    b"MP+",
    b"tBaK",
    b"ADIF",
)
_TAG_V1_BYTES = 128


def sound_start(file: FileView) -> int | None:
    """Where the frames begin in a file whose ID3 tag declares a wrong length; None: the tag is right.

    The tag counts as right, too, if no frames are found.
    """
    if file.at(0, 3) != b"ID3":
        return None
    position = 0
    while (end := _tag_end(file, position)) is not None:
        position = end
    follows = file.at(position, _BLOCK)
    padding = len(follows) - len(follows.lstrip(b"\0"))
    if follows.startswith(_OTHER_STARTS) or is_run(file, position) or is_run(file, position + padding):
        return None
    return first_frame(file, 10)


def first_frame(file: FileView, start: int = 0) -> int | None:
    """Position of the first of several frames in a row, from `start` on; None if there are none."""
    for position in range(start, min(file.size, start + _SEARCHED_BYTES), _BLOCK):
        content = file.at(position, _BLOCK + _HEADER_BYTES)
        for found in _SYNC.finditer(content, 0, _BLOCK + 1):
            header = content[found.start() : found.start() + _HEADER_BYTES]
            if _frame(header) is not None and is_run(file, position + found.start()):
                return position + found.start()
    return None


def is_run(file: FileView, position: int) -> bool:
    """Whether several frames of one kind follow each other from `position` (or two, at the file's end)."""
    kind = None
    for count in range(_RUN):
        frame = _frame(file.at(position, _HEADER_BYTES))
        if frame is None or (kind is not None and frame[1] != kind):
            return count > 1 and position == file.size
        kind = frame[1]
        position += frame[0]
    return True


def is_adts(file: FileView, position: int) -> bool:
    """Whether the frame that begins at `position` is one of AAC."""
    return file.at(position + 1, 1)[0] & 0xF6 == 0xF0


def declared_seconds(file: FileView) -> float:
    """Duration in the header that mp3 encoders write into the first frame (Xing, Info, VBRI); 0: none."""
    position = 0
    while (end := _tag_end(file, position)) is not None:
        position = end
    start = first_frame(file, position)
    if start is None:
        return 0.0
    content = file.at(start, 256)
    frame = _frame(content[:_HEADER_BYTES])
    if frame is None or is_adts(file, start):
        return 0.0
    samples, rate = frame[2], frame[3]
    for name in (b"Xing", b"Info"):
        at = content.find(name, 0, 64)
        if at >= 0 and content[at + 7] & 1:
            return int.from_bytes(content[at + 8 : at + 12], "big") * samples / rate
    if content[36:40] == b"VBRI":
        return int.from_bytes(content[50:54], "big") * samples / rate
    return 0.0


def no_sound(file: FileView) -> tuple[tuple[int, int], ...]:
    """Parts (start, end) of a file that are neither frames nor damage.

    These are the bytes before the first frame, all tags (joined files have some in the middle), and zeros at
    the end. The file is read once.
    """
    found = []
    start = first_frame(file)
    if start:
        found.append((0, start))
    for position, content in _blocks(file, overlap=_TAG_V1_BYTES + 10):
        for match in re.finditer(rb"ID3|TAG|APETAGEX", content):
            end = _any_tag_end(file, position + match.start(), match[0])
            if end is not None:
                found.append((position + match.start(), end))
    found.append((_zeros_start(file), file.size))
    return tuple(found)


def _blocks(file: FileView, overlap: int) -> Iterator[tuple[int, bytes]]:
    for position in range(0, file.size, _BLOCK):
        yield position, file.at(position, _BLOCK + overlap)


def _zeros_start(file: FileView) -> int:
    """Where the zeros at the end of a file begin."""
    end = file.size
    while end > 0:
        first = max(0, end - _BLOCK)
        rest = file.at(first, end - first).rstrip(b"\0")
        if rest:
            return first + len(rest)
        end = first
    return 0


def _any_tag_end(file: FileView, position: int, name: bytes) -> int | None:
    if name == b"ID3":
        return _tag_end(file, position)
    if name == b"TAG":
        end = position + _TAG_V1_BYTES
        follows = file.at(end, 8)
        known = follows[:3] == b"ID3" or follows == b"APETAGEX" or not follows.strip(b"\0")
        return end if end <= file.size and (known or is_run(file, end)) else None
    header = file.at(position, 32)
    size, flags = int.from_bytes(header[12:16], "little"), int.from_bytes(header[20:24], "little")
    is_header = bool(flags & 2**29)
    end = position + 32 + (size if is_header else 0)
    return end if end <= file.size else None


def _tag_end(file: FileView, position: int) -> int | None:
    """The end of the ID3v2 tag at `position`; None if there is none, or if the file ends within it."""
    header = file.at(position, 10)
    if len(header) < 10 or header[:3] != b"ID3" or header[3] not in (2, 3, 4) or header[5] & 0x0F:
        return None
    if max(header[6:10]) > 127:
        return None
    size = sum(byte << shift for byte, shift in zip(header[6:10], (21, 14, 7, 0), strict=True))
    end = position + 10 + size + (10 if header[5] & 0x10 else 0)
    return end if end <= file.size else None


def _frame(header: bytes) -> tuple[int, tuple[int, ...], int, int] | None:
    """(bytes, properties shared by all frames of a stream, samples, Hz) of a frame by its header, or None."""
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    if header[1] & 0xF6 == 0xF0:  # ADTS
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        index = header[2] >> 2 & 15
        return (length, (0, index, header[2] >> 6), 1024, 1) if length > 7 and index < 13 else None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate, frequency = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or rate in (0, 15) or frequency == 3 or header[3] & 3 == 2:
        return None
    hertz = _SAMPLE_RATES[frequency] >> {3: 0, 2: 1, 0: 2}[version]
    bits = 1000 * (_RATES_V1 if version == 3 else _RATES_V2)[layer][rate]
    padding = header[2] >> 1 & 1
    samples = 384 if layer == 1 else 1152 if layer == 2 or version == 3 else 576
    length = (12 * bits // hertz + padding) * 4 if layer == 1 else samples // 8 * bits // hertz + padding
    return length, (version, layer, frequency), samples, hertz
