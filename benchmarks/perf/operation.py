"""The FGNL operation: time and memory of the loop over rolls, the streaming and the fused form.

    python benchmarks/perf/operation.py [--seconds 3 5 10] [--repeats 5] [--json FILE]
    python benchmarks/perf/operation.py --seconds 240 --batch 1 --only streaming
    python benchmarks/perf/operation.py --device cuda --seconds 5 30

One process, one thread. The candidates take turns, so that other work of the machine affects all of them
equally. Results are the median processor time and its ratio to the loop. The results of each are first
checked against the loop. Memory is the rise of the peak of a new process beyond the tensors alone.

On a GPU, wall time is measured, memory is what the device allocates beyond the tensors, and the Triton
kernels are included if Triton is installed. If they are the fastest, SINGERID_FGNL=triton lets every command
use them.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from eager import loop
from isa import parse
from timing import in_fresh_process, machine, peak_bytes, write
from torch import Tensor

from singerid.nn.operation import SOFTMAX_AXES, SoftmaxAxis, sdpa, streaming
from singerid.sound.features import seconds_to_frames

Form = Callable[[Tensor, Tensor, Tensor], Tensor]
GIGABYTE = 1e9


def rolled(theta: Tensor) -> Tensor:
    return torch.stack([theta.roll(-k, dims=-1) for k in range(theta.shape[-1])], dim=1)


def forms(softmax: SoftmaxAxis, device: str = "cpu") -> dict[str, Form]:
    axis = -1 if softmax == "keys" else -2
    found: dict[str, Form] = {
        "loop": lambda theta, phi, g: loop(theta, phi, g, axis),
        "streaming": lambda theta, phi, g: streaming.responses(rolled(theta), phi, g, softmax),
    }
    if softmax == "keys":
        found["fused"] = lambda theta, phi, g: sdpa.responses(rolled(theta), phi, g)
    if device == "cuda" and importlib.util.find_spec("triton"):
        from singerid.nn.operation import kernel

        found["triton"] = lambda theta, phi, g: kernel.responses(theta, phi, g, softmax)
    return found


def tensors(batch: int, seconds: float, training: bool, device: str = "cpu") -> list[Tensor]:
    """theta, phi and g of crnn_fgnl: X_i has 16 bands and W // 8 frames, X_j 32 and W // 4; K = 4."""
    frames = seconds_to_frames(seconds)
    p, q = 16 * (frames // 8), 16 * (frames // 8) + 32 * (frames // 4)
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(batch, n, 4, generator=generator) for n in (p, q, q)]
    return [x.to(device).requires_grad_(training) for x in drawn]


def run(form: Form, inputs: list[Tensor], training: bool) -> tuple[float, list[Tensor]]:
    """Processor seconds, or seconds until a GPU is done; and the responses with the gradients."""
    on_gpu = inputs[0].is_cuda
    clock = time.perf_counter if on_gpu else time.process_time
    if on_gpu:
        torch.cuda.synchronize()
    start = clock()
    y = form(*inputs)
    gradients = list(torch.autograd.grad(y.sum(), inputs)) if training else []
    if on_gpu:
        torch.cuda.synchronize()
    return clock() - start, [y.detach(), *gradients]


def peak_gigabytes(batch: int, seconds: float, softmax: str, training: bool, form: str) -> float:
    """Rise of the memory peak of a new process."""
    arguments = [batch, seconds, softmax, int(training), form]
    return float(in_fresh_process(__file__, "--memory", *arguments))


def measure_memory(batch: str, seconds: str, softmax: SoftmaxAxis, training: str, form: str) -> None:
    inputs = tensors(int(batch), float(seconds), training == "1")
    few = [x[:1, :64].detach().requires_grad_(training == "1") for x in inputs]
    run(forms(softmax)[form], few, training == "1")  # memory of a first call does not count
    before = peak_bytes()
    run(forms(softmax)[form], inputs, training == "1")
    print((peak_bytes() - before) / GIGABYTE)


def allocated_gigabytes(form: Form, inputs: list[Tensor], training: bool) -> float:
    """The most memory that a GPU allocates beyond the inputs."""
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run(form, inputs, training)
    return (torch.cuda.max_memory_allocated() - before) / GIGABYTE


def measure(
    batch: int,
    seconds: float,
    softmax: SoftmaxAxis,
    training: bool,
    only: list[str],
    repeats: int,
    device: str,
) -> list[dict[str, object]]:
    inputs = tensors(batch, seconds, training, device)
    chosen = {name: form for name, form in forms(softmax, device).items() if not only or name in only}
    times: dict[str, list[float]] = {name: [] for name in chosen}
    results: dict[str, list[Tensor]] = {}
    for _ in range(repeats + 1):
        for name, form in chosen.items():
            taken, results[name] = run(form, inputs, training)
            times[name].append(taken)
    times = {name: taken[1:] for name, taken in times.items()}  # a first call loads and compiles
    for found in results.values():
        torch.testing.assert_close(found, next(iter(results.values())), rtol=1e-3, atol=1e-3)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    rows = []
    for name, median in medians.items():
        if device == "cuda":
            peak = allocated_gigabytes(chosen[name], inputs, training)
        else:
            peak = peak_gigabytes(batch, seconds, softmax, training, name)
        row = {
            "seconds": seconds,
            "batch": batch,
            "softmax": softmax,
            "training": training,
            "form": name,
            "s": round(median, 6),
            "of_loop": round(median / medians["loop"], 3) if "loop" in medians else None,
            "peak_gb": round(peak, 3),
        }
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def main() -> None:
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--memory"]:
        measure_memory(*sys.argv[2:])  # type: ignore[arg-type]
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[3, 5, 10])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--only", nargs="+", default=[], choices=["loop", "streaming", "fused", "triton"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--json", type=Path)
    arguments = parse(parser)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("operation: no CUDA device here, nothing was measured")
        return
    rows = [
        row
        for seconds in arguments.seconds
        for softmax in SOFTMAX_AXES
        for training in (False, True)
        for row in measure(
            arguments.batch,
            seconds,
            softmax,
            training,
            arguments.only,
            arguments.repeats,
            arguments.device,
        )
    ]
    write(arguments.json, machine(arguments.device), rows)


if __name__ == "__main__":
    main()
