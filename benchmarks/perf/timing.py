"""Common parts of all timings: candidates in turn, medians and ratios, and the limits of the machine.

Machines differ and are shared, so a figure means something only beside another figure of the same run:
candidates take turns, and ratios of medians are reported. The rates of the machine (matrix products,
copies) show how far a figure is from what the hardware allows.
"""

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import torch

Clock = Callable[[], float]


def in_turn(
    candidates: Mapping[str, Callable[[], object]],
    repeats: int,
    clock: Clock = time.perf_counter,
    device: str = "cpu",
) -> dict[str, float]:
    """Median seconds of each candidate; the candidates take turns, and the first turn is not counted.

    Args:
        candidates: what to time.
        repeats: turns that count.
        clock: `time.perf_counter`, or `time.process_time` for the processor seconds of all threads.
        device: on "cuda" the clock is read when the device has done its work.
    """
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(repeats + 1):
        for name, candidate in candidates.items():
            _wait(device)
            start = clock()
            candidate()
            _wait(device)
            if turn:
                taken[name].append(clock() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def machine(device: str = "cpu", threads: int | None = None) -> dict[str, Any]:
    """A description of the machine: processor, versions, and the rates that limit every figure.

    Returns:
        "processor", "threads", "isa" (the instructions that PyTorch uses), "torch", "python", "date", and for
        this run "matmul_gflops" (float32 products of 2048 x 2048 matrices, 2 operations a multiply-add; on
        CUDA also "bf16_gflops") and "copy_gb_s" (bytes read and written by a copy of 256 MB).
    """
    if threads is not None:
        torch.set_num_threads(threads)
    found: dict[str, Any] = {
        "date": date.today().isoformat(),
        "processor": torch.cuda.get_device_name() if device == "cuda" else processor(),
        "threads": torch.get_num_threads(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "matmul_gflops": _matmul_gflops(device, torch.float32),
        "copy_gb_s": _copy_gigabytes(device),
    }
    if device == "cuda":
        found["bf16_gflops"] = _matmul_gflops(device, torch.bfloat16)
    return found


def processor() -> str:
    """Name of the processor, as far as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def peak_bytes() -> int:
    """Peak resident memory of this process (Linux); `ru_maxrss` would start from the parent's peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def in_fresh_process(script: str, *arguments: object) -> str:
    """Standard output of `python SCRIPT ARGUMENTS`; figures of a whole process need a new process."""
    command = [sys.executable, script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def write(path: Path | None, about: Mapping[str, Any], rows: list[dict[str, Any]]) -> None:
    """Write the rows as JSON, with a description of the machine; None: write nothing."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"about": dict(about), "rows": rows}, indent=2) + "\n")


def _matmul_gflops(device: str, dtype: torch.dtype, size: int = 2048) -> float:
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    seconds = in_turn({"product": lambda: a @ b}, 5, device=device)["product"]
    return round(2 * size**3 / seconds / 1e9, 1)


def _copy_gigabytes(device: str) -> float:
    source = torch.zeros(2**26, device=device)  # 256 MB
    target = torch.empty_like(source)
    seconds = in_turn({"copy": lambda: target.copy_(source)}, 5, device=device)["copy"]
    return round(2 * source.nbytes / seconds / 1e9, 1)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
