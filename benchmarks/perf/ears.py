"""The speed of `singerid identify LIBRARY`, from files to names: as whole processes, and in parts.

    python benchmarks/perf/ears.py [--isa avx2] [--threads 2] [--folder-songs 50] [--seconds 240]
                                   [--material DIR] [--json FILE]

CAM++, the voice head and Spleeter take turns with their plain forms in one process; the rest is timed from
outside, as new processes, so that importing, decoding and timelines count. Songs are made first (44.1 kHz
stereo MP3); two libraries, one of mixtures and one of separated vocals, have two other songs enrolled.
Needs the weights of campplus and spleeter in the cache (`singerid encoders --fetch campplus`,
`singerid encoders --separators --fetch spleeter`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from isa import parse
from separation import measure_network, networks
from songs import make_songs
from timing import machine, write

from encoders import network_rows

LIBRARIES = {"mixture": (), "vocals by spleeter": ("--audio", "vocals", "--separator", "spleeter")}
ENROLLED, ENROLLED_SECONDS = 2, 60.0

# The peak memory of a process starts from that of its parent, so the parent is this small program.
_LIGHT = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
unit = 1 if sys.platform == "darwin" else 1024  # bytes per count of ru_maxrss
peak_mb = used.ru_maxrss * unit / 1e6
print(json.dumps([time.perf_counter() - start, used.ru_utime + used.ru_stime, peak_mb]))
"""


def whole(*words: object) -> tuple[float, float, float]:
    """Wall time and processor time in seconds of a singerid command, and its peak memory in MB."""
    command = [sys.executable, "-c", _LIGHT, sys.executable, "-m", "singerid", *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    wall, processor, peak = json.loads(done.stdout)
    return wall, processor, peak


def library(name: str, folder: Path, threads: int) -> Path:
    """A library that hears this kind of sound, with some songs enrolled."""
    path = folder / name.replace(" ", "-")
    if not path.exists():
        songs = make_songs(folder / "enrolled", ENROLLED, ENROLLED_SECONDS)
        for number, song in enumerate(songs):
            whole("enroll", path, "--as", f"singer {number}", song, "--threads", threads, *LIBRARIES[name])
    return path


def identified(name: str, folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows for identifying one song, and a folder of songs."""
    rows = []
    known = library(name, folder, options.threads)
    for count in (1, options.folder_songs):
        music = folder / f"{count} songs of {options.seconds:g} s"
        songs = make_songs(music, count, options.seconds)
        asked = songs[0] if count == 1 else music
        wall, processor, peak = whole("identify", known, asked, "--timeline", "--threads", options.threads)
        row = {
            "task": "identify",
            "sound": name,
            "songs": count,
            "wall_s_a_song": round(wall / count, 2),
            "processor_s_a_song": round(processor / count, 2),
            "peak_mb": round(peak),
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--folder-songs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--material", type=Path)
    parser.add_argument("--json", type=Path)
    options = parse(parser)
    about = machine(threads=1) | {"identify_threads": options.threads}
    print(about, flush=True)
    rows = network_rows(8, options.repeats, about["matmul_gflops"])
    with torch.inference_mode():
        rows += measure_network(networks(), 4, options.repeats)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.material or Path(temporary)
        for name in LIBRARIES:
            rows += identified(name, folder, options)
    write(options.json, about, rows)


if __name__ == "__main__":
    main()
