"""Melody trackers by name."""

import torch

from singerid.config import TrackerName
from singerid.sound.melody.contour import Tracker
from singerid.sound.melody.crepe import Crepe
from singerid.sound.melody.pyin import Pyin
from singerid.system.devices import CPU


def open_tracker(name: TrackerName, device: torch.device | None = None) -> Tracker:
    """A melody tracker by name.

    Args:
        name: "crepe" (what the paper uses), "crepe-tiny" (the same with a small network), or "pyin",
            which needs no extra and always runs on the CPU.
        device: where a network runs; None: the CPU.

    Raises:
        SingeridError: the tracker's package is not installed.
    """
    if name == "pyin":
        return Pyin.open()
    return Crepe.open(name, device or CPU)
