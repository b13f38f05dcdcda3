"""Decode with FFmpeg (PyAV): mp3, m4a, wma, the sound of video files, and files that libsndfile fails on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from singerid.sound.decoding import mpeg
from singerid.sound.decoding.pieces import MISSING_SECONDS, PIECE_FRAMES, Piece, Progress, Samples
from singerid.sound.decoding.view import FileView

# Formats without a container: FFmpeg estimates their duration, and takes all bytes between frames for damage.
_BARE_FRAMES = frozenset(("mp3", "aac", "ac3", "eac3", "dts", "loas", "truehd"))
# The clock of these formats may start anywhere and jump: a duration computed from it means nothing.
_TRANSPORTS = frozenset(("mpegts", "mpeg"))
# The duration of these formats is the time at which the sound ends; the sound may start later than at 0.
_FROM_ZERO = frozenset(("matroska", "webm", "asf", "flv", "nut"))
# For a second try by the file's name: formats with no signature at their start, or one that is easily lost.
_FORMAT_OF_ENDING = {
    **dict.fromkeys(("mp1", "mp2", "mp3", "mpa", "m2a", "m3a"), "mp3"),
    **dict.fromkeys(("aac", "adts"), "aac"),
    **dict.fromkeys(("ts", "m2ts", "mts", "tp"), "mpegts"),
    **dict.fromkeys(("mpg", "mpeg", "vob", "m2p", "ps"), "mpeg"),
    **{name: name for name in ("ac3", "eac3", "dts", "flac", "gsm", "g722", "sln", "amr", "thd", "loas")},
    "thd": "truehd",
}

_LEAST_TAG = 32  # bytes
# Decoding stops after this many packets in a row have failed: four minutes of AAC have as many.
_MOST_FAILED = 10_000


class NotDecoded(Exception):
    """FFmpeg decodes no sound from a file; the message states the reason and the remedy."""


def by_ffmpeg(
    file: FileView, ending: str, progress: Progress, options: Mapping[str, str] | None = None
) -> Iterator[Piece]:
    """Yield the pieces of a file's sound; damaged ones are skipped.

    The content of the file decides its format. If that gives no sound from the start, frames are searched for
    further on, and then the extension of the name is tried.

    Args:
        file: where to read.
        ending: extension of the file's name, for example "mp3".
        progress: is updated while the file is decoded.
        options: of FFmpeg's demuxer.

    Raises:
        NotDecoded: no sound can be decoded.
    """
    reason: NotDecoded | None = None
    for way in _tries(file, ending):
        own = Progress(progress.frames, progress.seconds)
        pieces = _decoded(way, own, options or {})
        try:
            first = next(pieces, None)
        except NotDecoded as error:
            reason = reason or error
            continue
        if first is None:
            reason = reason or NotDecoded("holds no sound; remove it or make it again")
            continue
        progress.is_float = progress.is_float or own.is_float
        yield first
        yield from pieces
        progress.frames, progress.seconds = own.frames, own.seconds
        progress.damaged, progress.missing = own.damaged, own.missing
        return
    assert reason is not None  # there was a first try
    raise reason


@dataclass(frozen=True)
class _Try:
    """How to open a file.

    Attributes:
        file: where to read.
        format: the format that FFmpeg is given; None: FFmpeg finds it out.
        from_start: whether sound must be decoded from the start of the file.
    """

    file: FileView
    format: str | None = None
    from_start: bool = False


def _tries(file: FileView, ending: str) -> Iterator[_Try]:
    start = mpeg.sound_start(file)
    if start is not None:
        yield _frames_from(file, start)
    yield _Try(file, from_start=True)
    start = mpeg.first_frame(file)
    if start is not None:
        yield _frames_from(file, start)
    if ending in _FORMAT_OF_ENDING:
        yield _Try(file, _FORMAT_OF_ENDING[ending])
    yield _Try(file)


def _frames_from(file: FileView, start: int) -> _Try:
    return _Try(file.part(start), "aac" if mpeg.is_adts(file, start) else "mp3")


def has_sound(file: FileView, ending: str) -> bool:
    """Whether FFmpeg can decode any sound from a file."""
    try:
        return next(by_ffmpeg(file, ending, Progress()), None) is not None
    except NotDecoded:
        return False


def packets(file: FileView, ending: str) -> Iterator[bytes]:
    """Yield the undecoded packets of a file's sound; bytes that are no sound, and damage, are left out.

    Args:
        file: where to read.
        ending: extension of the file's name, for example "mp3".

    Raises:
        NotDecoded: FFmpeg finds no sound in the file.
    """
    reason: NotDecoded | None = None
    for way in _tries(file, ending):
        found = _packets(way)
        try:
            first = next(found, None)
        except NotDecoded as error:
            reason = reason or error
            continue
        if first is not None:
            yield first
            yield from found
            return
    raise reason or NotDecoded("holds no sound; remove it or make it again")


def _packets(way: _Try) -> Iterator[bytes]:
    import av

    with _opened(way, {}) as container:
        stream = _sound_track(container)
        rest = _Rest(way.file) if _names(container) & _BARE_FRAMES else None
        demuxed = container.demux(stream)
        for _ in range(_MOST_FAILED):
            try:
                for packet in demuxed:
                    content = bytes(packet) if rest is None else rest.sound_of(packet)
                    if content:
                        yield content
                return
            except IndexError:  # PyAV does not know a stream that begins in the middle of the file
                demuxed = container.demux(stream)
            except av.FFmpegError:
                continue


def _opened(way: _Try, options: Mapping[str, str]) -> Any:
    """The opened container; raises NotDecoded."""
    import av

    way.file.seek(0)
    try:
        # FFmpeg gets an open file instead of a name, and may use no protocol: it cannot open the files or
        # addresses that a playlist names.
        return av.open(
            way.file,
            format=way.format,
            options={**options, "protocol_whitelist": "none"},
            metadata_errors="ignore",
        )
    except (av.FFmpegError, ValueError) as error:
        raise NotDecoded("is no sound file that can be decoded; remove or convert it") from error


def _sound_track(container: Any) -> Any:
    """The sound track to decode; raises NotDecoded."""
    stream = container.streams.best("audio")
    if stream is None:
        raise NotDecoded("has no sound track; remove it or choose another file")
    if stream.codec_context is None:
        raise NotDecoded("holds sound of a kind that FFmpeg cannot decode; convert it")
    return stream


def _decoded(way: _Try, progress: Progress, options: Mapping[str, str]) -> Iterator[Piece]:
    file = way.file
    with _opened(way, options) as container:
        stream = _sound_track(container)
        progress.is_float = _holds_floats(stream.codec_context)
        before = progress.seconds
        for rate, frame in _joined(_frames(container, stream, way, progress)):
            yield rate, _channels(frame)
        given = progress.seconds - before
        if given == 0 and progress.damaged:
            raise NotDecoded("is damaged or encrypted: none of its sound decodes; copy it again")
        progress.missing = _declared_seconds(container, stream, file) - given > MISSING_SECONDS


def _holds_floats(codec: Any) -> bool:
    """Whether the file itself holds floating-point samples; most decoders give them, with full scale 1."""
    may_hold_them = codec.name == "wavpack" and codec.format is not None
    return codec.name.startswith("pcm_f") or (may_hold_them and codec.format.name.startswith("flt"))


def _frames(container: Any, stream: Any, way: _Try, progress: Progress) -> Iterator[Any]:
    """Yield the `av.AudioFrame`s of a sound track; damaged packets are skipped."""
    import av

    rest = _Rest(way.file) if _names(container) & _BARE_FRAMES else None
    before = progress.frames
    failed = 0  # packets in a row
    packets = container.demux(stream)
    more = True
    while more and failed < _MOST_FAILED:
        packet = None
        try:
            packet = next(packets, None)
            decoded = packet.decode() if packet else []
            more = packet is not None
        except IndexError:  # PyAV does not know a stream that begins in the middle of the file
            packets = container.demux(stream)
            continue
        except av.FFmpegError:
            if way.from_start and rest is not None and progress.frames == before:
                raise NotDecoded("does not begin with sound; remove the bytes before it") from None
            is_empty = packet is not None and packet.size == 0  # for example a container's index
            is_rest = rest is not None and rest.explains(packet)
            progress.damaged = progress.damaged or not (is_empty or is_rest)
            failed += 1
            continue
        failed = 0
        for frame in decoded:
            progress.heard(frame.samples, frame.sample_rate)
            yield frame


class _Rest:
    """The bytes between the frames of a file; they are searched only if something does not decode."""

    def __init__(self, file: FileView) -> None:
        self._file = file

    @cached_property
    def _parts(self) -> tuple[tuple[int, int], ...]:
        return mpeg.no_sound(self._file)

    def explains(self, packet: Any) -> bool:
        """Whether a packet that does not decode is not sound at all."""
        if packet is None or packet.pos is None:
            return False
        first, end = packet.pos, packet.pos + packet.size
        return any(start < end and first < stop for start, stop in self._parts)

    def sound_of(self, packet: Any) -> bytes:
        """The part of a packet that is sound; other bytes may follow it."""
        content = bytes(packet)
        if packet.pos is None:
            return content
        # Parts smaller than the smallest tag are the padding of a frame.
        tags = [part for part in self._parts if part[1] - part[0] >= _LEAST_TAG]
        starts = (start - packet.pos for start, stop in tags if stop > packet.pos)
        return content[: max(0, min(starts, default=len(content)))]


def _joined(frames: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Yield (rate, `av.AudioFrame`), each joined from many short frames of one kind."""
    import av

    for (rate, *_), group in groupby(frames, key=_kind):
        queue = av.AudioFifo()
        for frame in group:
            frame.pts = None  # gaps in time are ignored
            queue.write(frame)
            if queue.samples >= PIECE_FRAMES:
                yield rate, queue.read()
        if queue.samples:
            yield rate, queue.read()


def _kind(frame: Any) -> tuple[int, str, str]:
    """The properties that all frames of an `av.AudioFifo` must share."""
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


def _declared_seconds(container: Any, stream: Any, file: FileView) -> float:
    """Duration of the sound that the file's headers declare; 0 if they declare none."""
    names = _names(container)
    if names & _BARE_FRAMES:
        return mpeg.declared_seconds(file)
    if names & _TRANSPORTS:
        return 0.0
    if stream.duration is not None:
        seconds = float(stream.duration * stream.time_base)
    elif len(container.streams) == 1 and container.duration is not None:
        seconds = container.duration / 1_000_000
    else:
        return 0.0
    if names & _FROM_ZERO and stream.start_time:
        seconds -= float(stream.start_time * stream.time_base)
    # Without a header FFmpeg guesses from the file's size and its first bit rate.
    guess = container.size * 8 / stream.bit_rate if stream.bit_rate else 0.0
    return 0.0 if abs(seconds - guess) < 0.01 * seconds else seconds


def _names(container: Any) -> frozenset[str]:
    return frozenset(container.format.name.split(","))
