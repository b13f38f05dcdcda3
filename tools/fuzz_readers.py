"""Give damaged files of every format to the readers: no traceback, crash or hang; each decodes or is refused.

    python tools/fuzz_readers.py [--files 500] [--seed 0] [--keep FOLDER]

A good file of each format is made. Copies of it are cut, changed in some bytes and spliced with other files.
A separate process with limits on memory and time reads the copies. If it dies, the file that killed it is
named, and the next process goes on after that file. The result is a table by format; the exit code is 1 if a
file was neither decoded nor refused in one line.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

SECONDS = 2.0
MEMORY = 4 * 2**30  # bytes of address space; the libraries alone need half of it
SECONDS_A_FILE = 20
DECODED, REFUSED, CRASHED = "decoded", "refused", "crashed"


@dataclass(frozen=True)
class Outcome:
    """The outcome for a file: `kind` is one of the three above, `detail` the reason."""

    name: str
    kind: str
    seconds: float
    detail: str = ""


def signal(rate: int) -> np.ndarray:
    """(samples, 2): two tones and some noise."""
    time_s = np.arange(round(SECONDS * rate)) / rate
    noise = 0.01 * np.random.default_rng(0).normal(size=len(time_s))
    tone = 0.3 * np.sin(2 * np.pi * 440 * time_s) + 0.2 * np.sin(2 * np.pi * 1000 * time_s) + noise
    return np.stack([tone, 0.5 * tone], 1).astype(np.float32)


def by_soundfile(format: str, subtype: str | None = None, rate: int = 44_100) -> Callable[[], bytes]:
    """A function that makes a good file with libsndfile."""

    def make() -> bytes:
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, signal(rate), rate, subtype, format=format)
        return file.getvalue()

    return make


def by_ffmpeg(codec: str, container: str, rate: int = 44_100, video: bool = False) -> Callable[[], bytes]:
    """A function that makes a good file with FFmpeg."""

    def make() -> bytes:
        import av

        file = io.BytesIO()
        with av.open(file, "w", format=container) as output:
            stream = output.add_stream(codec, rate=rate, layout="stereo")
            stream.bit_rate = 128_000
            if video:
                picture = output.add_stream("mpeg4", rate=25)
                picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
                image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                image.pts, image.time_base = 0, Fraction(1, 25)
                output.mux(picture.encode(image))
                output.mux(picture.encode(None))
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(signal(rate).T), "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            resampler = av.AudioResampler(stream.format, "stereo", rate, frame_size=stream.frame_size or 1152)
            for part in [*resampler.resample(frame), *resampler.resample(None), None]:
                output.mux(stream.encode(part))
        return file.getvalue()

    return make


FORMATS: dict[str, Callable[[], bytes]] = {
    "wav": by_soundfile("WAV", "PCM_16"),
    "wav float": by_soundfile("WAV", "FLOAT"),
    "wav adpcm": by_soundfile("WAV", "IMA_ADPCM"),
    "wavex": by_soundfile("WAVEX", "PCM_24"),
    "rf64": by_soundfile("RF64", "PCM_16"),
    "w64": by_soundfile("W64", "PCM_16"),
    "aiff": by_soundfile("AIFF", "PCM_16"),
    "au": by_soundfile("AU", "PCM_16"),
    "caf": by_soundfile("CAF", "PCM_16"),
    "caf alac": by_soundfile("CAF", "ALAC_16"),
    "flac": by_soundfile("FLAC"),
    "ogg vorbis": by_soundfile("OGG", "VORBIS"),
    "ogg opus": by_soundfile("OGG", "OPUS", 48_000),
    "ogg flac": by_ffmpeg("flac", "ogg"),
    "mp3": by_ffmpeg("libmp3lame", "mp3"),
    "mp3 in wav": by_ffmpeg("libmp3lame", "wav"),
    "mp3 in avi": by_ffmpeg("libmp3lame", "avi", video=True),
    "aac": by_ffmpeg("aac", "adts"),
    "m4a": by_ffmpeg("aac", "ipod"),
    "m4a alac": by_ffmpeg("alac", "ipod"),
    "mp4": by_ffmpeg("aac", "mp4", video=True),
    "mkv": by_ffmpeg("libopus", "matroska", 48_000, video=True),
    "webm": by_ffmpeg("libopus", "webm", 48_000),
    "wma": by_ffmpeg("wmav2", "asf"),
    "ts": by_ffmpeg("aac", "mpegts"),
    "flv": by_ffmpeg("aac", "flv"),
    "ac3": by_ffmpeg("ac3", "ac3"),
    "mp2": by_ffmpeg("mp2", "mp2"),
    "wv": by_ffmpeg("wavpack", "wv"),
    "tta": by_ffmpeg("tta", "tta"),
}


def cut(content: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """The file without its end, its beginning, or a part in between."""
    first, last = sorted(rng.integers(0, len(content), 2))
    return (content[:last], content[first:], content[:first] + content[last:])[rng.integers(3)]


def flip(content: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """The file with some bytes replaced, half of them within the first 256."""
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 40))):
        end = min(256, len(damaged)) if rng.random() < 0.5 else len(damaged)
        damaged[int(rng.integers(end))] = (0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256)))[rng.integers(6)]
    return bytes(damaged)


def splice(content: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """The file with bytes of another file in it, replacing its own bytes or added to them."""
    other = others[int(rng.integers(len(others)))]
    first, last = sorted(rng.integers(0, len(other), 2))
    at = int(rng.integers(len(content)))
    return content[:at] + other[first:last] + content[at + (last - first) * int(rng.integers(2)) :]


DAMAGES = (cut, flip, splice)


def make_files(folder: Path, count: int, seed: int) -> list[Path]:
    """Write `count` damaged files, all formats and kinds of damage in turn; names begin with the format."""
    rng = np.random.default_rng(seed)
    good = {name: make() for name, make in FORMATS.items()}
    others = list(good.values())
    paths = []
    for number in range(count):
        name = list(FORMATS)[number % len(FORMATS)]
        content = good[name]
        for _ in range(int(rng.integers(1, 3))):
            content = DAMAGES[int(rng.integers(len(DAMAGES)))](content, rng, others) or b"\0"
        paths.append(folder / f"{name}-{number}")
        paths[-1].write_bytes(content)
    return paths


def read_all(paths: list[Path], limit_s: int = SECONDS_A_FILE) -> Iterator[Outcome]:
    """The outcome of each file, from processes that may die."""
    waiting = list(paths)
    while waiting:
        command = [sys.executable, __file__, "--limit", str(limit_s), "--read", *map(str, waiting)]
        bounded = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **bounded}
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                outcome = Outcome(**json.loads(line))
                waiting.pop(0)
                yield outcome
            code = process.wait()
            errors.seek(0)
            printed = errors.read()
        if waiting:
            path = waiting.pop(0)
            what = "took too long" if code == -14 else f"killed the process (exit code {code})"
            yield Outcome(path.name, CRASHED, limit_s, f"{what} {printed[-500:]}".strip())
        elif printed.strip():
            yield Outcome("standard error", CRASHED, 0.0, printed[-500:])


def read_here(paths: list[str], limit_s: int) -> None:
    """Read each file and print its outcome as a line of JSON; runs in the process that may die."""
    import signal as signals

    from singerid.sound.audio import read_blocks
    from singerid.sound.files import AudioError

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for path in paths:
        signals.alarm(limit_s)
        began, detail = time.perf_counter(), ""
        try:
            samples = sum(len(block) for block in read_blocks(path, warn=lambda _: None))
            kind, detail = DECODED, f"{samples / 16_000:.2f} s"
        except AudioError as error:
            kind, detail = (CRASHED if "\n" in str(error) else REFUSED), error.reason
        except Exception as error:
            kind, detail = CRASHED, f"{type(error).__name__}: {error}"
        signals.alarm(0)
        outcome = {
            "name": Path(path).name,
            "kind": kind,
            "seconds": time.perf_counter() - began,
            "detail": detail,
        }
        print(json.dumps(outcome), flush=True)


def table(outcomes: list[Outcome]) -> str:
    """One line per format: number of files, their outcomes, the longest time."""
    by_format = defaultdict(list)
    for outcome in outcomes:
        by_format[outcome.name.rpartition("-")[0]].append(outcome)
    lines = [f"{'format':<12}{'files':>7}{DECODED:>9}{REFUSED:>9}{CRASHED:>9}{'longest (s)':>13}"]
    for name, own in [*sorted(by_format.items()), ("all", outcomes)]:
        kinds = Counter(outcome.kind for outcome in own)
        counts = "".join(f"{kinds[kind]:>9}" for kind in (DECODED, REFUSED, CRASHED))
        lines.append(f"{name:<12}{len(own):>7}{counts}{max(outcome.seconds for outcome in own):>13.2f}")
    return "\n".join(lines)


def main() -> int:
    """Make the files, read them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files; by default they are deleted")
    parser.add_argument("--limit", type=int, default=SECONDS_A_FILE, help="seconds for one file")
    parser.add_argument("--read", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read_here(options.read, options.limit)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        kept = options.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        outcomes = list(read_all(make_files(kept, options.files, options.seed), options.limit))
    print(table(outcomes))
    crashed = [outcome for outcome in outcomes if outcome.kind == CRASHED]
    for outcome in crashed:
        print(f"{outcome.name}: {outcome.detail}")
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
