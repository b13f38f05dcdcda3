"""Spleeter on one core: its networks in plain and folded form, and a song from file to vocals.

    OMP_NUM_THREADS=1 python benchmarks/perf/separation.py [--seconds 240] [--repeats 5] [--material DIR]
                                                           [--hours 1] [--json FILE]

The speed does not depend on the weights, so random weights are used. The forms take turns in one process, and
processor time is measured. With --hours, a sound of that length, generated while it is read, shows that
memory does not grow after the first minutes.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from isa import parse
from songs import make_songs
from timing import in_turn, machine, write

from singerid.nn.spleeter import SpleeterUNet, VocalsMask
from singerid.nn.spleeter_folded import FoldedUNet
from singerid.sound.audio import read_blocks
from singerid.sound.separation.spleeter import BINS, FRAMES, HOP_LENGTH, RATE, Spleeter
from singerid.sound.separation.spleeter_weights import SPLEETER_2STEMS

Row = dict[str, Any]


def networks() -> dict[str, torch.nn.Module]:
    """The same networks in each form."""
    torch.manual_seed(0)
    nets = [SpleeterUNet().eval().requires_grad_(False) for _ in range(2)]
    last = [SpleeterUNet().eval().requires_grad_(False) for _ in range(2)]
    for copy, net in zip(last, nets, strict=True):
        copy.load_state_dict(net.state_dict())
        copy.to(memory_format=torch.channels_last)
    return {
        "plain": VocalsMask(*nets),
        "plain, channels last": VocalsMask(*last),
        "folded": VocalsMask(*map(FoldedUNet, nets)),
    }


def separator(network: torch.nn.Module) -> Spleeter:
    """Spleeter with weights that are not the published ones."""
    made = Spleeter(SPLEETER_2STEMS, None, torch.device("cpu"), 16_000)
    vars(made)["network"] = network
    return made


def measure_network(forms: dict[str, torch.nn.Module], pieces: int, repeats: int) -> list[Row]:
    """Rows for both U-Nets and the mask, with this many pieces at once."""
    x = torch.rand(pieces, 2, FRAMES, BINS)
    seconds = in_turn(
        {name: lambda net=net: net(x) for name, net in forms.items()}, repeats, time.process_time
    )
    length = pieces * FRAMES * HOP_LENGTH / RATE
    return [
        row(f"networks, {pieces} at once, {name}", taken, length, seconds) for name, taken in seconds.items()
    ]


def measure_song(forms: dict[str, torch.nn.Module], material: Path, length: float, repeats: int) -> list[Row]:
    """Rows for a 44.1 kHz stereo MP3: decoded, separated, resampled to 16 kHz, vocals and mixture."""
    (path,) = make_songs(material, 1, length)

    def whole(net: torch.nn.Module) -> None:
        for _ in separator(net).blocks(path, lambda: read_blocks(path), print):
            pass

    seconds = in_turn(
        {name: lambda net=net: whole(net) for name, net in forms.items()}, repeats, time.process_time
    )
    return [row(f"song of {length:g} s, {name}", taken, length, seconds) for name, taken in seconds.items()]


def row(name: str, taken: float, length: float, seconds: dict[str, float]) -> Row:
    found = {
        "what": name,
        "s": round(taken, 3),
        "of_real_time": round(taken / length, 4),
        "of_plain": round(taken / seconds["plain"], 3),
    }
    shares = f"{found['of_real_time']:.4f} of real time  {found['of_plain']:.2f} of plain"
    print(f"{name:<48} {taken:8.2f} s  {shares}", flush=True)
    return found


def noise(seconds: float) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(round(seconds / 10)):
        yield (0.1 * rng.standard_normal((10 * RATE, 2))).astype(np.float32)


def resident_bytes() -> int:
    """Memory of this process now (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def measure_memory(network: torch.nn.Module, hours: float) -> list[Row]:
    """Resident memory while a long sound is separated."""
    rows, done, told = [], 0, hours / 10
    for piece in separator(network).separate(noise(3600 * hours)):
        done += len(piece)
        if done >= 3600 * RATE * told:
            rows.append(
                {"what": "memory", "hours": round(told, 2), "resident_mb": round(resident_bytes() / 1e6)}
            )
            print(f"after {told:.2f} h: {rows[-1]['resident_mb']} MB resident", flush=True)
            told += hours / 10
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--material", type=Path, default=Path("bench/material/separation"))
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--json", type=Path)
    arguments = parse(parser)
    about = machine(threads=1)
    print(about)
    forms = networks()
    with torch.inference_mode():
        rows = measure_network(forms, 1, arguments.repeats) + measure_network(forms, 4, arguments.repeats)
    rows += measure_song(forms, arguments.material, arguments.seconds, max(1, arguments.repeats // 2))
    if arguments.hours:
        rows += measure_memory(forms["folded"], arguments.hours)
    write(arguments.json, about, rows)


if __name__ == "__main__":
    main()
