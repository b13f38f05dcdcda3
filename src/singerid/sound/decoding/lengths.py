"""Files whose header tells another length of the sound than they have: WAV and its kin, AIFF, AU, CAF, FLAC.

A size of 32 bits overflows at 4 GiB, and is not known yet when a header is written into a pipe. Decoders take
the header's word; here, what stands at and behind the end of the sound decides. What is no chunk is sound.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from singerid.sound.decoding.chunks import chunk_at, find_chunk, is_wave, layout_of
from singerid.sound.decoding.flac import with_all_samples
from singerid.sound.decoding.tails import is_tail, tail_start
from singerid.sound.decoding.view import FileView

_WRAP = 2**32
_UNKNOWN = 0x1000  # so many of the highest numbers say "not known" (FFmpeg, SoX)
_EXTENSIBLE = 0xFFFE  # the number is that of a sub-format, further behind
_LONG_WAVES = (b"RF64", b"BW64")  # a chunk before all others holds their sizes


@dataclass(frozen=True)
class _Data:
    """Where the header tells the length of the sound.

    Attributes:
        field: position of that number.
        width: its bytes.
        order: their order.
        extra: bytes that it counts besides the samples.
        start: of the samples.
        declared: the number.
    """

    field: int
    width: int
    order: Literal["little", "big"]
    extra: int
    start: int
    declared: int

    @property
    def end(self) -> int:
        """Of the samples, as declared."""
        return self.start + max(0, self.declared - self.extra)

    @property
    def is_known(self) -> bool:
        """Whether the number is not one that programs write while they do not know better."""
        return not any(bound - _UNKNOWN <= self.declared < bound for bound in (2**31, 2**32, 2**63, 2**64))


@dataclass(frozen=True)
class Mended:
    """A file whose header tells the truth.

    Attributes:
        file: its view.
        length_fits: False where the header has no room for the true length: it must not be asked then.
        is_cut: the header told of more sound than there is.
    """

    file: FileView
    length_fits: bool = True
    is_cut: bool = False


def mended(file: FileView) -> Mended | None:
    """The file with the length of sound that it has; None where the header is right."""
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
    """Where the samples of WAV and its kin, AIFF, AU or CAF begin and end; None: it is none of these."""
    data = _data(file)
    if data is None:
        return None
    better = mended(file)
    if better is None:
        return data.start, min(data.end, file.size)
    true = _data(better.file)
    return data.start, better.file.size if true is None or not better.length_fits else true.end


def wav_codec(file: FileView) -> int:
    """The number of a WAV file's codec (1: PCM, 0x55: mp3); 0 where it is no WAV file."""
    layout = layout_of(file)
    if layout is None or not is_wave(file.at(0, 12)):
        return 0
    found = find_chunk(file, b"fmt ", layout)
    if found is None:
        return 0
    codec = layout.number(file.at(found.start, 2))
    return layout.number(file.at(found.start + 24, 2)) if codec == _EXTENSIBLE else codec


def _wrapped_ends(file: FileView, declared_end: int) -> Iterator[int]:
    """Ends of the sound if its size has lost its upper bits."""
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
    extra = 8 if is_aiff else 4 if head[:4] == b"caff" else 0  # of AIFF offset and block, of CAF a count
    return _Data(found.field, layout.width, layout.order, extra, found.start + extra, found.size)
