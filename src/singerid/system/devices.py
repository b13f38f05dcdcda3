"""Where the work is done: the values of --device and --threads."""

import importlib.util
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from singerid.errors import SingeridError
from singerid.system.processors import usable_processors

CPU = torch.device("cpu")


def choose_device(name: str = "auto") -> torch.device:
    """The device with a name: "cpu", "cuda", "cuda:1", or "auto" (a CUDA device if there is one, else CPU).

    Raises:
        SingeridError: the name is unknown, this machine has no such device, or SINGERID_FGNL asks for a
            form of the FGNL operation that the GPU cannot use.
    """
    device = _device_named(name)
    if device.type == "cuda":
        _check_fgnl_form(os.environ.get("SINGERID_FGNL"))
    return device


def _device_named(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else CPU
    match = re.fullmatch(r"(cpu)|cuda(?::(\d+))?", name)
    if not match:
        raise SingeridError(f"`device={name!r}` is unknown; use auto, cpu, cuda or cuda:0, cuda:1, ...")
    if match[1]:
        return CPU
    number, count = int(match[2] or 0), torch.cuda.device_count()
    if number >= count:
        have = f"has {count} CUDA device(s)" if count else "has no CUDA device that PyTorch can use"
        raise SingeridError(f"`device={name!r}`: this machine {have}; use `device='auto'` or `device='cpu'`")
    return torch.device("cuda", number)


def _check_fgnl_form(form: str | None) -> None:
    if form and form != "triton":
        raise SingeridError(f"SINGERID_FGNL={form!r} is unknown; set it to triton, or to nothing")
    if form and importlib.util.find_spec("triton") is None:
        raise SingeridError("SINGERID_FGNL=triton: Triton is not installed; pip install triton, or unset it")


def use_threads(threads: int | None) -> None:
    """Let torch compute with this many CPU threads; None: torch's choice, limited to the usable processors.

    Raises:
        SingeridError: the number is not positive.
    """
    if threads is None:
        threads = usable_processors()
        if torch.get_num_threads() <= threads:
            return
    if threads < 1:
        raise SingeridError(f"`threads` must be at least 1, not {threads}")
    torch.set_num_threads(threads)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; a GPU copies it from pinned memory while the CPU continues."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def has_tf32(device: torch.device) -> bool:
    """Whether the device can multiply in TF32: NVIDIA GPUs since Ampere."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def lacks_bf16(device: torch.device) -> bool:
    """Whether the device only imitates bf16, several times slower than float32: CPUs without AVX-512."""
    return device.type == "cpu" and torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")


@contextmanager
def gpu_arithmetic(tf32: bool = False, fixed_sizes: bool = False) -> Iterator[None]:
    """Set how NVIDIA GPUs compute inside this context; afterwards the old settings return. CPUs ignore it.

    Args:
        tf32: multiply float32 numbers in TF32: several times faster, but with 10 of the 23 bits of their
            fractions. Otherwise they are multiplied exactly. (PyTorch's own default is exact for matrix
            products and TF32 for convolutions and recurrent layers.)
        fixed_sizes: when a convolution meets a new input size, try all algorithms and keep the fastest.
    """
    switches = _tf32_switches()
    before = [getattr(place, name) for place, name, *_ in switches]
    searched = torch.backends.cudnn.benchmark
    try:
        for place, name, exact, fast in switches:
            setattr(place, name, fast if tf32 else exact)
        torch.backends.cudnn.benchmark = fixed_sizes or searched
        yield
    finally:
        for (place, name, *_), value in zip(switches, before, strict=True):
            setattr(place, name, value)
        torch.backends.cudnn.benchmark = searched


def _tf32_switches() -> list[tuple[Any, str, Any, Any]]:
    """Object, attribute, exact and fast value of each switch; PyTorch forbids mixing old and new switches."""
    products, library = torch.backends.cuda.matmul, torch.backends.cudnn
    if hasattr(library, "conv"):  # since torch 2.9
        places = (products, library.conv, library.rnn)
        return [(place, "fp32_precision", "ieee", "tf32") for place in places]
    return [(place, "allow_tf32", False, True) for place in (products, library)]
