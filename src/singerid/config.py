"""Every number of the method, once, with its unit.

The paper: Kuo, Wei and Lin, "Positions, Channels, and Layers: Fully Generalized Non-Local Network
for Singer Identification", AAAI 2021. Where the paper is silent, the value is that of the authors'
released program or of its libraries' defaults, and the comment says so.
"""

from dataclasses import dataclass
from typing import Literal

PadMode = Literal["reflect", "constant"]


@dataclass(frozen=True)
class FeatureConfig:
    """Log-mel spectrogram settings. One frame is `hop_length` samples (32 ms)."""

    sample_rate: int = 16_000  # Hz
    n_fft: int = 2048  # samples
    hop_length: int = 512  # samples
    n_mels: int = 128  # bands, Slaney scale and norm, 0 Hz to sample_rate / 2
    # Padding of the first and last window. "reflect" is what librosa 0.7 did, which the authors
    # used; "constant" (zeros) is librosa's default since 0.10.
    pad_mode: PadMode = "reflect"
    # The dB scale is 20 log10 of a *power* spectrogram: 80 on this scale are 40 real decibels.
    amin: float = 1e-5  # smallest power told apart: -100 on this scale
    top_db: float = 80.0  # everything further below the track's loudest cell is raised to this floor

    @property
    def frame_seconds(self) -> float:
        """Duration of one frame in seconds."""
        return self.hop_length / self.sample_rate
