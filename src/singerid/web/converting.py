"""Sound for browsers: files that they can play as they are; the others as Opus in Ogg, or as WAV."""

from pathlib import Path

import av
import numpy as np
import soundfile

from singerid.sound.audio import read_stereo_blocks
from singerid.sound.files import AudioError
from singerid.system.children import Beat
from singerid.text import clock

_RATE = 48_000
_BIT_RATE = 128_000
# (container, codec) as FFmpeg calls them: what Chromium, Firefox and Safari all play.
_PLAYED = {
    ("mp3", "mp3float"): "audio/mpeg",
    ("mp3", "mp3"): "audio/mpeg",
    ("flac", "flac"): "audio/flac",
    ("wav", "pcm_s16le"): "audio/wav",
    ("ogg", "opus"): "audio/ogg",
    ("ogg", "libopus"): "audio/ogg",
    ("ogg", "vorbis"): "audio/ogg",
    ("mov,mp4,m4a,3gp,3g2,mj2", "aac"): "audio/mp4",
}


def media_type(path: Path) -> str:
    """The media type of a file that browsers can play as it is; "" if it must be converted.

    Raises:
        AudioError: the file holds no sound.
    """
    try:
        # No protocol is allowed, so a playlist cannot make FFmpeg open other files or addresses.
        with path.open("rb") as file, av.open(file, options={"protocol_whitelist": "none"}) as container:
            if not container.streams.audio:
                raise AudioError(path, "holds no sound; remove it or make it again")
            has_film = any(
                not stream.disposition & av.stream.Disposition.attached_pic
                for stream in container.streams.video
            )
            found = (container.format.name, container.streams.audio[0].codec_context.name)
    except (av.FFmpegError, OSError, ValueError):
        return ""  # other decoders may find sound in it
    return "" if has_film else _PLAYED.get(found, "")


def ending() -> str:
    """The suffix of converted files: "ogg" if there is an Opus encoder, else "wav"."""
    return "ogg" if "libopus" in av.codecs_available else "wav"


TYPES = {"ogg": "audio/ogg", "wav": "audio/wav"}
PLAYED_TYPES = frozenset(_PLAYED.values())
"""Media types of files that browsers can play as they are."""


def convert(path: Path, target: Path, most: float, beat: Beat) -> None:
    """Convert a recording, piece by piece, into the format that the target's suffix names.

    Args:
        path: the recording.
        target: file to write.
        most: greatest length of the sound in seconds.
        beat: called for each piece.

    Raises:
        AudioError: it cannot be decoded, or is longer than `most`.
    """
    count = 0
    with _Opus(target) if target.suffix == ".ogg" else _Wav(target) as writer:
        for block in read_stereo_blocks(path, _RATE, warn=lambda _: None):
            beat()
            count += len(block)
            if count > most * _RATE:
                raise AudioError(path, f"is longer than {clock(most)}, the limit for playing")
            writer.write(block)


class _Opus:
    def __init__(self, target: Path) -> None:
        self._output = av.open(str(target), "w", format="ogg")
        self._stream = self._output.add_stream("libopus", rate=_RATE, layout="stereo", bit_rate=_BIT_RATE)
        self._resampler = av.AudioResampler(self._stream.codec_context.format, "stereo", _RATE, 960)

    def __enter__(self) -> "_Opus":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._encode(None)
            self._output.mux(self._stream.encode(None))
        self._output.close()

    def write(self, block: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), "flt", "stereo")
        frame.sample_rate = _RATE
        self._encode(frame)

    def _encode(self, frame: av.AudioFrame | None) -> None:
        for piece in self._resampler.resample(frame):
            self._output.mux(self._stream.encode(piece))


class _Wav:
    def __init__(self, target: Path) -> None:
        self._file = soundfile.SoundFile(target, "w", _RATE, 2, "PCM_16", format="WAV")

    def __enter__(self) -> "_Wav":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, block: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        self._file.write(np.clip(block, -1, 1))
