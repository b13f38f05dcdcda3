"""Where the work is done: the values of --device and --threads."""

import re

import torch

from singerid.errors import SingeridError

CPU = torch.device("cpu")


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name: "cpu", "cuda", "cuda:1", or "auto", a CUDA device where there is one.

    Raises:
        SingeridError: the name is unknown or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else CPU
    match = re.fullmatch(r"(cpu)|cuda(?::(\d+))?", name)
    if not match:
        raise SingeridError(f"--device {name!r} is unknown; use auto, cpu, cuda or cuda:0, cuda:1, ...")
    if match[1]:
        return CPU
    number, count = int(match[2] or 0), torch.cuda.device_count()
    if number >= count:
        have = f"has {count} CUDA device(s)" if count else "has no CUDA device that PyTorch can use"
        raise SingeridError(f"--device {name}: this machine {have}; use --device auto or cpu")
    return torch.device("cuda", number)


def use_threads(threads: int | None) -> None:
    """Let torch compute with this many CPU threads; None: as many as it likes.

    Raises:
        SingeridError: not a positive number.
    """
    if threads is None:
        return
    if threads < 1:
        raise SingeridError(f"--threads must be at least 1, not {threads}")
    torch.set_num_threads(threads)
