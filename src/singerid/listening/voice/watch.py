"""Finds out when somebody sings in a sound, while that is read for something else."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from singerid.listening.voice.by_level import sung_by_level
from singerid.listening.voice.cells import VoiceCells
from singerid.listening.voice.ear import VoiceEar
from singerid.listening.voice.network import VoiceNetwork
from singerid.sound.audio import Read
from singerid.sound.decoding.pieces import Samples
from singerid.sound.separation.separators import Separator, knows_voices


class VoiceWatch:
    """Knows, when a sound has passed once, which share of each of its windows is sung.

    Where vocals are taken out of it, their level tells; elsewhere a network that hears the sound.

    Args:
        network: hears a sound of which no vocals are taken out; None: nothing does.
        by_level: compare the parts of a sound that was separated.

    Attributes:
        seconds: length of the sound; 0: it has not passed.
    """

    def __init__(self, network: VoiceNetwork | None, by_level: bool = True) -> None:
        self.seconds = 0.0
        self._network, self._by_level = network, by_level
        self._cells: VoiceCells | None = None

    def passing(self, read: Read, sample_rate: int, device: torch.device) -> Read:
        """The same sound; the first time that it is read to its end it is listened to, on a device."""

        def reading() -> Iterator[Samples]:
            if self.seconds:
                yield from read()
                return
            ear = None if self._network is None else VoiceEar(self._network, sample_rate, device)
            samples = 0
            for block in read():
                samples += len(block)
                if ear:
                    ear.hear(block)
                yield block
            self.seconds = samples / sample_rate
            if ear:
                self._cells = ear.end()

        return reading

    def listen(self, read: Read, sample_rate: int, device: torch.device) -> None:
        """Listen to a sound from its start to its end."""
        for _ in self.passing(read, sample_rate, device)():
            pass

    def separated(
        self, separator: Separator, vocals: Read, accompaniment: Read, device: torch.device
    ) -> None:
        """Compare the parts that a separator gives, or listen to their sum where it knows no voices."""
        if knows_voices(separator):
            self.compare(vocals, accompaniment, separator.sample_rate)
        else:
            self.listen(lambda: map(np.add, vocals(), accompaniment()), separator.sample_rate, device)

    def compare(self, vocals: Read, accompaniment: Read, sample_rate: int) -> None:
        """Compare the parts of a sound, which are cut into equal blocks."""
        self.seconds = sum(map(len, vocals())) / sample_rate
        if self._by_level:
            self._cells = sung_by_level(zip(vocals(), accompaniment(), strict=True), sample_rate)

    def share(self, starts: NDArray[np.float64], seconds: float) -> NDArray[np.float32] | None:
        """Which share of windows is sung: (N,), 0 to 1; None: nothing has listened.

        Args:
            starts: (N,) in seconds.
            seconds: their length.
        """
        return None if self._cells is None else self._cells.share(starts, seconds)
