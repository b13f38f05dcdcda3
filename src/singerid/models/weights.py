"""Weights of singerid's models on disk: safetensors files that say how to build their model."""

import json
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import nn

from singerid.errors import SingeridError
from singerid.models.registry import build_model
from singerid.models.spec import model_spec
from singerid.system.files import atomic_write
from singerid.text import one_line

FORMAT = 1


def save_model(model: nn.Module, path: Path | str) -> None:
    """Write weights and spec of a model of `build_model` as one safetensors file, atomically."""
    header = json.dumps({"format": FORMAT, **asdict(model_spec(model))})
    tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in model.state_dict().items()}
    with atomic_write(Path(path)) as file:
        file.write(safetensors.torch.save(tensors, metadata={"singerid": header}))


def load_model_file(path: Path | str) -> nn.Module:
    """Read a model written by `save_model`, in evaluation mode on the CPU.

    Raises:
        SingeridError: the file is missing, truncated, of another kind or version, or its weights do not
            fit the network.
    """
    path = Path(path)
    remedy = "give a complete file that singerid wrote, or train again"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        tensors = safetensors.torch.load_file(path)
    except FileNotFoundError as error:
        raise SingeridError(f"{path}: does not exist; {remedy}") from error
    except (OSError, SafetensorError) as error:
        raise SingeridError(f"{path}: is not a complete safetensors file ({error}); {remedy}") from error
    try:
        header = json.loads(metadata["singerid"])
        found = header["format"]
    except (KeyError, TypeError, ValueError) as error:
        raise SingeridError(f"{path}: holds no singerid model; {remedy}") from error
    if found != FORMAT:
        raise SingeridError(f"{path}: has format {found}, this singerid reads {FORMAT}; update singerid")
    try:
        model = build_model(header["name"], header["singers"], **header["options"])
    except (KeyError, TypeError, ValueError) as error:
        raise SingeridError(f"{path}: its model cannot be built ({one_line(error)}); {remedy}") from error
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise SingeridError(
            f"{path}: weights do not fit {header['name']}: {one_line(error)}; {remedy}"
        ) from error
    return model.eval()
