"""Open-Unmix: vocals by four networks, one a target, and a multichannel Wiener filter.

Source: Stöter, Uhlich, Liutkus and Mitsufuji, "Open-Unmix - A Reference Implementation for Music Source
Separation", JOSS 2019. The networks and the filter are those of the package openunmix (extra [vocals]);
reading files, finding weights and long recordings are done here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from singerid.config import SeparatorName
from singerid.errors import SingeridError
from singerid.sound.audio import AudioError, Samples, read_blocks, read_stereo_blocks, resample
from singerid.sound.separation.open_unmix_weights import (
    RELEASES,
    TARGETS,
    Spectrograms,
    fetch_release,
    find_weights,
    load_open_unmix,
    read_spectrograms,
)
from singerid.sound.separation.pieces import process_in_pieces, with_rest
from singerid.system.files import file_hash
from singerid.system.torchaudio_stub import import_without_torchaudio
from singerid.text import printable


@dataclass(frozen=True)
class OpenUnmix:
    """The separators "open-unmix" and "umxl"; see `Separator`.

    Attributes:
        files: the weights, in the order of TARGETS.
        spectrograms: what they were trained for.
        device: where to compute.
        sample_rate: of what it gives, in Hz.
        block_seconds: a longer recording is separated block by block.
        overlap_seconds: in which one block fades into the next.
    """

    name: SeparatorName
    origin: str
    notice: str
    files: tuple[Path, ...]
    spectrograms: Spectrograms
    device: torch.device
    sample_rate: int
    block_seconds: float = 600.0
    overlap_seconds: float = 10.0

    def blocks(self, path: Path, warn: Callable[[str], None]) -> Iterator[tuple[Samples, Samples]]:
        """Vocals, and the mixture without them."""
        rate = self.spectrograms.sample_rate
        # What is wrong with the recording is said by the other reading of it.
        stereo = read_stereo_blocks(path, rate, self.block_seconds, warn=lambda _: None)

        def separate(mixture: Samples) -> Samples:
            try:
                return self.separate(mixture)
            except torch.cuda.OutOfMemoryError as error:
                raise AudioError(
                    path, "needs more memory to separate than the GPU has; use --device cpu"
                ) from error

        pieces = process_in_pieces(stereo, separate, round(self.overlap_seconds * rate))
        vocals = resample(((rate, piece) for piece in pieces), self.sample_rate)
        yield from with_rest(vocals, read_blocks(path, self.sample_rate, warn=warn))

    @torch.inference_mode()
    def separate(self, mixture: Samples) -> Samples:
        """Vocals (samples,) of a stereo mixture (samples, 2) at the networks' rate: the channels' mean."""
        network = _network_on(self.device, self.files, self.spectrograms)
        padding = max(0, self.spectrograms.n_fft - len(mixture))  # less than a window has no spectrogram
        sound = nn.functional.pad(torch.from_numpy(mixture).T, (0, padding))
        vocals = _vocals(network, sound.contiguous().to(self.device))[:, : len(mixture)].mean(0)
        samples: Samples = vocals.cpu().numpy()
        return samples


def _vocals(separator: Any, sound: Tensor) -> Tensor:
    """What the package's Separator gives for the vocals of a sound; both of shape (2, samples).

    Its own forward keeps the filtered spectrograms of all targets, which takes twice the memory.
    """
    wiener = import_without_torchaudio("openunmix.filtering", extra="vocals").wiener
    mixture = separator.stft(sound[None])  # (1, channels, bins, frames, real and imaginary)
    magnitudes = separator.complexnorm(mixture)
    estimates = torch.stack([separator.target_models[target](magnitudes)[0] for target in TARGETS])
    vocals = torch.empty_like(mixture)
    for first in range(0, mixture.shape[3], separator.wiener_win_len):
        frames = slice(first, first + separator.wiener_win_len)
        # The filter wants (frames, bins, channels, ...).
        filtered = wiener(
            estimates[..., frames].permute(3, 2, 1, 0),
            mixture[0, :, :, frames].permute(2, 1, 0, 3),
            separator.niter,
        )
        vocals[0, :, :, frames] = filtered[..., TARGETS.index("vocals")].permute(2, 1, 0, 3)
    separated: Tensor = separator.istft(vocals, length=sound.shape[-1])[0]
    return separated


def open_open_unmix(
    name: SeparatorName, weights: Path | None, device: torch.device, sample_rate: int
) -> OpenUnmix:
    """One of RELEASES, with its weights in place and checked.

    Args:
        name: which of them.
        weights: folder with a file of weights for each target ("vocals.pth", or with digits of its
            SHA-256 "vocals-b62c91ce.pth", which are checked) and, where the settings are not the
            published ones, the package's separator.json; None: the published ones, downloaded once.
        device: where to compute.
        sample_rate: of what it gives, in Hz.

    Raises:
        SingeridError: the package is not installed, or the weights are missing, damaged or of another
            kind.
    """
    import_without_torchaudio("openunmix.model", extra="vocals")  # fails before anything is downloaded
    release = RELEASES[name]
    files = fetch_release(release) if weights is None else find_weights(weights, release)
    spectrograms = Spectrograms() if weights is None else read_spectrograms(weights)
    digests = [file_hash(file)[:8] for file in files]
    for other in RELEASES:
        if other != name and set(digests) & set(RELEASES[other].digests.values()):
            raise SingeridError(
                f"{printable(files[0].parent)}: holds weights of {other}; choose --vocals {other}"
            )
    load_open_unmix(files, spectrograms)  # a fault is told now, not of each recording
    parts = [f"openunmix {version('openunmix')}", *map(" ".join, zip(TARGETS, digests, strict=True))]
    if spectrograms != Spectrograms():
        parts.append(str(spectrograms))
    return OpenUnmix(name, ", ".join(parts), release.notice, files, spectrograms, device, sample_rate)


@cache
def _network_on(device: torch.device, files: tuple[Path, ...], spectrograms: Spectrograms) -> nn.Module:
    return load_open_unmix(files, spectrograms).to(device)
