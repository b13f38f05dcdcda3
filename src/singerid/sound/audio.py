"""Sound in: any audio or video file to mono (or stereo) float32 at one rate, in blocks or as a whole.

What a file is, its content decides, never its name. libsndfile (soundfile) decodes wav, flac, ogg,
opus, aiff and their kin; FFmpeg (PyAV) decodes the rest: mp3, m4a, wma, the sound of video files.
(libsndfile reads mp3 too, but its mpg123 prints to standard error even on healthy files and gives
up at the first damage, where FFmpeg goes on.) soxr converts the rate.
"""

import os
import re
import stat
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.config import FeatureConfig
from singerid.errors import SingeridError
from singerid.text import printable

Samples = NDArray[np.float32]
Read = Callable[[], Iterable[Samples]]  # gives a sound's blocks from its start, each time it is called
Warn = Callable[[str], None]
_Mix = Callable[[Samples], Samples]  # (samples, channels of the file) -> (samples,) or (samples, 2)

# Files that begin so are given to libsndfile first: wav (RIFF, RIFX, RF64), Wave64 (riff), flac,
# ogg, aiff (FORM), au, caf.
_SNDFILE_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b".snd", b"caff")
# A read that meets damage loses its whole block, so the blocks are small.
_SNDFILE_FRAMES = 4096
# What follows the decoders is done for so many frames at once: they give a tenth of that or less, and
# a call for each of their pieces takes longer than its arithmetic.
_JOINED_FRAMES = 2**15
# Headers round the duration, encoders pad the end: only more than this is "cut short".
_MISSING_SECONDS = 0.5
# The length that a wav header of a stream gives: it was not known when the header was written.
_UNKNOWN_LENGTH = 0xFFFF_FF00

# Full scale is 1. The power spectrum of what is larger than this overflows float32.
_HUGE = 1e15


