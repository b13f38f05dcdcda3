"""Decode with libsndfile: wav, flac, ogg, opus, aiff and similar formats."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from singerid.sound.decoding import ogg
from singerid.sound.decoding.lengths import wav_codec
from singerid.sound.decoding.pieces import MISSING_SECONDS, PIECE_FRAMES, Piece, Progress, Samples
from singerid.sound.decoding.view import FileView

# Files with these first bytes are given to libsndfile first: wav (RIFF, RIFX, RF64), Wave64 (riff), flac,
# ogg, aiff (FORM), au, caf. (It reads mp3 too, but its mpg123 prints to standard error even for healthy
# files and gives up at the first damage, where FFmpeg continues.)
_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b".snd", b"caff")
_MPEG_CODECS = (0x50, 0x55)  # mp2 and mp3 in wav files: mpg123 again
_FLOAT_CODECS = ("FLOAT", "DOUBLE")
# A read that meets damage loses its whole block, so the blocks are small.
_BLOCK_FRAMES = 4096
_MOST_FRAMES = 2**60  # more: the header of a FLAC stream does not state the number


def open_sndfile(file: FileView) -> Any | None:
    """The opened `soundfile.SoundFile`; None if FFmpeg should try."""
    import soundfile

    if file.at(0, 4) not in _MAGIC or wav_codec(file) in _MPEG_CODECS:
        return None
    file.seek(0)
    try:
        sound = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, ValueError, OSError):
        return None  # for example avi, which is RIFF too
    return sound if 0 < sound.frames < _MOST_FRAMES else None


def by_sndfile(sound: Any, file: FileView, progress: Progress) -> Iterator[Piece]:
    """Yield the pieces of an opened sound, as far as libsndfile decodes it."""
    with sound:
        progress.is_float = progress.is_float or sound.subtype in _FLOAT_CODECS
        short = sound.format == "OGG" and ogg.ends_early(file)  # libsndfile does not report this
        given = 0
        while not progress.damaged:
            samples, progress.damaged = _next(sound)
            if len(samples) == 0:
                break
            given += len(samples)
            progress.heard(len(samples), sound.samplerate)
            yield sound.samplerate, samples
        progress.missing = short or sound.frames - given > MISSING_SECONDS * sound.samplerate


def _next(sound: Any) -> tuple[Samples, bool]:
    """The next samples (none at the end), and whether damage follows them."""
    import soundfile

    size = max(_BLOCK_FRAMES, 2 * PIECE_FRAMES // max(2, sound.channels))  # a file may have 1,024 channels
    joined, filled = np.empty((size, sound.channels), np.float32), 0
    while filled < size:
        try:
            count = len(sound.read(out=joined[filled : filled + _BLOCK_FRAMES]))
        except (soundfile.LibsndfileError, RuntimeError):
            return joined[:filled], True
        if count == 0:
            break
        filled += count
    return joined[:filled], False
