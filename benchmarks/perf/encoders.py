"""CAM++ as `open_encoder` runs it, compared with its plain form, and the time for a song. On the CPU.

    python benchmarks/perf/encoders.py [--threads 1] [--windows 8] [--repeats 15] [--json FILE]

The forms take turns on the same windows of 3 s, --windows at a time. The outputs of the fast form, whose
batch norms are folded into the convolutions, are first checked against the plain form; a third form also
hears whether somebody sings. A song (44.1 kHz stereo MP3, made first) is encoded in a new process, so that
start-up, decoding and the filter bank count; for this the weights must be in the cache (`singerid encoders
--fetch campplus`).
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from isa import parse
from songs import make_songs
from timing import in_fresh_process, in_turn, machine, write
from torch import Tensor

from singerid.encoders.campplus import CAMPPLUS, SPEC
from singerid.listening.voice.network import VoiceNetwork
from singerid.nn.campplus import BANDS, CAMPlusPlus
from singerid.nn.campplus_folded import FoldedCAMPlusPlus
from singerid.system.allocator import memory_kept

TOLERANCE = 1e-4  # relative to the largest number of a vector


def operations(frames: int) -> float:
    """Operations of a window, only convolutions; a multiply-add counts as two."""
    bands, channels = BANDS, 32
    total = 2 * 9 * channels * bands * frames
    for _ in range(2):  # each stage of the front: four 3x3 convolutions and a shortcut
        bands //= 2
        total += 2 * (4 * 9 + 1) * channels**2 * bands * frames
    bands //= 2
    total += 2 * 9 * channels**2 * bands * frames
    frames = (frames + 1) // 2
    total += 2 * channels * bands * 5 * 128 * frames
    gathered = 128
    for layers in (12, 24, 16):
        for _ in range(layers):
            total += 2 * (gathered * 128 + 3 * 128 * 32) * frames
            gathered += 32
        total += 2 * gathered * gathered // 2 * frames
        gathered //= 2
    return total


def network_rows(windows: int, repeats: int, rate: float) -> list[dict[str, Any]]:
    """Rows for the forms with 1, 2, 4, ... windows at a time: seconds per window, relative to plain."""
    torch.manual_seed(0)
    plain = CAMPlusPlus()
    folded = FoldedCAMPlusPlus(plain)
    forms = {"plain": plain, "folded": folded, "folded, with voice": VoiceNetwork(folded).with_vectors}
    banks = torch.randn(windows, BANDS, SPEC.window_frames)

    def run(form: str, at_once: int) -> Tensor:
        with torch.inference_mode(), memory_kept():  # as `encode`
            return torch.cat([forms[form](bank) for bank in banks.split(at_once)])

    expected, found = run("plain", 4), run("folded", 4)
    error = float((found - expected).abs().max() / expected.abs().max())
    assert error < TOLERANCE, error
    rows = []
    for at_once in (1, 2, 4, 8):
        calls = {form: lambda form=form, at_once=at_once: run(form, at_once) for form in forms}
        wall, processor = (in_turn(calls, repeats, clock) for clock in (time.perf_counter, time.process_time))
        for form in forms:
            row = {
                "task": "network",
                "form": form,
                "at_once": at_once,
                "ms_per_window": round(1000 * wall[form] / windows, 1),
                "of_plain": round(wall[form] / wall["plain"], 3),
                "processor_of_plain": round(processor[form] / processor["plain"], 3),
                "of_matrix_rate": round(
                    windows * operations(SPEC.window_frames) / wall[form] / 1e9 / rate, 2
                ),
                "error": 0.0 if form == "plain" else error,
            }
            print(row, flush=True)
            rows.append(row)
    return rows


def song_row(seconds: float, threads: int, repeats: int) -> dict[str, Any]:
    """A song through `open_encoder("campplus")` in a process: median wall and processor seconds."""
    with tempfile.TemporaryDirectory() as folder:
        (song,) = make_songs(Path(folder), 1, seconds)
        runs = []
        for _ in range(repeats):
            start = time.perf_counter()
            said = in_fresh_process("-c", _SONG, song, threads).split()
            runs.append((time.perf_counter() - start, *map(float, said)))
    wall, processor, start_up, windows = map(statistics.median, zip(*runs, strict=True))
    return {
        "task": "song",
        "seconds": seconds,
        "windows": int(windows),
        "wall_s": round(wall, 2),
        "processor_s": round(processor, 2),
        "start_up_processor_s": round(start_up, 2),
    }


# As a user would do it: nothing else is imported.
_SONG = """
import sys, time
import torch
from singerid import open_encoder

torch.set_num_threads(int(sys.argv[2]))
encoder = open_encoder("campplus")
start_up = time.process_time()
voices = encoder.encode(sys.argv[1])
print(time.process_time(), start_up, len(voices))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--json", type=Path)
    arguments = parse(parser)
    about = machine(threads=arguments.threads)
    print(about)
    rows = network_rows(arguments.windows, arguments.repeats, about["matmul_gflops"])
    if CAMPPLUS.provenance and CAMPPLUS.provenance.are_here():
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
        rows.append(song_row(arguments.seconds, arguments.threads, 3))
        print(rows[-1])
    else:
        print("no song: singerid encoders --fetch campplus", file=sys.stderr)
    write(arguments.json, about, rows)


if __name__ == "__main__":
    main()
