"""Send 200 hostile uploads, drawn from a seed, to `singerid serve`, and print how it answered.

    python tools/hostile_uploads.py [--count 200] [--seed 0]

The program makes a small library of tones in a temporary folder and starts a real server. Exit code 1: an
upload was written outside the uploads' folder, was served as a page or script, or stopped the server.
"""

import argparse
import io
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import requests
import soundfile

RATE = 16_000
UPLOAD_MB = 4
CONTAINERS = {
    "mp3": ("mp3", "libmp3lame"), "m4a": ("ipod", "aac"), "wma": ("asf", "wmav2"), "wv": ("wv", "wavpack"),
    "opus": ("opus", "libopus"), "wav": ("wav", "pcm_s16le"), "aiff": ("aiff", "pcm_s16be"),
    "flac": ("flac", "flac"), "mka": ("matroska", "flac"),
}  # fmt: skip
PATHS = (
    "../../../../tmp/hostile.wav", "..\\..\\hostile.wav", "/etc/cron.d/hostile.wav",
    "C:\\Windows\\hostile.wav",
    "library.sqlite3", "..", ".", "", "a/b/c.wav", "~/.ssh/authorized_keys", "file:///etc/passwd.wav",
    "con.wav", "x" * 5000 + ".wav", "-rf.wav", ".htaccess", "%2e%2e%2fhostile.wav",
    "a\0.wav", "a\r\nX-Evil: 1.wav",
)  # fmt: skip
UNICODE = (
    "\u202evaw.live",
    "a\u0000b.wav",
    "\ud83d",
    "ｅｖｉｌ／．．／x.wav",
    "a\u2028b.wav",
    "\ufeff.wav",
    "İ.wav",
)
PAGES = (
    b"<html><script>alert(1)</script></html>", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
    b"javascript:alert(1)", b"#!/bin/sh\ntouch hostile\n", b"GIF89a/*<script>alert(1)</script>*/=1;",
    b"PK\3\4" + bytes(200), b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n",
)  # fmt: skip


