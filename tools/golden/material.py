"""Recordings of many kinds, made from a synthetic corpus.

    python material.py CORPUS FOLDER

This is a separate program: it runs in the environment of the base, which has the packages for sound files.
Two singers have three albums each, so that a network can learn from them; a third has one.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

SECONDS = 7.0
Samples = NDArray[np.float32]


def pieces(corpus: Path) -> Iterator[tuple[Samples, int]]:
    """A piece of every song, mono, and its sample rate."""
    for path in sorted((corpus / "mixture").rglob("*.flac")):
        samples, rate = soundfile.read(path, dtype="float32")
        yield samples[rate : rate + int(SECONDS * rate)], rate


def stereo(samples: Samples, rate: int, wanted: int) -> Samples:
    """(samples, 2) at another rate; the right channel is delayed and softer."""
    left = soxr.resample(samples, rate, wanted)
    return np.stack([left, 0.6 * np.roll(left, 40)], axis=1)


def write(path: Path, samples: Samples, rate: int, **how: str) -> None:
    """Write a recording with libsndfile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **how)


def write_aac(path: Path, samples: Samples, rate: int) -> None:
    """Write a mono recording with FFmpeg."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def make(corpus: Path, folder: Path) -> None:
    """Write all recordings."""
    songs = list(pieces(corpus))
    (ana, rate), (twin, _), (third, _) = songs[:3]
    write(folder / "Ana/one/stereo 44.1 kHz.wav", stereo(ana, rate, 44_100), 44_100, subtype="PCM_24")
    write(folder / "Ana/two/song.mp3", stereo(twin, rate, 44_100), 44_100, format="MP3")
    write(folder / "Ana/three/48 kHz.flac", stereo(third, rate, 48_000), 48_000)
    (bob, _), (other, _), (last, _) = songs[6:9]
    write(folder / "Bob/one/song.ogg", soxr.resample(bob, rate, 22_050), 22_050)
    write_aac(folder / "Bob/two/song.m4a", other, rate)
    write(folder / "Bob/three/float.aiff", last, rate, subtype="FLOAT")
    write(folder / "Zoë/δίσκος/τραγούδι.flac", songs[10][0], rate)
    shutil.copy(folder / "Bob/one/song.ogg", folder / "Bob/one/the same again.ogg")
    write(folder / "Bob/three/short.wav", bob[:rate], rate)
    write(folder / "Bob/three/tiny.wav", bob[: rate // 50], rate)
    write(folder / "Ana/three/silent.wav", np.zeros(4 * rate, np.float32), rate)
    (folder / "Ana/one/broken.mp3").write_bytes(b"This is no sound. " * 200)
    whole = (folder / "Ana/three/48 kHz.flac").read_bytes()
    (folder / "Zoë/δίσκος/cut.flac").write_bytes(whole[: len(whole) * 4 // 5])
    (folder / "Bob/cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 no sound")


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
