"""Throughput of CAM++ and Spleeter on one device, by the amount of sound they get at a time.

    python benchmarks/perf/throughput.py [--device cuda] [--repeats 7] [--json FILE]

The speed does not depend on the weights, so random weights are used; the input is noise that is already on
the device. The networks are those that `enroll`, `identify` and `prepare` use there. "of real time": seconds
per second of sound. A CPU is measured with the number of threads in `--threads`.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from isa import parse
from timing import in_turn, machine, write
from torch import Tensor, nn

from singerid.encoders.campplus import SPEC
from singerid.errors import SingeridError
from singerid.nn.campplus import BANDS, CAMPlusPlus
from singerid.nn.campplus_folded import FoldedCAMPlusPlus
from singerid.nn.spleeter import SpleeterUNet, VocalsMask
from singerid.nn.spleeter_folded import FoldedUNet
from singerid.sound.separation.spleeter import BINS, FRAMES, HOP_LENGTH, RATE
from singerid.system.devices import choose_device, gpu_arithmetic

WINDOW_SECONDS = 3.0
PIECE_SECONDS = FRAMES * HOP_LENGTH / RATE


def campplus(device: torch.device) -> Callable[[int], Tensor]:
    """A function of a number that hears as many windows of 3 s at once."""
    network = FoldedCAMPlusPlus(CAMPlusPlus()).to(device)
    return lambda count: network(torch.randn(count, BANDS, SPEC.window_frames, device=device))


def spleeter(device: torch.device) -> Callable[[int], Tensor]:
    """A function of a number that separates as many pieces of 12 s at once."""
    nets: list[nn.Module] = [FoldedUNet(SpleeterUNet().eval().requires_grad_(False)) for _ in range(2)]
    network = VocalsMask(*nets).to(device)
    return lambda count: network(torch.rand(count, 2, FRAMES, BINS, device=device))


def measure(
    name: str,
    hear: Callable[[int], Tensor],
    seconds: float,
    counts: list[int],
    repeats: int,
    device: torch.device,
) -> list[dict[str, Any]]:
    tasks = {str(count): lambda count=count: hear(count) for count in counts}
    rows = []
    for count, taken in in_turn(tasks, repeats, device=device.type).items():
        heard = int(count) * seconds
        row = {
            "network": name,
            "at_once": int(count),
            "ms": round(1000 * taken, 2),
            "of_real_time": round(taken / heard, 6),
            "hours_of_sound_an_hour": round(heard / taken),
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--at-once", type=int, nargs="+", help="numbers of windows or pieces")
    parser.add_argument("--json", type=Path)
    options = parse(parser)
    try:
        device = choose_device(options.device)
    except SingeridError as error:
        parser.error(str(error))
    about = machine(device.type, options.threads)
    print(about, flush=True)
    torch.manual_seed(0)
    windows, pieces = ([1, 8, 64, 512], [1, 4, 16]) if device.type == "cuda" else ([1, 4, 8], [1, 4])
    with torch.inference_mode(), gpu_arithmetic():
        rows = measure(
            "campplus", campplus(device), WINDOW_SECONDS, options.at_once or windows, options.repeats, device
        )
        rows += measure(
            "spleeter", spleeter(device), PIECE_SECONDS, options.at_once or pieces, options.repeats, device
        )
    write(options.json, about, rows)


if __name__ == "__main__":
    main()
