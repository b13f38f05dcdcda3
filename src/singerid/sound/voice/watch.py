"""Finds out when somebody sings in a sound, while that is read for something else."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from singerid.sound.audio import Read, Samples
from singerid.sound.voice.by_level import sung_by_level
from singerid.sound.voice.cells import VoiceCells


class Ear(Protocol):
    """Hears a sound block by block, and says when somebody sings in it."""

    def hear(self, block: Samples) -> None:
        """Listen to the next mono samples."""

    def end(self) -> VoiceCells:
        """When somebody sings in all that was heard."""


class OpenEar(Protocol):
    """Gives an ear for a sound that begins now."""

    def __call__(self, sample_rate: int) -> Ear:
        """An ear for samples at a rate in Hz."""


class VoiceWatch:
    """Knows, when a sound has passed once, which share of each of its windows is sung.

    Where vocals are taken out of it, their level tells; elsewhere an ear does.

    Args:
        ear: hears a sound of which no vocals are taken out; None: nobody listens, and all that sounds is
            taken to be sung.
    """

    def __init__(self, ear: OpenEar | None) -> None:
        self._ear = ear
        self._cells: VoiceCells | None = None

    def passing(self, read: Read, sample_rate: int) -> Read:
        """The same sound; the first time that it is read to its end it is listened to."""

        def reading() -> Iterator[Samples]:
            if self._ear is None or self._cells is not None:
                yield from read()
                return
            ear = self._ear(sample_rate)
            for block in read():
                ear.hear(block)
                yield block
            self._cells = ear.end()

        return reading

    def separated(self, vocals: Read, accompaniment: Read, sample_rate: int) -> None:
        """Compare the parts of a sound, which are cut into equal blocks."""
        self._cells = sung_by_level(zip(vocals(), accompaniment(), strict=True), sample_rate)

    def share(
        self, starts: NDArray[np.float64], seconds: float, silent: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Which share of windows is sung.

        Args:
            starts: (N,) in seconds.
            seconds: their length.
            silent: (N,) where nothing is heard.

        Returns:
            (N,) float32, 0 to 1: 0 where nothing is heard; else 1 where nobody listened.
        """
        share = (
            np.ones(len(starts), np.float32) if self._cells is None else self._cells.share(starts, seconds)
        )
        return np.where(silent, np.float32(0), share)
