"""Which decoder: libsndfile or FFmpeg, and both where the first does not come to the end.

What a file is, its content decides, never its name.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from singerid.sound.decoding.ffmpeg import NotDecoded, by_ffmpeg, has_sound
from singerid.sound.decoding.lengths import mended
from singerid.sound.decoding.ogg import links
from singerid.sound.decoding.pieces import Piece, Progress, Warn
from singerid.sound.decoding.sndfile import by_sndfile, open_sndfile
from singerid.sound.decoding.view import FileView
from singerid.sound.files import AudioError, open_file
from singerid.sound.levels import full_scale, scale_notice, silenced, usual_peak
from singerid.text import counted

# Beyond these it is the header that is damaged: samples at 1 Hz would become millions each.
_LOWEST_RATE, _HIGHEST_RATE = 1000, 3_000_000
# Of samples that are no numbers to use; more are no damage, but a program that went wrong.
_MOST_UNUSABLE = 0.01


def decoded(path: Path, warn: Warn) -> Iterator[Piece]:
    """Yield the sound of a file: (rate, samples of shape (samples, channels)); both may change in between.

    Args:
        path: the file.
        warn: is called at the end, once, where the file is damaged or cut short; and at the start where its
            numbers are not at full scale.

    Raises:
        AudioError: as `audio.read_blocks`.
    """
    with open_file(path) as opened:
        progress = Progress()
        scale: float | None = None
        for rate, samples in _usable(path, _sound(path, FileView(opened), progress), warn):
            if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
                raise AudioError(path, f"tells a sample rate of {rate:,} Hz; export it again")
            if scale is None:
                scale = 1.0
                if progress.is_float:
                    pieces = _usable(path, _sound(path, FileView(opened), Progress()), lambda _: None)
                    peak = max(usual_peak(part) for _, part in pieces)
                    scale = full_scale(peak)
                    if scale != 1:
                        warn(scale_notice(peak, scale))
            yield rate, samples / np.float32(scale) if scale != 1 else samples
        if progress.damaged or progress.missing:
            warn(
                f"is damaged or cut short; used as far as it decodes ({progress.seconds:.1f} s): "
                "copy it again if you can"
            )


def is_sound(path: Path) -> bool:
    """Whether some sound decodes of a file, whatever its name."""
    try:
        with open_file(path) as opened:
            file = FileView(opened)
            if open_sndfile(file) is not None:
                return True
            return has_sound(file, _ending(path))
    except (AudioError, OSError):
        return False


def _sound(path: Path, file: FileView, progress: Progress) -> Iterator[Piece]:
    parts = links(file) if file.at(0, 4) == b"OggS" else [file]
    failure = None
    for part in parts:
        own = Progress(progress.frames, progress.seconds)
        pieces = _whole(part, _ending(path), own)
        try:
            for piece in pieces:
                progress.is_float = progress.is_float or own.is_float
                yield piece
        except NotDecoded as error:
            failure, own.damaged = failure or error, True
        progress.frames, progress.seconds = own.frames, own.seconds
        progress.damaged, progress.missing = (
            progress.damaged or own.damaged,
            progress.missing or own.missing,
        )
    if failure is not None and progress.frames == 0:
        raise AudioError(path, str(failure)) from failure


def _whole(file: FileView, ending: str, progress: Progress) -> Iterator[Piece]:
    better = mended(file)
    if better is None:
        yield from _by_both(file, ending, progress)
        return
    if better.length_fits:
        yield from _by_both(better.file, ending, progress)
    else:
        yield from by_ffmpeg(better.file, ending, progress, {"ignore_length": "1"})
    progress.missing = progress.missing or better.is_cut


def _by_both(view: FileView, ending: str, progress: Progress) -> Iterator[Piece]:
    sound = open_sndfile(view)
    if sound is None:
        yield from by_ffmpeg(view, ending, progress)
        return
    before, expected = progress.frames, sound.frames
    yield from by_sndfile(sound, view, progress)
    given = progress.frames - before
    if not progress.damaged and (given >= expected or not progress.missing):
        return
    # FFmpeg goes on behind damage, and is not confused by tags behind the sound.
    own = Progress()
    try:
        for rate, samples in _behind(by_ffmpeg(view, ending, own), given):
            progress.heard(len(samples), rate)
            yield rate, samples
    except NotDecoded:
        return
    if progress.frames - before >= expected and not own.damaged:
        progress.damaged = progress.missing = False


def _behind(pieces: Iterator[Piece], frames: int) -> Iterator[Piece]:
    """The pieces without so many frames at their start."""
    for rate, samples in pieces:
        if frames < len(samples):
            yield rate, samples[frames:]
        frames = max(0, frames - len(samples))


def _usable(path: Path, pieces: Iterator[Piece], warn: Warn) -> Iterator[Piece]:
    """The pieces with silence in place of the few samples that are no numbers to use, which is told."""
    total = unusable = 0
    for rate, given in pieces:
        samples, count = silenced(given)
        total += samples.size
        unusable += count
        yield rate, samples
    if unusable > _MOST_UNUSABLE * total:
        raise AudioError(path, "holds samples that are NaN, infinite or absurd; export it again")
    if unusable:
        warn(
            f"holds {counted(unusable, 'sample')} of no use (NaN, infinite or absurd), heard as silence: "
            "export it again if you can"
        )


def _ending(path: Path) -> str:
    """The ending of a file's name, as programs mean it: in lower case, blanks behind it left out."""
    return Path(path.name.strip().lower()).suffix.removeprefix(".")
