"""Fingerprints of recordings, independent of names and tags: the digest of a file's compressed sound.

Decoded samples differ between versions of decoders; the bytes that a decoder is given do not.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from singerid.sound.decoding.ffmpeg import NotDecoded, packets
from singerid.sound.decoding.lengths import sample_bytes
from singerid.sound.decoding.ogg import links
from singerid.sound.decoding.view import FileView
from singerid.sound.files import AudioError, open_file

SCHEME = 1
"""Version of the way digests are made; another version makes other digests of the same files."""

_BLOCK = 2**20


def sound_fingerprint(path: Path) -> str:
    """SHA-256, hexadecimal, of a file's sound as it is stored; tags, name and time of change do not count.

    For WAV (and its variants), AIFF, AU and CAF the samples are digested; for other formats, the packets of
    the sound track as FFmpeg's demuxer gives them.

    Raises:
        AudioError: the file cannot be read, or holds no sound in a known format.
    """
    digest = hashlib.sha256()
    try:
        with open_file(path) as opened:
            file = FileView(opened)
            for part in links(file) if file.at(0, 4) == b"OggS" else [file]:
                for content in _content(part, path.suffix.lower().removeprefix(".")):
                    digest.update(content)
    except NotDecoded as error:
        raise AudioError(path, str(error)) from error
    except OSError as error:
        raise AudioError(path, f"cannot be read ({error.strerror or error}); copy it again") from error
    return digest.hexdigest()


def _content(file: FileView, ending: str) -> Iterator[bytes]:
    span = sample_bytes(file)
    if span is None:
        yield from packets(file, ending)
        return
    start, end = span
    for position in range(start, end, _BLOCK):
        yield file.at(position, min(_BLOCK, end - position))
