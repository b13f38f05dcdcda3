"""Melody trackers by name.

To add one, write a file that defines a `TrackerEntry`, and add a line to `TRACKERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from singerid.registry import Registry

if TYPE_CHECKING:  # the command line lists the names: nothing heavy is imported for that
    import torch

    from singerid.sound.melody.contour import Tracker


@dataclass(frozen=True)
class TrackerEntry:
    """What is known of a tracker before it is opened.

    Attributes:
        description: one line.
        open: opens it on a device; a tracker without a network always runs on the CPU.
    """

    description: str
    open: Callable[[torch.device], Tracker]


# The best first: a run over a store that has several melodies reads the first of them.
TRACKERS: Registry[TrackerEntry] = Registry(
    "melody tracker",
    {
        "crepe": "singerid.sound.melody.crepe:CREPE",
        "crepe-tiny": "singerid.sound.melody.crepe:CREPE_TINY",
        "pyin": "singerid.sound.melody.pyin:PYIN",
    },
)


def open_tracker(name: str, device: torch.device | None = None) -> Tracker:
    """A melody tracker by name.

    Args:
        name: one of `TRACKERS`.
        device: where a network runs; None: the CPU.

    Raises:
        SingeridError: the name is unknown, or the tracker's package is not installed.
    """
    from singerid.system.devices import CPU  # imports torch

    return TRACKERS[name].open(device or CPU)
