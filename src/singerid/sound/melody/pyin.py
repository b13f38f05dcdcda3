"""pYIN: F0 by autocorrelation and a hidden Markov model, computed by librosa.

Mauch and Dixon, "pYIN: A Fundamental Frequency Estimator Using Probabilistic Threshold Distributions",
ICASSP 2014.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from singerid.config import FeatureConfig
from singerid.sound.decoding.pieces import Samples
from singerid.sound.features import padded_spans
from singerid.sound.melody.contour import Contour
from singerid.sound.melody.trackers import TrackerEntry
from singerid.system.caches import import_librosa

FMIN, FMAX = 65.4, 1046.5  # Hz: C2 to C6
FRAME_LENGTH = 2048  # samples at 16 kHz
BLOCK_FRAMES = 9375  # 5 minutes, which take some 300 MB
OVERLAP_FRAMES = 156  # 5 s


@dataclass(frozen=True)
class Pyin:
    """pYIN from C2 to C6. Unvoiced frames have no F0; the confidence is the probability of a voiced frame.

    The result is that of `librosa.pyin` for up to 5 minutes. Longer sound is tracked in blocks of 5 minutes,
    each with 5 s of its neighbours on either side.

    Attributes:
        origin: version of librosa, and the range of F0.
    """

    origin: str

    name: ClassVar[str] = "pyin"

    @classmethod
    def open(cls) -> "Pyin":
        """The tracker, by the installed librosa.

        librosa compiles its pYIN when it is first used, into a cache on the disk. That is done here, because
        several processes that compile it at once could crash.
        """
        _pyin(np.sin(np.arange(2 * FRAME_LENGTH, dtype=np.float32) / 10))
        return cls(f"librosa {version('librosa')}, {FMIN:g} to {FMAX:g} Hz")

    def contour(self, blocks: Iterable[Samples]) -> Contour:
        """See `Tracker.contour`."""
        spans = padded_spans(blocks, FRAME_LENGTH, FeatureConfig.hop_length, BLOCK_FRAMES, "constant")
        pieces = [_pyin(part.numpy())[:, own] for part, own in with_neighbours(spans)]
        f0, confidence = np.concatenate(pieces, axis=1)
        return Contour(f0, confidence)


def _pyin(samples: Samples) -> NDArray[np.float32]:
    """F0 and confidence of samples that are padded already, (2, frames)."""
    librosa = import_librosa()  # takes two seconds: only when a melody is followed
    f0, _, confidence = librosa.pyin(
        samples,
        fmin=FMIN,
        fmax=FMAX,
        sr=FeatureConfig.sample_rate,
        frame_length=FRAME_LENGTH,
        hop_length=FeatureConfig.hop_length,
        fill_na=0.0,
        center=False,
    )
    return np.stack((f0, confidence)).astype(np.float32)


def with_neighbours(spans: Iterator[Tensor]) -> Iterator[tuple[Tensor, slice]]:
    """Each span with `OVERLAP_FRAMES` of the ones before and after it; and which frames are its own."""
    hop_length = FeatureConfig.hop_length
    shared = FRAME_LENGTH - hop_length  # samples that a span's end and the next one's start have in common
    overlap = OVERLAP_FRAMES * hop_length
    left, span = torch.zeros(0), next(spans)
    for after in spans:
        yield _joined(left, span, after[shared : shared + overlap])
        left, span = span[:-shared][-overlap:], after
    yield _joined(left, span, torch.zeros(0))


def _joined(left: Tensor, span: Tensor, right: Tensor) -> tuple[Tensor, slice]:
    first = len(left) // FeatureConfig.hop_length
    frames = 1 + (len(span) - FRAME_LENGTH) // FeatureConfig.hop_length
    return torch.cat((left, span, right)), slice(first, first + frames)


PYIN = TrackerEntry(
    "probabilistic YIN, by librosa: needs no extra, and finds where nobody sings",
    open=lambda device: Pyin.open(),
)
