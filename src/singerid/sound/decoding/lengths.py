"""Files whose header tells another length of the sound than they have: WAV, AIFF, AU, CAF and RF64.

A size of 32 bits overflows at 4 GiB, and is not known yet when a header is written into a pipe. Decoders take
the header's word; here, what follows the declared sound decides. Where that is no chunk, it is sound.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from singerid.sound.decoding.view import FileView

_CHUNK_ID = re.compile(rb"[A-Za-z0-9_.\-()]{3}[A-Za-z0-9_.\-() ]")
_CHUNKS = 1000  # more than any file has
_WRAP = 2**32
_BLOCK = 2**20
# Chunks that stand behind the sound: they end it also where they are cut short or tell a wrong size.
_TAILS = frozenset(
    (
        b"LIST",
        b"id3 ",
        b"ID3 ",
        b"bext",
        b"cue ",
        b"smpl",
        b"iXML",
        b"_PMX",
        b"axml",
        b"JUNK",
        b"junk",
        b"PAD ",
    )
)
_FEW_BYTES = 256  # a line of text, a remainder: no sound
_EXTENSIBLE = 0xFFFE  # the number is that of a sub-format, further behind
# Sizes that programs write while they do not know better (FFmpeg, SoX).
_UNKNOWN_LENGTHS = (range(0x7FFF_F000, 0x8000_0000), range(0xFFFF_F000, 0x1_0000_0000))


@dataclass(frozen=True)
class _Data:
    """Where the header tells the length of the sound.

    Attributes:
        field: position of that number.
        width: its bytes.
        order: their order.
        extra: bytes that it counts besides the samples.
        start: of the samples.
        size: of the samples in bytes, as declared.
    """

    field: int
    width: int
    order: Literal["little", "big"]
    extra: int
    start: int
    size: int


@dataclass(frozen=True)
class Mended:
    """A file whose header tells the truth.

    Attributes:
        file: its view.
        length_fits: False where the header has no room for the true length: it must not be asked then.
    """

    file: FileView
    length_fits: bool = True


def mended(file: FileView) -> Mended | None:
    """The file with the length of sound that it has; None where the header is right, or tells too much."""
    data = _data(file)
    if data is None:
        return None
    declared_end = data.start + data.size
    if declared_end >= file.size - 1 or _is_tail(file, declared_end):
        return None
    end = next(_wrapped_ends(file, declared_end), file.size)
    length = end - data.start + data.extra
    view = file.part(0, end)
    if length >= 256**data.width - 0x1000:  # where a number says "not known"
        return Mended(view, length_fits=False)
    return Mended(view.patched(data.field, length.to_bytes(data.width, data.order)))


def wav_codec(file: FileView) -> int:
    """The number of a WAV file's codec (1: PCM, 0x55: mp3); 0 where it is no WAV file."""
    head = file.at(0, 12)
    if head[:4] not in (b"RIFF", b"RIFX", b"RF64") or head[8:] != b"WAVE":
        return 0
    order: Literal["little", "big"] = "big" if head[:4] == b"RIFX" else "little"
    found = _chunk(file, 12, b"fmt ", order, 4)
    if found is None:
        return 0
    codec = _number(file.at(found[0] + 4, 2), order)
    return _number(file.at(found[0] + 28, 2), order) if codec == _EXTENSIBLE else codec


def is_unknown(length: int) -> bool:
    """Whether a length in a header says that it was not known."""
    return any(length in lengths for lengths in _UNKNOWN_LENGTHS)


def _wrapped_ends(file: FileView, declared_end: int) -> Iterator[int]:
    """Ends of the sound if its size has lost its upper bits."""
    for end in range(declared_end + _WRAP, file.size, _WRAP):
        if _is_tail(file, end):
            yield end


def _data(file: FileView) -> _Data | None:
    head = file.at(0, 28)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        order: Literal["little", "big"] = "big" if head[:4] == b"RIFX" else "little"
        return _riff_data(file, order)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        found = _chunk(file, 12, b"SSND", "big", 4)
        if found is None:
            return None
        field, size = found
        return _Data(field, 4, "big", 8, field + 12, max(0, size - 8))
    if head[:4] == b".snd":
        return _Data(8, 4, "big", 0, _number(head[4:8], "big"), _number(head[8:12], "big"))
    if head[:4] == b"caff":
        found = _chunk(file, 8, b"data", "big", 8)
        if found is None:
            return None
        field, size = found
        return _Data(field, 8, "big", 4, field + 12, max(0, size - 4))
    return None


def _riff_data(file: FileView, order: Literal["little", "big"]) -> _Data | None:
    found = _chunk(file, 12, b"data", order, 4)
    if found is None:
        return None
    field, size = found
    if file.at(0, 4) == b"RF64" and file.at(12, 4) == b"ds64":
        return _Data(28, 8, order, 0, field + 4, _number(file.at(28, 8), order))
    return _Data(field, 4, order, 0, field + 4, size)


def _chunk(
    file: FileView, position: int, name: bytes, order: Literal["little", "big"], width: int
) -> tuple[int, int] | None:
    """(position of its size, its size) of the first chunk of a name."""
    for _ in range(_CHUNKS):
        header = file.at(position, 4 + width)
        if len(header) < 4 + width:
            return None
        size = _number(header[4:], order)
        if header[:4] == name:
            return position + 4, size
        padding = size % 2 if width == 4 else 0
        position += 4 + width + size + padding
    return None


def _is_tail(file: FileView, end: int) -> bool:
    """Whether what follows the sound is chunks, tags or zeros, or nothing."""
    return any(_is_chunks(file, start) for start in (end, end + 1))  # of an odd length a zero may follow


def _is_chunks(file: FileView, position: int) -> bool:
    kind = file.at(0, 4)
    order: Literal["little", "big"] = "big" if kind in (b"FORM", b"RIFX", b"caff") else "little"
    width = 8 if kind == b"caff" else 4
    for _ in range(_CHUNKS):
        header = file.at(position, 4 + width)
        if header.startswith((b"TAG", b"ID3", b"APETAGEX")):
            return True
        if header[:4] in _TAILS or file.size - position < _FEW_BYTES:
            return True
        if not header.strip(b"\0"):
            return _is_zero(file, position)
        size = _number(header[4:], order)
        if not _CHUNK_ID.fullmatch(header[:4]) or size > file.size - position - 4 - width:
            return False
        position += 4 + width + size + (size % 2 if width == 4 else 0)
    return False


def _is_zero(file: FileView, position: int) -> bool:
    """Whether nothing but zeros follows; also where nothing does."""
    while content := file.at(position, _BLOCK):
        if content.strip(b"\0"):
            return False
        position += len(content)
    return True


def _number(content: bytes, order: Literal["little", "big"]) -> int:
    return int.from_bytes(content, order)
