"""Find out when somebody sings in a sound, while the sound is read for another purpose."""

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
    """Knows the sung share of each window of a sound, once the sound has been read.

    If the vocals are separated, their level shows it; if not, a network that hears the sound.

    Args:
        network: hears a sound whose vocals are not separated; None: such a sound is not checked.
        by_level: whether to compare the parts of a separated sound.

    Attributes:
        seconds: length of the sound; 0: it has not been read.
    """

    def __init__(self, network: VoiceNetwork | None, by_level: bool = True) -> None:
        self.seconds = 0.0
        self._network, self._by_level = network, by_level
        self._cells: VoiceCells | None = None

    def passing(self, read: Read, sample_rate: int, device: torch.device) -> Read:
        """The same sound; the network hears it, on a device, the first time that it is read to its end."""

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
        """Compare the parts that a separator gives; listen to their sum if its vocals are not only voices."""
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
        """The sung share of windows, (N,), 0 to 1; None: the sound was not checked.

        Args:
            starts: (N,) in seconds.
            seconds: their length.
        """
        return None if self._cells is None else self._cells.share(starts, seconds)
