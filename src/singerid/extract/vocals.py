"""Separators: what takes the vocals out of a mixture."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import torch

from singerid.audio import Samples
from singerid.config import SeparatorName


class Separator(Protocol):
    """Takes the vocals out of recordings; it can be pickled."""

    @property
    def name(self) -> SeparatorName:
        """Its name."""

    @property
    def origin(self) -> str:
        """Which version of it, with which weights."""

    @property
    def notice(self) -> str:
        """What its user should know; "" if nothing."""

    def blocks(self, path: Path, warn: Callable[[str], None]) -> Iterator[tuple[Samples, Samples]]:
        """Vocals and accompaniment of a recording."""


def open_separator(
    name: SeparatorName,
    *,
    tree: Path | None = None,
    stems: Path | None = None,
    weights: Path | None = None,
    device: torch.device | None = None,
    sample_rate: int = 16_000,
) -> Separator:
    """A separator by name."""
    raise NotImplementedError
