"""What networks say of clips."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from singerid.data.clips import Batch, Clips
from singerid.nn.inference import run_clips

T = TypeVar("T")
BATCH_SIZE = 16  # clips; results do not depend on it


def run_model(model: Callable[..., T], batch: Batch) -> T:
    """What a model, or a method of it, gives for a batch; the melody goes along where the clips have one."""
    return model(batch.mel) if batch.melody is None else model(batch.mel, batch.melody)


@torch.inference_mode()
def predict_clips(
    model: Callable[..., Tensor], clips: Clips, device: torch.device, batch_size: int = BATCH_SIZE
) -> NDArray[np.float32]:
    """Probabilities (clips, singers) of all clips; the model is in evaluation mode and on the device."""
    run = partial(run_clips, model)
    parts = [run_model(run, batch).float().softmax(-1) for batch in clips.batches(batch_size, device)]
    probabilities: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return probabilities
