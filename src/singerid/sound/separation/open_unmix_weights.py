"""Weights of Open-Unmix: where they are published, and how networks are made from a folder of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from torch import Tensor, nn

from singerid.errors import SingeridError
from singerid.nn.layers import shape_text
from singerid.system.downloads import check_file
from singerid.system.files import read_json
from singerid.system.sources import Addresses, PublishedFile
from singerid.system.torch_files import read_torch_file
from singerid.system.torchaudio_stub import import_without_torchaudio
from singerid.system.weights import Published, fetch_files

TARGETS = ("vocals", "drums", "bass", "other")


@dataclass(frozen=True)
class Release:
    """Published weights.

    Attributes:
        address: the URL of the folder that holds the files.
        digests: by target, the first digits of the SHA-256 of its file.
        licence: licence of the weights, or where it is stated.
        notice: notice for users of the weights; "" if there is none.
    """

    address: str
    digests: Mapping[str, str]
    licence: str
    notice: str = ""

    @property
    def remedy(self) -> str:
        """How to use the weights without a download by singerid."""
        names = ", ".join(self.file_name(target) for target in TARGETS)
        return (
            f"put {names} of {self.address} into a folder and give it as `weights`, "
            "or use the separator repet"
        )

    def file_name(self, target: str) -> str:
        """Name of a target's file, as published."""
        return f"{target}-{self.digests[target]}.pth"


# The addresses and names are those of the package (openunmix/__init__.py, version 1.3.0).
RELEASES: Mapping[str, Release] = {
    "open-unmix": Release(
        "https://zenodo.org/records/3370489/files",
        {"vocals": "b62c91ce", "drums": "9619578f", "bass": "8d85a5bd", "other": "b52fbbf7"},
        licence="see zenodo.org/records/3370489",
    ),
    "umxl": Release(
        "https://zenodo.org/records/5069601/files",
        {"vocals": "bccbd9aa", "drums": "69e0ebd4", "bass": "2ca1ce51", "other": "c8c5b3e6"},
        licence="CC-BY-NC-SA-4.0",
        notice="the weights of umxl are for non-commercial use only; those of open-unmix are free",
    ),
}


@dataclass(frozen=True)
class Spectrograms:
    """Spectrogram settings, as in the package's separator.json; the defaults are the published ones."""

    sample_rate: int = 44_100  # Hz
    n_fft: int = 4096  # samples
    hop_length: int = 1024  # samples

    @property
    def bins(self) -> int:
        """Frequency bins of a frame."""
        return self.n_fft // 2 + 1


def published_targets(name: str, release: Release) -> tuple[Published, ...]:
    """The published files of a release, one per target, in the order of TARGETS, each fetched by itself."""
    found = []
    for target in TARGETS:
        file = PublishedFile(release.file_name(target), release.digests[target])
        source = Addresses({file.name: f"{release.address}/{file.name}"})
        found.append(Published(name, (file,), (source,), release.licence, release.remedy))
    return tuple(found)


def fetch_release(name: str, release: Release) -> tuple[Path, ...]:
    """The published files, in the order of TARGETS; those that are not in the cache are downloaded."""
    return tuple(path for target in published_targets(name, release) for path in fetch_files(target))


def find_weights(folder: Path, release: Release) -> tuple[Path, ...]:
    """The files of weights in a folder, in the order of TARGETS, checked by the digits in their names."""
    try:
        names = sorted(file.name for file in folder.iterdir())
    except OSError as error:
        raise SingeridError(
            f"{folder}: cannot be listed ({error.strerror or error}); {release.remedy}"
        ) from error
    found = []
    for target in TARGETS:
        matches = [
            match for name in names if (match := re.fullmatch(rf"{target}(?:-([0-9a-f]{{8,}}))?\.pth", name))
        ]
        if len(matches) != 1:
            what = f"several files of weights for {target}" if matches else f"no weights {target}.pth"
            raise SingeridError(f"{folder}: holds {what}; {release.remedy}")
        found.append(check_file(folder / matches[0][0], matches[0][1] or "", release.remedy))
    return tuple(found)


def read_spectrograms(folder: Path) -> Spectrograms:
    """The settings in a folder of weights; the published ones if there is no separator.json."""
    file = folder / "separator.json"
    if not file.exists():
        return Spectrograms()
    remedy = "copy it again, or remove it if the weights are published ones"
    settings = read_json(file, remedy)
    try:
        if settings["nb_channels"] != 2:
            raise ValueError("nb_channels is not 2")
        found = Spectrograms(*(int(settings[key]) for key in ("sample_rate", "nfft", "nhop")))
        if min(found.sample_rate, found.hop_length, found.n_fft - 2 * found.hop_length + 1) < 1:
            raise ValueError("sample_rate, nfft and nhop do not go together")
    except (KeyError, TypeError, ValueError) as error:
        raise SingeridError(
            f"{file}: holds no settings of a stereo Open-Unmix ({error}); {remedy}"
        ) from error
    return found


def load_open_unmix(files: tuple[Path, ...], spectrograms: Spectrograms) -> nn.Module:
    """The package's separator with the weights of all targets, on the CPU.

    Raises:
        SingeridError: the package is not installed, or a file holds no weights of a stereo Open-Unmix
            for such spectrograms.
    """
    model = import_without_torchaudio("openunmix.model", extra="vocals")
    targets = {
        target: _load_target(model.OpenUnmix, file, spectrograms.bins)
        for target, file in zip(TARGETS, files, strict=True)
    }
    separator: nn.Module = model.Separator(
        targets,
        niter=1,
        sample_rate=float(spectrograms.sample_rate),
        n_fft=spectrograms.n_fft,
        n_hop=spectrograms.hop_length,
        nb_channels=2,
    )
    return separator.eval().requires_grad_(False)


def _load_target(network_class: Any, file: Path, bins: int) -> nn.Module:
    """The network of a target, in the size of its weights."""

    def refuse(reason: str) -> NoReturn:
        raise SingeridError(
            f"{file}: holds no weights of a stereo Open-Unmix with {bins} bins ({reason}); "
            "give the files of open-unmix or umxl, or add the separator.json that belongs to this file"
        )

    state = read_torch_file(file)
    if not isinstance(state, dict):
        refuse("no state dict")
    shapes = {key: tuple(value.shape) for key, value in state.items() if isinstance(value, Tensor)}
    match shapes.get("fc1.weight"), shapes.get("input_mean"):
        case (int(hidden), int()), (int(seen),) if hidden > 1 and 0 < seen <= bins:
            network: nn.Module = network_class(nb_bins=bins, nb_channels=2, hidden_size=hidden, max_bin=seen)
        case _:
            refuse("no matrix fc1.weight, or no vector input_mean")
    for key, parameter in network.state_dict().items():
        if shapes.get(key) != parameter.shape:
            has = shape_text(shapes[key]) if key in shapes else "missing"
            refuse(f"{key} is {has}, not {shape_text(parameter.shape)}")
    # Published files hold entries of older versions of the class, too.
    network.load_state_dict(state, strict=False)
    return network
