"""Reading other people's PyTorch files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from singerid.errors import SingeridError


def read_torch_file(path: Path | str) -> Any:
    """What a file of `torch.save` holds, read without running any code it may carry; tensors on the CPU.

    Raises:
        SingeridError: the file cannot be read, or holds more than tensors and plain containers.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SingeridError(f"{path}: cannot be read ({error.strerror}); give another file") from error
    except Exception as error:  # of a file of any other kind the reader raises whatever it stumbles on
        raise SingeridError(
            f"{path}: is no whole PyTorch file of weights alone; fetch it again, or give another file"
        ) from error


def read_state(path: Path | str, key: str | None = None) -> dict[str, Tensor]:
    """The tensors by name that a file of `torch.save` holds, or holds under a key; as `read_torch_file`."""
    state = read_torch_file(path)
    if key is not None:
        state = state.get(key) if isinstance(state, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise SingeridError(f"{path}: holds no state of a network; give another file")
    return dict(state)
