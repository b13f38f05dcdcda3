"""What an encoder is, and encoders by name.

Letters in shapes: B windows, D size of a vector.
"""

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from singerid.models.spec import InputSpec
from singerid.registry import Registry
from singerid.system.devices import CPU


class Encoder(Protocol):
    """Turns windows into vectors. Vectors compare with those of the same identity alone."""

    @property
    def name(self) -> str:
        """What its user calls it."""

    @property
    def identity(self) -> str:
        """Which weights, read how: another identity, other vectors."""

    @property
    def spec(self) -> InputSpec:
        """What it must be given."""

    @property
    def size(self) -> int:
        """D."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Vectors (B, D), float32, of windows as `spec` says."""


class OpenEncoder(Protocol):
    """How an encoder of a name is opened."""

    def __call__(self, name: str, device: torch.device, weights: Path | None) -> Encoder:
        """The encoder on a device; `weights`: its file of weights, None: fetched on first use.

        Raises:
            SingeridError: its weights are missing, damaged or cannot be fetched.
        """


ENCODERS: Registry[OpenEncoder] = Registry(
    "encoder",
    {"hsieh-artist20": "singerid.encoders.network:open_network_encoder"},
    remedy="or give the folder of a run",
)


def open_encoder(which: Path | str, device: torch.device | str = CPU, weights: Path | None = None) -> Encoder:
    """An encoder: the network of a run's folder or, where there is none, an entry of `ENCODERS`.

    Args:
        which: folder or name.
        device: where it is to run.
        weights: file of weights of an entry; None: fetched on first use.

    Raises:
        SingeridError: there is no such run or encoder, or it cannot be opened.
    """
    if Path(which).exists():
        from singerid.encoders.network import open_network_encoder

        return open_network_encoder(str(which), torch.device(device), weights)
    return ENCODERS[str(which)](str(which), torch.device(device), weights)