class AudioError(SingeridError):
    """A file whose sound cannot be used.

    Attributes:
        reason: what is wrong and the remedy, without the file's name.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{printable(path)}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type["AudioError"], tuple[Path, str]]:  # crosses process borders
        return type(self), (self.path, self.reason)


class AudioWarning(UserWarning):
    """A file that is damaged or cut short and was used as far as it decodes."""


def load(path: Path | str, sample_rate: int = FeatureConfig.sample_rate, warn: Warn | None = None) -> Samples:
    """The whole sound of a file: mono float32, shape (samples,), exactly the blocks of `read_blocks`.

    Args:
        path: an audio file, or a video file with sound.
        sample_rate: of the result, in Hz.
        warn: as for `read_blocks`.

    Raises:
        AudioError: as for `read_blocks`.
    """
    return np.concatenate(list(read_blocks(path, sample_rate, warn=warn)))


def read_blocks(
    path: Path | str,
    sample_rate: int = FeatureConfig.sample_rate,
    block_seconds: float = 10.0,
    warn: Warn | None = None,
) -> Iterator[Samples]:
    """Yield the sound of a file block by block, so that its length costs no memory.

    Channels are averaged before the rate is converted. Encoder delay and padding that the file
    declares are removed. The samples do not depend on `block_seconds`.

    Args:
        path: an audio file, or a video file with sound.
        sample_rate: of the result, in Hz.
        block_seconds: length of the blocks; the last one may be shorter.
        warn: is called with the reason (without the file's name) when a file is damaged or cut
            short; what decodes is used. Without it an `AudioWarning` is issued.

    Yields:
        Mono float32 blocks of shape (samples,), never empty; full scale is +-1.

    Raises:
        AudioError: the file is missing, no regular file, empty, no sound file, without samples or
            with samples that are NaN, infinite or absurd.
    """
    return _read(Path(path), _mono, sample_rate, block_seconds, warn)


def read_stereo_blocks(
    path: Path | str, sample_rate: int, block_seconds: float = 10.0, warn: Warn | None = None
) -> Iterator[Samples]:
    """As `read_blocks`, but with two channels: blocks of shape (samples, 2).

    One channel is duplicated. Where there are more than two, both are the mean of all: the voice of
    surround sound is mostly in the centre.
    """
    return _read(Path(path), _stereo, sample_rate, block_seconds, warn)


def _read(
    path: Path, mix: _Mix, sample_rate: int, block_seconds: float, warn: Warn | None
) -> Iterator[Samples]:
    if sample_rate <= 0 or block_seconds <= 0:
        raise ValueError(f"sample_rate and block_seconds must be positive: {sample_rate}, {block_seconds}")
    size = max(1, round(block_seconds * sample_rate))
    decoded = _decoded(path, warn or python_warning(path))
    pieces = resample(((rate, mix(samples)) for rate, samples in decoded), sample_rate)
    empty = True
    try:
        for block in in_blocks(pieces, size):
            empty = False
            yield block
    except OSError as error:
        raise AudioError(path, f"cannot be read ({error.strerror or error}); copy it again") from error
    if empty:
        raise AudioError(path, "holds no sound; remove it or make it again")


def _mono(samples: Samples) -> Samples:
    channels = samples.shape[1]
    mixed = samples[:, 0].copy()
    for channel in range(1, channels):  # `mean` over so short an axis takes three times as long
        mixed += samples[:, channel]
    mixed /= channels
    return mixed


def _stereo(samples: Samples) -> Samples:
    return samples if samples.shape[1] == 2 else np.repeat(_mono(samples)[:, None], 2, axis=1)


def open_file(path: Path) -> BufferedReader:
    """Open a file that should hold sound for reading.

    Raises:
        AudioError: it is missing, not readable, empty, or no regular file.
    """
    try:
        # Asked before opening, for opening a pipe would wait for its writer.
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(path, "is a folder; give an audio file")
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(path, "is no regular file; copy its sound into a file first")
        if status.st_size == 0:
            raise AudioError(path, "is empty (0 bytes); copy or download it again")
        return path.open("rb")
    except FileNotFoundError as error:
        raise AudioError(path, "does not exist; check the name") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise AudioError(path, f"cannot be opened ({reason}); check its name and permissions") from error


def python_warning(path: Path) -> Warn:
    """Issues an `AudioWarning` that names the file."""
    return lambda reason: warnings.warn(f"{printable(path)}: {reason}", AudioWarning, stacklevel=4)


def _decoded(path: Path, warn: Warn) -> Iterator[tuple[int, Samples]]:
    """Yield (rate, samples of shape (samples, channels)); both may change between pieces."""
    with open_file(path) as opened:
        # Without its name, which both decoders would take as a hint at what the file is.
        file = SimpleNamespace(
            read=opened.read,
            readinto=opened.readinto,
            seek=opened.seek,
            tell=opened.tell,
            seekable=lambda: True,
        )
        sound = _open_sndfile(file)
        if sound is not None:
            pieces = _decoded_by_sndfile(sound, file, warn)
        else:
            file.seek(0)
            pieces = _decoded_by_ffmpeg(path, file, warn)
        for rate, samples in pieces:
            if not -_HUGE < samples.min() <= samples.max() < _HUGE:  # not so for NaN either
                raise AudioError(path, "holds samples that are NaN, infinite or absurd; export it again")
            yield rate, samples


def _open_sndfile(file: Any) -> Any | None:
    """A `soundfile.SoundFile`, or None where FFmpeg should try."""
    import soundfile

    if file.read(4) not in _SNDFILE_MAGIC:
        return None
    file.seek(0)
    try:
        sound = soundfile.SoundFile(file)
    except soundfile.LibsndfileError:
        return None  # avi is RIFF too
    return sound if sound.frames else None  # a wav header of a stream may say 0


def _decoded_by_sndfile(sound: Any, file: Any, warn: Warn) -> Iterator[tuple[int, Samples]]:
    frames, damaged = 0, False
    with sound:
        short = _sndfile_is_short(sound, file)
        while not damaged:
            samples, damaged = _next_of_sndfile(sound)
            if len(samples) == 0:
                break
            frames += len(samples)
            yield sound.samplerate, samples
        missing = sound.frames - frames > _MISSING_SECONDS * sound.samplerate
        if damaged or short or missing:
            warn(_damage(frames / sound.samplerate))


def _next_of_sndfile(sound: Any) -> tuple[Samples, bool]:
    """The next samples, none at the end, and whether there is damage behind them."""
    import soundfile

    joined, filled = np.empty((_JOINED_FRAMES, sound.channels), np.float32), 0
    while filled < _JOINED_FRAMES:
        try:
            count = len(sound.read(out=joined[filled : filled + _SNDFILE_FRAMES]))
        except soundfile.LibsndfileError:
            return joined[:filled], True
        if count == 0:
            break
        filled += count
    return joined[:filled], False


def _sndfile_is_short(sound: Any, file: Any) -> bool:
    """Whether the file ends before its sound does, where libsndfile trims the length in silence."""
    if sound.format == "OGG":
        position = file.tell()
        file.seek(max(0, file.seek(0, os.SEEK_END) - 2**16))
        end = file.read()
        file.seek(position)
        page = end.rfind(b"OggS")  # RFC 3533: byte 5 of a page's header has bit 4 on the last page
        return page < 0 or len(end) <= page + 5 or not end[page + 5] & 4
    declared = re.search(r"^ ?(?:data|SSND) : (\d+) \(should be \d+\)", sound.extra_info, re.MULTILINE)
    return declared is not None and int(declared[1]) < _UNKNOWN_LENGTH


def _decoded_by_ffmpeg(path: Path, file: Any, warn: Warn) -> Iterator[tuple[int, Samples]]:
    import av

    try:
        # An open file instead of a name, and no protocol allowed: a playlist that names other files
        # or addresses stays unread.
        container: Any = av.open(file, options={"protocol_whitelist": "none"}, metadata_errors="ignore")
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(path, "is no sound file that can be decoded; remove or convert it") from error
    with container:
        stream = container.streams.best("audio")
        if stream is None:
            raise AudioError(path, "has no sound track; remove it or choose another file")
        if stream.codec_context is None:
            raise AudioError(path, "holds sound of a kind that FFmpeg cannot decode; convert it")
        heard = _Progress()
        for rate, frame in _joined(_ffmpeg_frames(container, stream, heard)):
            yield rate, _channels(frame)
        if heard.seconds == 0 and heard.damaged:
            raise AudioError(path, "is damaged or encrypted: none of its sound decodes; copy it again")
        if heard.damaged or _declared_seconds(container, stream) - heard.seconds > _MISSING_SECONDS:
            warn(_damage(heard.seconds))


@dataclass
class _Progress:
    """What became of a file's sound."""

    seconds: float = 0.0
    damaged: bool = False


def _ffmpeg_frames(container: Any, stream: Any, heard: _Progress) -> Iterator[Any]:
    """Yield the `av.AudioFrame`s of a sound track; a damaged packet is passed over."""
    import av

    packets = container.demux(stream)
    more = True
    while more:
        try:
            packet = next(packets, None)
            decoded = packet.decode() if packet else []
            more = packet is not None
        except av.FFmpegError:
            heard.damaged = True
            continue
        for frame in decoded:
            heard.seconds += frame.samples / frame.sample_rate
            yield frame


def _joined(frames: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Yield (rate, `av.AudioFrame`) of many short frames each, of one kind."""
    import av

    for (rate, *_), group in groupby(frames, key=_kind):
        queue = av.AudioFifo()
        for frame in group:
            frame.pts = None  # whether there are gaps in time is not asked
            queue.write(frame)
            if queue.samples >= _JOINED_FRAMES:
                yield rate, queue.read()
        if queue.samples:
            yield rate, queue.read()


def _kind(frame: Any) -> tuple[int, str, str]:
    """What an `av.AudioFifo` wants to be the same of all its frames."""
    return frame.sample_rate, frame.format.name, frame.layout.name


def _channels(frame: Any) -> Samples:
    """Samples of an `av.AudioFrame`, shape (samples, channels), full scale +-1."""
    samples = frame.to_ndarray()
    channels = len(frame.layout.channels)
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, channels)
    if samples.dtype == np.uint8:  # 8-bit samples are unsigned, in wav as in FFmpeg
        samples = samples.astype(np.float32) / 128 - 1
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    return np.asarray(samples, np.float32)


def _declared_seconds(container: Any, stream: Any) -> float:
    """Duration of the sound by the file's headers; 0 where they do not say."""
    if stream.duration is not None:
        seconds = float(stream.duration * stream.time_base)
    elif len(container.streams) == 1 and container.duration is not None:
        seconds = container.duration / 1_000_000
    else:
        return 0.0
    # Without a header FFmpeg guesses from the file's size and its first bit rate.
    guess = container.size * 8 / stream.bit_rate if stream.bit_rate else 0.0
    return 0.0 if abs(seconds - guess) < 0.01 * seconds else seconds


def _damage(seconds: float) -> str:
    return f"is damaged or cut short; used as far as it decodes ({seconds:.1f} s): copy it again if you can"


def resample(pieces: Iterable[tuple[int, Samples]], sample_rate: int) -> Iterator[Samples]:
    """Convert pieces of a sound, (rate, samples), to `sample_rate`, without a seam where the rate stays.

    Samples are of shape (samples,) or (samples, channels), float32. There may be more or fewer pieces
    than before.
    """
    import soxr

    for rate, group in groupby(pieces, key=itemgetter(0)):
        same_rate = (samples for _, samples in group)
        if rate == sample_rate:
            yield from same_rate
            continue
        first = next(same_rate)
        channels = first.shape[1] if first.ndim > 1 else 1
        resampler = soxr.ResampleStream(rate, sample_rate, channels, dtype="float32", quality="HQ")
        for samples in chain((first,), same_rate):
            yield resampler.resample_chunk(samples)
        yield resampler.resample_chunk(first[:0], last=True)


def in_blocks(pieces: Iterable[Samples], size: int) -> Iterator[Samples]:
    """Join and cut pieces of a sound to blocks of `size` samples; the rest is the last block."""
    held: list[Samples] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count >= size:
            joined = np.concatenate(held)
            whole = count - count % size
            yield from np.split(joined[:whole], whole // size)
            held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)
