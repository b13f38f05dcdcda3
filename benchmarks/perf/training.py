"""Training CRNN_FGNL at full width: clips per second compared with the eager port, memory, time of a run.

    python benchmarks/perf/training.py [--json FILE]                       on a GPU if there is one, else
    python benchmarks/perf/training.py --device cpu [--threads 1] [--json FILE]     a small version

The clips are made up and are all on the device, as `singerid train` holds them if they fit; both networks
learn from the same batches. The eager port uses PyTorch's defaults: float32, with convolutions in TF32 on a
GPU. "of the matrix rate" is the rate of the counted operations as a share of the rate that the device reaches
in plain matrix products of the same kind. An epoch of artist20 is 59,000 clips of 5 s, in batches of 16,
without validation; on a GPU it is also run once.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from eager import EagerCRNNFGNL
from isa import parse
from network import operations
from timing import in_turn, machine, write
from torch.nn.functional import cross_entropy

from singerid import build_model
from singerid.config import Precision, TrainingConfig
from singerid.data.clips import Clips
from singerid.errors import SingeridError
from singerid.sound.features import seconds_to_frames
from singerid.system.devices import choose_device, gpu_arithmetic
from singerid.training.learner import Learner, adam

SINGERS = 20
ARTIST20_CLIPS, ARTIST20_SECONDS, EPOCHS = 59_000, 5.0, 300
Epoch = Callable[[], object]


def made_up_clips(count: int, seconds: float) -> Clips:
    frames = seconds_to_frames(seconds)
    track = np.random.default_rng(0).normal(-40, 15, (frames, 128)).astype(np.float16)
    return Clips([track] * count, np.arange(count) % SINGERS, frames)


def eager_epoch(clips: Clips, batch: int, device: torch.device) -> Epoch:
    network = EagerCRNNFGNL(SINGERS).to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, eps=1e-7)

    def epoch() -> None:
        for drawn in clips.batches(batch, device, shuffle=(0, 1)):
            loss = cross_entropy(network(*drawn.inputs), drawn.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def our_epoch(clips: Clips, batch: int, device: torch.device, precision: Precision, compiled: bool) -> Epoch:
    settings = replace(TrainingConfig(), batch_size=batch, precision=precision)
    model = build_model("crnn_fgnl", SINGERS).to(device, memory_format=torch.channels_last)
    learner = Learner(model, adam(model, settings, device), settings, device)

    def arithmetic() -> Any:
        return gpu_arithmetic(tf32=precision == "tf32", fixed_sizes=True)

    if compiled:
        with arithmetic():
            learner.compile(clips)

    def epoch() -> None:
        with arithmetic():
            learner.epoch(clips, 1)

    return epoch


def candidates(clips: Clips, batch: int, device: torch.device) -> dict[str, Epoch]:
    """The eager port, and ours in every precision that the device has; on a GPU also compiled."""
    on_gpu = device.type == "cuda"
    precisions: tuple[Precision, ...] = (
        ("32-true", "tf32", "bf16-mixed") if on_gpu else ("32-true", "bf16-mixed")
    )
    found = {"eager": eager_epoch(clips, batch, device)}
    for precision in precisions:
        for compiled in (False, True) if on_gpu else (False,):
            name = precision + (" compiled" if compiled else "")
            found[name] = our_epoch(clips, batch, device, precision, compiled)
    return found


def matrix_rates(device: torch.device, about: dict[str, Any]) -> dict[str, float | None]:
    """Billions of operations per second of plain matrix products, in the precision of each candidate."""
    exact = about["matmul_gflops"]
    if device.type == "cpu":
        return {"eager": exact, "32-true": exact, "bf16-mixed": None}
    with gpu_arithmetic(tf32=True):
        tf32 = machine("cuda")["matmul_gflops"]
    return {"eager": tf32, "32-true": exact, "tf32": tf32, "bf16-mixed": about["bf16_gflops"]}


def peak_gigabytes(epoch: Epoch, device: torch.device) -> float | None:
    """Peak memory of a GPU in an epoch: the clips, the weights of all candidates, and a step."""
    if device.type == "cpu":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    epoch()
    return round(torch.cuda.max_memory_allocated(device) / 1e9, 2)


def measure(
    seconds: float, batch: int, steps: int, repeats: int, device: torch.device, about: dict[str, Any]
) -> list[dict[str, Any]]:
    clips = made_up_clips(batch * steps, seconds)
    tasks = candidates(clips, batch, device)
    medians = in_turn(tasks, repeats, device=device.type)
    rates = matrix_rates(device, about)
    rows = []
    for name, median in medians.items():
        counted = 3 * operations(clips.clip_frames) * len(clips) / 1e9  # forward; backward: maps, weights
        rate = rates[name.removesuffix(" compiled")]
        row = {
            "seconds": seconds,
            "batch": batch,
            "form": name,
            "clips_per_s": round(len(clips) / median, 2),
            "times_eager": round(medians["eager"] / median, 2),
            "of_matrix_rate": None if rate is None else round(counted / median / rate, 3),
            "peak_gb": peak_gigabytes(tasks[name], device),
        }
        if seconds == ARTIST20_SECONDS:
            epoch_s = median / len(clips) * ARTIST20_CLIPS
            row |= {"artist20_epoch_s": round(epoch_s, 1), "300_epochs_h": round(EPOCHS * epoch_s / 3600, 1)}
        print(row, flush=True)
        rows.append(row)
    return rows


def measure_artist20(batch: int, device: torch.device) -> list[dict[str, Any]]:
    """Rows for whole epochs of artist20's size, in exact float32 and in the fastest precision."""
    clips = made_up_clips(ARTIST20_CLIPS, ARTIST20_SECONDS)
    tasks: dict[str, Epoch] = {}
    for precision, compiled in (("32-true", False), ("bf16-mixed", True)):
        name = f"artist20, {precision}" + (" compiled" if compiled else "")
        tasks[name] = our_epoch(clips, batch, device, precision, compiled)  # type: ignore[arg-type]
    rows = []
    for name, seconds in in_turn(tasks, 1, device=device.type).items():
        row = {"form": name, "batch": batch, "epoch_s": round(seconds, 1)}
        row |= {
            "300_epochs_h": round(EPOCHS * seconds / 3600, 1),
            "peak_gb": peak_gigabytes(tasks[name], device),
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parse(parser)
    try:
        device = choose_device(arguments.device)
    except SingeridError as error:
        parser.error(str(error))
    about = machine(device.type, arguments.threads)
    print(about, flush=True)
    if device.type == "cpu":
        rows = measure(ARTIST20_SECONDS, 4, 1, arguments.repeats, device, about)
    else:
        rows = [row for s in (10.0, 5.0) for row in measure(s, 16, 50, arguments.repeats, device, about)]
        rows += measure_artist20(16, device)
    write(arguments.json, about, rows)


if __name__ == "__main__":
    main()