@dataclass
class Found:
    """The results of the uploads.

    Attributes:
        statuses: HTTP statuses, by kind of upload.
        problems: descriptions of what should not have happened.
        memory: memory of the server in MB, at the start and at the end.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    memory: tuple[float, float] = (0.0, 0.0)

    def table(self) -> str:
        """A line for each kind of upload."""
        rows = [f"{'upload':<26}{'number':>7}  answers (status: number)"]
        for kind, statuses in sorted(self.statuses.items()):
            told = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
            rows.append(f"{kind:<26}{statuses.total():>7}  {told}")
        rows.append(f"memory of the server: {self.memory[0]:.0f} MB before, {self.memory[1]:.0f} MB after")
        return "\n".join(rows + [f"PROBLEM: {problem}" for problem in self.problems])


def song(ending: str, seconds: float = 1.0) -> bytes:
    """A tone, in the format of a file name's ending."""
    container, encoder = CONTAINERS[ending]
    rate = 48_000 if encoder == "libopus" else RATE
    tone = (0.3 * np.sin(np.arange(int(seconds * RATE)) * 0.08)).astype(np.float32)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(encoder, rate=rate, layout="mono", bit_rate=96_000)
        frame = av.AudioFrame.from_ndarray(tone[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        context = stream.codec_context
        resampler = av.AudioResampler(context.format, "mono", rate, context.frame_size)
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            output.mux([packet for packet in stream.encode(piece) if packet.size])
    return file.getvalue()


def bomb() -> bytes:
    """Five hours of silence in a few kilobytes."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 8000, 1, "PCM_16", format="FLAC") as output:
        for _ in range(300):
            output.write(np.zeros(8000 * 60, np.int16))
    return file.getvalue()


def hostile(seed: int, count: int) -> Iterator[tuple[str, bytes, Callable[[], Iterator[bytes]]]]:
    """(kind, headers of the part, content) of `count` uploads."""
    draw = random.Random(seed)
    whole = {ending: song(ending) for ending in CONTAINERS}
    kinds = (
        ["path tricks"] * 5 + ["unicode tricks"] * 3 + ["truncated"] * 6 + ["damaged"] * 4
        + ["page or script as song"] * 5 + ["noise"] * 2 + ["huge headers"] * 2 + ["huge part headers"]
        + ["lying length"] * 2 + ["no end"]
    )  # fmt: skip
    for number in range(count):
        kind = {3: "bomb", 7: "endless"}.get(number % 100, kinds[number % len(kinds)])
        name, content = f"{number}.wav", whole["wav"]
        if kind == "path tricks":
            name = draw.choice(PATHS)
        elif kind == "unicode tricks":
            name = draw.choice(UNICODE)
        elif kind == "truncated":
            ending = draw.choice(sorted(whole))
            name, content = f"{number}.{ending}", whole[ending][: draw.randrange(1, len(whole[ending]))]
        elif kind == "damaged":
            ending = draw.choice(sorted(whole))
            changed = bytearray(whole[ending])
            for _ in range(draw.randrange(1, 200)):
                changed[draw.randrange(len(changed))] = draw.randrange(256)
            name, content = f"{number}.{ending}", bytes(changed)
        elif kind == "page or script as song":
            name, content = f"song.{draw.choice(('mp3', 'html', 'svg', 'wav', 'm3u8'))}", draw.choice(PAGES)
        elif kind == "noise":
            content = draw.randbytes(draw.randrange(1, 50_000))
        elif kind == "bomb":
            name, content = "bomb.flac", bomb()
        quoted = name.encode("utf-8", "surrogatepass").replace(b'"', b"%22")
        head = b'Content-Disposition: form-data; name="files"; filename="' + quoted + b'"\r\n'
        if kind == "huge part headers":
            head += b"X-Much: " + b"x" * 200_000 + b"\r\n"
        yield kind, head, _pieces(content, kind)


def _pieces(content: bytes, kind: str) -> Callable[[], Iterator[bytes]]:
    def endless() -> Iterator[bytes]:
        for _ in range(UPLOAD_MB * 20):
            yield bytes(1_000_000)

    return endless if kind == "endless" else lambda: iter([content])


def send(
    session: requests.Session, base: str, kind: str, head: bytes, pieces: Iterator[bytes]
) -> requests.Response:
    """Send an upload in a way that no browser would."""
    line = b"boundary7f3a"

    def body() -> Iterator[bytes]:
        yield b"--" + line + b"\r\n" + head + b"Content-Type: text/html\r\n\r\n"
        yield from pieces
        if kind != "no end":
            yield b"\r\n--" + line + b"--\r\n"

    headers = {"content-type": f"multipart/form-data; boundary={line.decode()}"}
    if kind == "huge headers":
        headers["x-much"] = "x" * 100_000
    if kind == "lying length":
        whole = b"".join(body())
        return session.post(
            f"{base}/api/v1/upload", data=whole[: len(whole) // 2], headers=headers, timeout=120
        )
    return session.post(f"{base}/api/v1/upload", data=body(), headers=headers, timeout=120)


def run(address: str, process: int, library: Path, seed: int, count: int) -> Found:
    """Send all uploads.

    Args:
        address: the address that the server printed.
        process: process id of the server.
        library: folder of the library.
        seed: seed of the uploads.
        count: number of uploads.
    """
    base = address.partition("/?token=")[0]
    session, found = requests.Session(), Found()
    session.get(address, allow_redirects=False, timeout=30)
    outside = _tree(library.parent, library / "serve")
    start = 0.0
    for number, (kind, head, pieces) in enumerate(hostile(seed, count)):
        if number == min(10, count // 2):  # by then, everything that loads once is loaded
            start = memory_mb(process)
        try:
            answer = send(session, base, kind, head, pieces())
            status, told = answer.status_code, answer.headers.get("content-type", "")
            if status >= 500 or "html" in told or "svg" in told or "javascript" in told:
                found.problems.append(f"{kind}: {status} {told} {answer.text[:200]}")
            if status < 400:
                for job in [answer.json()["job"]["id"]]:
                    session.delete(f"{base}/api/v1/jobs/{job}", timeout=30)
        except requests.RequestException:
            status = 0  # the server may close the connection
        found.statuses.setdefault(kind, Counter())[status] += 1
        if session.get(f"{base}/api/v1/state", timeout=30).status_code != 200:
            found.problems.append(f"{kind}: the server does not answer any more")
            break
    found.memory = start, memory_mb(process)
    new = sorted(set(_tree(library.parent, library / "serve")) - set(outside))
    found.problems += [f"written outside: {path}" for path in new if not is_library(path)]
    strange = [path for path in (library / "serve" / "uploads").rglob("*") if not _is_own_name(path)]
    found.problems += [f"a name from an upload: {path}" for path in strange]
    return found


def _is_own_name(path: Path) -> bool:
    return len(path.stem) == 16 and set(path.stem) <= set("0123456789abcdef")


def _tree(folder: Path, without: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if not path.is_relative_to(without)]


def is_library(path: str) -> bool:
    """Whether a file belongs to the library itself."""
    return Path(path).name == ".lock" or Path(path).name.startswith("library.sqlite3-")


def memory_mb(process: int) -> float:
    """Memory of a process in MB; 0 if the system does not report it."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    """Make a library, start a server, send the uploads, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        from singerid.library.library import Library

        library = Path(folder) / "library"
        Library.open(library, create=True).close()
        command = [sys.executable, "-m", "singerid", "serve", library, "--no-browser", "--device", "cpu"]
        command += ["--upload-limit", UPLOAD_MB]
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                found = run(server.stdout.readline().strip(), server.pid, library, given.seed, given.count)
            finally:
                server.terminate()
    print(found.table())
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
