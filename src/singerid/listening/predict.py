"""What networks say of clips and windows, always in exact float32: the one place where they are asked."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from singerid.data.clips import Clips
from singerid.nn.inference import run_clips
from singerid.system.devices import gpu_arithmetic

BATCH_SIZE = 16  # clips; results do not depend on it


@torch.inference_mode()
@gpu_arithmetic()
def ask(function: Callable[..., Tensor], *inputs: Tensor, at_once: int = 1) -> Tensor:
    """What a network in evaluation mode, or a method of it, gives for clips or windows.

    Args:
        function: (B, ...) inputs -> (B, ...); rows do not depend on each other.
        *inputs: as the network reads them, `*batch.inputs`, on its device.
        at_once: clips or windows that a CPU is given at a time.
    """
    return run_clips(function, *inputs, at_once=at_once)


@torch.inference_mode()
def predict_clips(
    model: Callable[..., Tensor], clips: Clips, device: torch.device, batch_size: int = BATCH_SIZE
) -> NDArray[np.float32]:
    """Probabilities (clips, singers) of all clips; the model is in evaluation mode and on the device."""
    batches = clips.batches(batch_size, device)
    parts = [ask(model, *batch.inputs).float().softmax(-1) for batch in batches]
    probabilities: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return probabilities
