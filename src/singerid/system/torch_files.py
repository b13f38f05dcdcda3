"""Reading other people's PyTorch files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from singerid.errors import SingeridError


def read_torch_file(path: Path | str) -> Any:
    """The content of a file made by `torch.save`, with tensors on the CPU; code in the file is not run.

    Raises:
        SingeridError: the file cannot be read, or contains more than tensors and plain containers.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SingeridError(f"{path}: cannot be read ({error.strerror}); give another file") from error
    except Exception as error:  # on files of another kind, torch.load may raise any exception
        raise SingeridError(
            f"{path}: is not a complete PyTorch file of weights only; fetch it again, or give another file"
        ) from error


def read_state(path: Path | str, key: str | None = None) -> dict[str, Tensor]:
    """The tensors in a file made by `torch.save`, by name, or those under a key; see `read_torch_file`."""
    state = read_torch_file(path)
    if key is not None:
        state = state.get(key) if isinstance(state, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise SingeridError(f"{path}: does not contain the weights of a network; give another file")
    return dict(state)
