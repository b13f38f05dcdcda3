"""Reading other people's PyTorch files."""

from pathlib import Path
from typing import Any

import torch

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
