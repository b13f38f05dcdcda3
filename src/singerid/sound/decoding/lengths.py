"""Files whose header declares a wrong length of the sound: WAV and its variants, AIFF, AU, CAF, FLAC.

A size of 32 bits overflows at 4 GiB, and a program that writes into a pipe does not know the size yet.
Decoders trust the header. Here the bytes at the end of the sound, and after it, decide: all bytes that are
not a chunk are sound.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from singerid.sound.decoding.chunks import chunk_at, find_chunk, is_wave, layout_of
from singerid.sound.decoding.flac import with_all_samples
from singerid.sound.decoding.tails import is_tail, tail_start
from singerid.sound.decoding.view import FileView

_WRAP = 2**32
_UNKNOWN = 0x1000  # this many of the highest numbers mean "not known" (FFmpeg, SoX)
_EXTENSIBLE = 0xFFFE  # the codec is the number of a sub-format, further on
_LONG_WAVES = (b"RF64", b"BW64")  # a chunk before all others holds their sizes


@dataclass(frozen=True)
class _Data:
    """Where the header declares the length of the sound.

    Attributes:
        field: position of the declared length.
        width: number of its bytes.
        order: its byte order.
        extra: bytes that it counts besides the samples.
        start: position of the samples.
        declared: the declared length.
    """

    field: int
    width: int
    order: Literal["little", "big"]
    extra: int
    start: int
    declared: int

    @property
    def end(self) -> int:
        """End of the samples, as declared."""
        return self.start + max(0, self.declared - self.extra)

    @property
    def is_known(self) -> bool:
        """Whether the declared length is not a placeholder for "not known"."""
        return not any(bound - _UNKNOWN <= self.declared < bound for bound in (2**31, 2**32, 2**63, 2**64))


@dataclass(frozen=True)
class Mended:
    """A file with a corrected header.

    Attributes:
        file: its view.
        length_fits: False if the true length does not fit into the header; the header must be ignored then.
        is_cut: whether the header declared more sound than there is.
    """

    file: FileView
    length_fits: bool = True
    is_cut: bool = False


def mended(file: FileView) -> Mended | None:
    """The file with the true length of its sound in the header; None if the header is right already."""
    data = _data(file)
    if data is None:
        flac = with_all_samples(file)
        return None if flac is None else Mended(flac)
    is_right = file.size - 1 <= data.end <= file.size
    if is_right or (data.end < file.size and is_tail(file, data.end)):
        return None
    end = next(_wrapped_ends(file, data.end), None) or tail_start(file, data.start) or file.size
    is_cut = data.is_known and data.end > end
    length = end - data.start + data.extra
    if length >= 256**data.width - _UNKNOWN:
        return Mended(file.part(0, end), length_fits=False, is_cut=is_cut)
    return Mended(file.patched(data.field, length.to_bytes(data.width, data.order)), is_cut=is_cut)


def sample_bytes(file: FileView) -> tuple[int, int] | None:
    """Where the samples of WAV (and its variants), AIFF, AU or CAF begin and end; None: another format."""
    data = _data(file)
    if data is None:
        return None
    better = mended(file)
    if better is None:
        return data.start, min(data.end, file.size)
    true = _data(better.file)
    return data.start, better.file.size if true is None or not better.length_fits else true.end


def wav_codec(file: FileView) -> int:
    """The number of a WAV file's codec (1: PCM, 0x55: mp3); 0 if it is not a WAV file."""
    layout = layout_of(file)
    if layout is None or not is_wave(file.at(0, 12)):
        return 0
    found = find_chunk(file, b"fmt ", layout)
    if found is None:
        return 0
    codec = layout.number(file.at(found.start, 2))
    return layout.number(file.at(found.start + 24, 2)) if codec == _EXTENSIBLE else codec


def _wrapped_ends(file: FileView, declared_end: int) -> Iterator[int]:
    """Yield possible ends of the sound if its size has overflowed 32 bits."""
    for end in range(declared_end + _WRAP, file.size, _WRAP):
        if is_tail(file, end):
            yield end


def _data(file: FileView) -> _Data | None:
    head = file.at(0, 12)
    if head[:4] == b".snd":
        start, size = (int.from_bytes(head[at : at + 4], "big") for at in (4, 8))
        return _Data(8, 4, "big", 0, start, size)
    layout = layout_of(file)
    if layout is None:
        return None
    is_aiff = head[:4] == b"FORM"
    found = find_chunk(file, b"SSND" if is_aiff else b"data", layout)
    if found is None:
        return None
    if head[:4] in _LONG_WAVES:
        sizes = chunk_at(file, layout.start, layout)
        if sizes is not None and sizes.name == b"ds64":
            field = sizes.start + 8
            return _Data(field, 8, layout.order, 0, found.start, layout.number(file.at(field, 8)))
    extra = 8 if is_aiff else 4 if head[:4] == b"caff" else 0  # AIFF: offset and block; CAF: a count
    return _Data(found.field, layout.width, layout.order, extra, found.start + extra, found.size)
