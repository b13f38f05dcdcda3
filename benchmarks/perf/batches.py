"""What CREPE and Open-Unmix gain from batches: time per frame, by the number of frames at once.

    python benchmarks/perf/batches.py [--device cuda] [--repeats 5] [--json FILE]

Would batches of several files be faster than one file at a time? Only if a file has too few frames to fill
the device: a frame of CREPE is 32 ms of sound, so 30 s have 938 frames and a song of four minutes 7,501. On a
CPU, one thread is used. Open-Unmix has random weights and the published size. It takes a whole file at once,
so its rows show the cost of a second of sound for files of several lengths, and for two files together.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from isa import parse
from timing import in_turn, machine, write
from torch import nn

from singerid.sound.melody.crepe import BATCH, GPU_BATCH, WINDOW, load_crepe, normalised_frames
from singerid.system.torchaudio_stub import import_without_torchaudio

FRAMES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
SECONDS = (5.0, 30.0, 120.0)
FRAME_SAMPLES, HOP = 4096, 1024  # of Open-Unmix, at 44.1 kHz
BINS = FRAME_SAMPLES // 2 + 1
Row = dict[str, Any]


@torch.inference_mode()
def crepe(network: nn.Module, span: torch.Tensor) -> None:
    network(normalised_frames(span))


def measure_crepe(capacity: str, device: torch.device, frames: tuple[int, ...], repeats: int) -> list[Row]:
    network = load_crepe(capacity, device)
    candidates = {
        str(count): partial(crepe, network, torch.randn((count - 1) * 512 + WINDOW, device=device))
        for count in frames
    }
    taken = in_turn(candidates, repeats, device=device.type)
    best = min(taken[str(count)] / count for count in frames)
    own = (BATCH if device.type == "cpu" else GPU_BATCH)[capacity]
    return [
        {
            "network": f"crepe {capacity}",
            "frames_at_once": count,
            "ms_a_frame": round(1000 * taken[str(count)] / count, 3),
            "of_best": round(taken[str(count)] / count / best, 2),
            "ours": count == own,
        }
        for count in frames
    ]


@torch.inference_mode()
def open_unmix(network: nn.Module, magnitudes: torch.Tensor) -> None:
    network(magnitudes)


def measure_open_unmix(device: torch.device, repeats: int) -> list[Row]:
    model = import_without_torchaudio("openunmix.model", extra="vocals")
    network = model.OpenUnmix(nb_bins=BINS, nb_channels=2, hidden_size=512, max_bin=1487).eval().to(device)
    rows = []
    for seconds in SECONDS:
        frames = int(seconds * 44_100 / HOP)
        one, two = (torch.rand(files, 2, BINS, frames, device=device) for files in (1, 2))
        candidates = {"one": partial(open_unmix, network, one), "two": partial(open_unmix, network, two)}
        taken = in_turn(candidates, repeats, device=device.type)
        rows.append(
            {
                "network": "open-unmix, one target",
                "seconds": seconds,
                "ms_a_second": round(1000 * taken["one"] / seconds, 2),
                "two_files_at_once": round(taken["two"] / 2 / taken["one"], 2),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parse(parser)
    about = machine(arguments.device, threads=1)
    device = torch.device(arguments.device)
    rows = measure_crepe("tiny", device, FRAMES, arguments.repeats)
    rows += measure_crepe("full", device, FRAMES[:5] if device.type == "cpu" else FRAMES, arguments.repeats)
    rows += measure_open_unmix(device, arguments.repeats)
    for row in rows:
        print(json.dumps(row), flush=True)
    write(arguments.json, about, rows)


if __name__ == "__main__":
    main()
