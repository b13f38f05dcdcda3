"""REPET-SIM: the sound that does not repeat is the vocals. It needs no training and no weights.

Source: Rafii and Pardo, "Music/voice separation using the similarity matrix", ISMIR 2012. A band
repeats what it played, at no fixed period, while the voice over it changes. So the band is the median of a
spectrum and of the spectra most similar to it. librosa's nearest-neighbour filter finds these.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import numpy as np

from singerid.sound.audio import Read, in_blocks
from singerid.sound.decoding.pieces import Samples
from singerid.sound.separation.pieces import process_in_pieces, with_rest
from singerid.sound.separation.separators import SeparatorEntry
from singerid.system.caches import import_librosa


@dataclass(frozen=True)
class Repet:
    """The separator "repet"; see `Separator`.

    Attributes:
        sample_rate: sample rate of the separated parts, in Hz.
        window_seconds: length of a window of the spectrogram; a quarter of it is the hop.
        apart_seconds: frames closer than this do not count as repetitions.
        similar_share: share of all frames that are taken as repetitions of a frame; it must be large enough
            that the voice is not in most of them, because their median is taken.
        lowest_hz: below this there are no vocals.
        block_seconds: a longer recording is separated block by block.
        overlap_seconds: length of the cross-fade from one block to the next.
    """

    sample_rate: int
    window_seconds: float = 0.256
    apart_seconds: float = 1.0
    similar_share: float = 0.45
    lowest_hz: float = 100.0
    block_seconds: float = 60.0
    overlap_seconds: float = 5.0

    name: ClassVar[str] = "repet"
    notice: ClassVar[str] = ""

    @property
    def origin(self) -> str:
        """The version of librosa, and all settings."""
        return f"librosa {version('librosa')}, {self}"

    def blocks(
        self, path: Path, mixture: Read, warn: Callable[[str], None]
    ) -> Iterator[tuple[Samples, Samples]]:
        """Yield vocals, and the mixture without them."""
        blocks = in_blocks(mixture(), max(1, round(self.block_seconds * self.sample_rate)))
        overlap = round(self.overlap_seconds * self.sample_rate)
        yield from with_rest(process_in_pieces(blocks, self.separate, overlap), mixture())

    def separate(self, mixture: Samples) -> Samples:
        """The vocals (samples,) of a mixture (samples,); the whole mixture if it is too short to repeat."""
        librosa = import_librosa()
        n_fft = round(self.window_seconds * self.sample_rate)
        hop_length = n_fft // 4
        if len(mixture) < n_fft:
            return mixture
        spectrogram = librosa.stft(mixture, n_fft=n_fft, hop_length=hop_length)
        magnitude = np.abs(spectrogram)
        frames = magnitude.shape[1]
        # librosa needs frames that are far enough apart, at least on one side of the middle.
        width = min(round(self.apart_seconds * self.sample_rate / hop_length), (frames - 1) // 2 - 1)
        if width < 1:
            return mixture
        # With the mode "distance" librosa takes the nearest frames; otherwise it takes any near ones.
        nearest = librosa.segment.recurrence_matrix(
            magnitude,
            k=max(1, round(self.similar_share * frames)),
            width=width,
            metric="cosine",
            mode="distance",
            sparse=True,
        )
        similar = librosa.decompose.nn_filter(magnitude, rec=nearest, aggregate=np.median)
        band = np.minimum(magnitude, similar)  # the band is no louder than the mixture
        mask = librosa.util.softmask(magnitude - band, band, power=2)  # a Wiener filter; 0 in silence
        mask[librosa.fft_frequencies(sr=self.sample_rate, n_fft=n_fft) < self.lowest_hz] = 0
        vocals: Samples = librosa.istft(mask * spectrogram, hop_length=hop_length, length=len(mixture))
        return vocals


REPET = SeparatorEntry(
    "what repeats is accompaniment (REPET-SIM): needs no weights, separates worse than a network",
    open=lambda options: Repet(options.sample_rate),
    knows_voices=False,
)
