"""Open-Unmix: vocals by four networks, one per target, and a multichannel Wiener filter.

Source: Stöter, Uhlich, Liutkus and Mitsufuji, "Open-Unmix - A Reference Implementation for Music Source
Separation", JOSS 2019. The networks and the filter are those of the package openunmix (extra [vocals]);
this module reads files, finds weights and processes long recordings in blocks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from singerid.errors import SingeridError
from singerid.sound.audio import Read, read_stereo_blocks, resample
from singerid.sound.decoding.pieces import Samples
from singerid.sound.files import AudioError
from singerid.sound.separation.open_unmix_weights import (
    RELEASES,
    TARGETS,
    Spectrograms,
    fetch_release,
    find_weights,
    load_open_unmix,
    published_targets,
    read_spectrograms,
)
from singerid.sound.separation.pieces import process_in_pieces, with_rest
from singerid.sound.separation.separators import SeparatorEntry, SeparatorOptions
from singerid.system.devices import CPU
from singerid.system.files import file_hash
from singerid.system.provenance import Provenance
from singerid.system.torchaudio_stub import import_without_torchaudio


@dataclass(frozen=True)
class OpenUnmix:
    """The separators "open-unmix" and "umxl"; see `Separator`.

    Attributes:
        files: the weights, in the order of TARGETS.
        spectrograms: the settings that they were trained for.
        device: where to compute.
        sample_rate: sample rate of the separated parts, in Hz.
        block_seconds: a longer recording is separated block by block.
        overlap_seconds: length of the cross-fade from one block to the next.
    """

    name: str
    origin: str
    notice: str
    files: tuple[Path, ...]
    spectrograms: Spectrograms
    device: torch.device
    sample_rate: int
    block_seconds: float = 600.0
    overlap_seconds: float = 10.0

    @cached_property
    def network(self) -> nn.Module:
        """The package's separator with its weights, loaded when it is first used."""
        return load_open_unmix(self.files, self.spectrograms).to(self.device)

    def __getstate__(self) -> dict[str, Any]:
        """Only the fields: another process loads the network itself."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def blocks(
        self, path: Path, mixture: Read, warn: Callable[[str], None]
    ) -> Iterator[tuple[Samples, Samples]]:
        """Yield vocals, and the mixture without them."""
        rate = self.spectrograms.sample_rate
        # Stereo, at the networks' rate. Problems of the recording were reported when its mixture was decoded.
        stereo = read_stereo_blocks(path, rate, self.block_seconds, warn=lambda _: None)

        def separate(sound: Samples) -> Samples:
            try:
                return self.separate(sound)
            except torch.cuda.OutOfMemoryError as error:
                raise AudioError(
                    path, "needs more memory to separate than the GPU has; use `device='cpu'`"
                ) from error

        pieces = process_in_pieces(stereo, separate, round(self.overlap_seconds * rate))
        vocals = resample(((rate, piece) for piece in pieces), self.sample_rate)
        yield from with_rest(vocals, mixture())

    @torch.inference_mode()
    def separate(self, mixture: Samples) -> Samples:
        """Vocals (samples,) of a stereo mixture (samples, 2) at the networks' rate: the channels' mean."""
        padding = max(0, self.spectrograms.n_fft - len(mixture))  # shorter sound has no spectrogram
        sound = nn.functional.pad(torch.from_numpy(mixture).T, (0, padding))
        vocals = _vocals(self.network, sound.contiguous().to(self.device))[:, : len(mixture)].mean(0)
        samples: Samples = vocals.cpu().numpy()
        return samples


def _vocals(separator: Any, sound: Tensor) -> Tensor:
    """The vocals that the package's Separator gives for a sound; both of shape (2, samples).

    Its own forward keeps the filtered spectrograms of all targets, which takes twice the memory.
    """
    wiener = import_without_torchaudio("openunmix.filtering", extra="vocals").wiener
    mixture = separator.stft(sound[None])  # (1, channels, bins, frames, real and imaginary)
    magnitudes = separator.complexnorm(mixture)
    estimates = torch.stack([separator.target_models[target](magnitudes)[0] for target in TARGETS])
    vocals = torch.empty_like(mixture)
    for first in range(0, mixture.shape[3], separator.wiener_win_len):
        frames = slice(first, first + separator.wiener_win_len)
        # The filter takes (frames, bins, channels, ...).
        filtered = wiener(
            estimates[..., frames].permute(3, 2, 1, 0),
            mixture[0, :, :, frames].permute(2, 1, 0, 3),
            separator.niter,
        )
        vocals[0, :, :, frames] = filtered[..., TARGETS.index("vocals")].permute(2, 1, 0, 3)
    separated: Tensor = separator.istft(vocals, length=sound.shape[-1])[0]
    return separated


def open_open_unmix(name: str, options: SeparatorOptions) -> OpenUnmix:
    """Open one of RELEASES; its weights are downloaded if needed, and checked.

    Args:
        name: name of the release.
        options: `options.weights` is a folder with a file of weights for each target: "vocals.pth", or
            "vocals-b62c91ce.pth" with digits of its SHA-256, which are checked. If the settings are not the
            published ones, the folder also holds the package's separator.json. None: the published weights,
            downloaded once.

    Raises:
        SingeridError: the package is not installed, or the weights are missing, damaged or of another
            kind.
    """
    import_without_torchaudio("openunmix.model", extra="vocals")  # fails before anything is downloaded
    release, weights = RELEASES[name], options.weights
    files = fetch_release(name, release) if weights is None else find_weights(weights, release)
    spectrograms = Spectrograms() if weights is None else read_spectrograms(weights)
    digests = [file_hash(file)[:8] for file in files]
    for other in RELEASES:
        if other != name and set(digests) & set(RELEASES[other].digests.values()):
            raise SingeridError(f"{files[0].parent}: holds weights of {other}; choose the separator {other}")
    load_open_unmix(files, spectrograms)  # a fault is reported now, not for each recording
    parts = [f"openunmix {version('openunmix')}", *map(" ".join, zip(TARGETS, digests, strict=True))]
    if spectrograms != Spectrograms():
        parts.append(str(spectrograms))
    origin = ", ".join(parts)
    device = options.device or CPU
    return OpenUnmix(name, origin, release.notice, files, spectrograms, device, options.sample_rate)


def _entry(name: str, description: str, learned_on: str) -> SeparatorEntry:
    return SeparatorEntry(
        description,
        open=partial(open_open_unmix, name),
        weights=True,
        provenance=Provenance(learned_on, published_targets(name, RELEASES[name])),
    )


OPEN_UNMIX = _entry("open-unmix", "the paper's: Open-Unmix (umxhq)", "MUSDB18-HQ: 150 songs with stems")
UMXL = _entry("umxl", "its larger, later network, for non-commercial use", "more songs, which its makers own")
