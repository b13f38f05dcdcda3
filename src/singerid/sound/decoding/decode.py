"""Choose the decoder: libsndfile or FFmpeg, or both if libsndfile does not reach the end.

The content of a file decides its format; its name never does.
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

# Rates beyond these come from a damaged header: at 1 Hz, each sample would become thousands.
_LOWEST_RATE, _HIGHEST_RATE = 1000, 3_000_000
# Largest share of invalid samples that counts as damage; more of them mean that a program wrote a wrong file.
_MOST_UNUSABLE = 0.01


def decoded(path: Path, warn: Warn) -> Iterator[Piece]:
    """Yield a file's sound as (rate, samples (samples, channels)); rate and channels may change in between.

    Args:
        path: the file.
        warn: is called once at the end if the file is damaged or cut short, and at the start if full scale is
            not 1.

    Raises:
        AudioError: as `audio.read_blocks`.
    """
    with open_file(path) as opened:
        progress = Progress()
        scale: float | None = None
        for rate, samples in _usable(path, _sound(path, FileView(opened), progress), warn):
            if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
                raise AudioError(path, f"declares a sample rate of {rate:,} Hz; export it again")
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
    """Whether any sound can be decoded from a file, whatever its name."""
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
    # FFmpeg continues after damage, and is not confused by tags after the sound.
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
    """Yield the pieces without the first `frames` frames."""
    for rate, samples in pieces:
        if frames < len(samples):
            yield rate, samples[frames:]
        frames = max(0, frames - len(samples))


def _usable(path: Path, pieces: Iterator[Piece], warn: Warn) -> Iterator[Piece]:
    """Yield the pieces with a few invalid samples replaced by silence, and warn about them."""
    total = unusable = 0
    for rate, given in pieces:
        samples, count = silenced(given)
        total += samples.size
        unusable += count
        yield rate, samples
    if unusable > _MOST_UNUSABLE * total:
        raise AudioError(path, "holds samples that are NaN, infinite or absurdly large; export it again")
    if unusable:
        warn(
            f"holds {counted(unusable, 'invalid sample')} (NaN, infinite or absurdly large), replaced by "
            "silence: export it again if you can"
        )


def _ending(path: Path) -> str:
    """The extension of a file's name, without the dot, in lower case, without trailing blanks."""
    return Path(path.name.strip().lower()).suffix.removeprefix(".")
