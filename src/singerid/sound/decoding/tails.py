"""What may follow the sound of a file without being sound: chunks, tags, zeros, a few bytes."""

import re

from singerid.sound.decoding.chunks import MOST_CHUNKS, Layout, chunk_at, layout_of
from singerid.sound.decoding.view import FileView

_CHUNK_ID = re.compile(rb"[A-Za-z0-9_.\-()]{3}[A-Za-z0-9_.\-() ]")
_BLOCK = 2**20
_SEARCHED_BYTES = 2**24  # before the end of a file: a cover picture is smaller
# Chunks that follow the sound. They mark its end even if they are cut short or declare a wrong size.
_TAILS = frozenset(
    b"LIST,id3 ,ID3 ,bext,cue ,smpl,iXML,_PMX,axml,JUNK,junk,PAD ".split(b","),
)
# More such chunks of WAV, AIFF and CAF. They count only if they and the chunks after them end exactly where
# the file does: a long sound contains such four bytes by chance.
_MORE = b"fact,PEAK,inst,plst,note,labl,chna,ds64,afsp,DISP,acid,strc,LGWV,minf,elm1,regn,umid,FLLR,"
_MORE += b"COMM,FVER,NAME,AUTH,(c) ,ANNO,COMT,MARK,INST,MIDI,AESD,APPL,CHAN,"
_MORE += b"info,free,uuid,strg,mark,ovvw,peak,midi,chan,edct"
_KNOWN = re.compile(b"|".join(map(re.escape, sorted({*_TAILS, *_MORE.split(b",")}))))
_TAGS = (b"TAG", b"ID3", b"APETAGEX")
_FEW_BYTES = 256  # fewer bytes are a line of text or a remainder, not sound


def is_tail(file: FileView, end: int) -> bool:
    """Whether only chunks, tags or zeros follow the sound, or nothing."""
    return any(_is_chunks(file, start) for start in (end, end + 1))  # a padding byte may follow


def tail_start(file: FileView, first: int) -> int | None:
    """Where the chunks at the end of a file begin, searched for from `first` on; None if there are none."""
    layout = layout_of(file)
    if layout is None:
        return None
    for position in range(max(first, file.size - _SEARCHED_BYTES), file.size, _BLOCK):
        for found in _KNOWN.finditer(file.at(position, _BLOCK + 3)):
            if _ends_with_the_file(file, position + found.start(), layout):
                return position + found.start()
    return None


def _ends_with_the_file(file: FileView, position: int, layout: Layout) -> bool:
    """Whether the chunks from `position` on end where the file does, or where a tag begins."""
    for _ in range(MOST_CHUNKS):
        chunk = chunk_at(file, position, layout)
        if chunk is None or not _CHUNK_ID.fullmatch(chunk.name):
            return False
        position = chunk.end
        if file.size in (chunk.start + chunk.size, position) or file.at(position, 8).startswith(_TAGS):
            return True
    return False


def _is_chunks(file: FileView, position: int) -> bool:
    layout = layout_of(file) or Layout(0, "little", 4)
    for _ in range(MOST_CHUNKS):
        header = file.at(position, 4 + layout.width)
        if header.startswith(_TAGS) or header[:4] in _TAILS or file.size - position < _FEW_BYTES:
            return True
        if not header.strip(b"\0"):
            return _is_zero(file, position)
        chunk = chunk_at(file, position, layout)
        if chunk is None or not _CHUNK_ID.fullmatch(chunk.name) or chunk.start + chunk.size > file.size:
            return False
        position = chunk.end
    return False


def _is_zero(file: FileView, position: int) -> bool:
    """Whether only zeros follow, or nothing."""
    while content := file.at(position, _BLOCK):
        if content.strip(b"\0"):
            return False
        position += len(content)
    return True
