"""Weights of an Open-Unmix that is small and says nothing: made at once, and as those of a release."""

import json
from pathlib import Path

import torch

from singerid.sound.separation.open_unmix_weights import TARGETS
from singerid.system.files import file_hash
from singerid.system.torchaudio_stub import import_without_torchaudio

SMALL = {"sample_rate": 44_100, "nfft": 1024, "nhop": 512, "nb_channels": 2}
BINS = SMALL["nfft"] // 2 + 1


def packages_model():
    return import_without_torchaudio("openunmix.model", extra="vocals")


def small_network(seed, bins=BINS, seen=200):
    """An OpenUnmix of the package with random weights and statistics."""
    torch.manual_seed(seed)
    network = packages_model().OpenUnmix(nb_bins=bins, nb_channels=2, hidden_size=8, max_bin=seen)
    for name, value in network.state_dict().items():
        if "running_var" in name:
            value.uniform_(0.5, 2)
        elif name in ("input_scale", "output_mean", "output_scale"):
            value.uniform_(0.1, 1)
    return network.eval()


def write_weights(folder: Path, bins: int = BINS, settings: dict | None = SMALL) -> Path:
    """The files of a release: each target's weights, with digits of their SHA-256 in their names."""
    folder.mkdir(parents=True)
    for seed, target in enumerate(TARGETS):
        made = folder / "made"
        # Published files hold entries that the class does not have any more.
        torch.save({**small_network(seed, bins).state_dict(), "stft.window": torch.ones(4)}, made)
        made.rename(folder / f"{target}-{file_hash(made)[:8]}.pth")
    if settings:
        (folder / "separator.json").write_text(json.dumps(settings))
    return folder
