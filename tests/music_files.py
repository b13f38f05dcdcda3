"""Music files of every kind that tags are written to, made by FFmpeg's libraries."""

import struct
from pathlib import Path

import av
import numpy as np
import soundfile
import taglib

from conftest import SAMPLE_RATE, voice

# ending -> (container, encoder)
ENCODERS = {
    "mp3": ("mp3", "libmp3lame"),
    "flac": ("flac", "flac"),
    "oga": ("ogg", "flac"),
    "opus": ("opus", "libopus"),
    "m4a": ("ipod", "aac"),
    "wma": ("asf", "wmav2"),
    "wav": ("wav", "pcm_s16le"),
    "aiff": ("aiff", "pcm_s16be"),
    "wv": ("wv", "wavpack"),
}
ENDINGS = (*ENCODERS, "ogg")
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


def write_song(path: Path, pitch: float = 200.0, seconds: float = 2.0, seed: int = 0, **tags: str) -> Path:
    """A recording that `small_ears` hear, of the kind that its ending says."""
    if path.suffix == ".ogg":  # FFmpeg's own encoder of Vorbis is an experiment
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, voice(pitch, seconds, seed), SAMPLE_RATE, format="OGG", subtype="VORBIS")
        with taglib.File(path, save_on_exit=True) as file:
            file.tags.update({key.upper(): [value] for key, value in tags.items()})
        return path
    container, encoder = ENCODERS[path.suffix.removeprefix(".")]
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = voice(pitch, seconds, seed)
    rate = 48_000 if encoder == "libopus" else SAMPLE_RATE
    options = {"id3v2_version": "0", "write_xing": "0"} if container == "mp3" and not tags else {}
    with av.open(str(path), "w", format=container, options=options) as output:
        output.metadata.update(tags)
        stream = output.add_stream(encoder, rate=rate, layout="mono", bit_rate=96_000)
        frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler(
            stream.codec_context.format, "mono", rate, stream.codec_context.frame_size
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            # At the end FLAC's encoder gives its checksum in a packet without sound or time.
            output.mux([packet for packet in stream.encode(piece) if packet.size])
    return path


def write_raw(path: Path, before: bytes = b"", after: bytes = b"") -> Path:
    """Put bytes before and behind a file's own."""
    path.write_bytes(before + path.read_bytes() + after)
    return path


def id3(version: int, *frames: bytes) -> bytes:
    """A tag of ID3v2 with some padding."""
    content = b"".join(frames) + bytes(100)
    return b"ID3" + bytes([version, 0, 0]) + _seven(len(content)) + content


def frame(name: str, content: bytes) -> bytes:
    """A frame of ID3v2.2 or v2.3; shorter than 128 bytes, of v2.4 too."""
    if len(name) == 3:
        return name.encode() + struct.pack(">L", len(content))[1:] + content
    return name.encode() + struct.pack(">LH", len(content), 0) + content


def _seven(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


ID3V1 = b"TAG" + b"Old title".ljust(30, b"\0") + b"Old artist".ljust(30, b"\0") + bytes(64) + b"\x11"
assert len(ID3V1) == 128


def decoded(path: Path) -> tuple[int, np.ndarray]:
    """Rate and samples, by FFmpeg's decoder alone."""
    with av.open(str(path)) as container:
        parts = [one.to_ndarray() for one in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    return rate, np.concatenate([part.reshape(part.shape[0], -1) for part in parts], axis=-1)
