"""Run networks on clips and windows, always in exact float32: the only place where this is done."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from singerid.data.clips import Batch, Clips
from singerid.nn.inference import run_clips
from singerid.system.devices import gpu_arithmetic
from singerid.system.ranks import ALONE, Ranks

BATCH_SIZE = 16  # clips; results do not depend on it
PIECE_NUMBERS = 2**23  # probabilities that are kept on the device before they are copied to the host: 32 MB


@torch.inference_mode()
@gpu_arithmetic()
def ask(function: Callable[..., Tensor], *inputs: Tensor, at_once: int = 1) -> Tensor:
    """Output of a network in evaluation mode, or of one of its methods, for clips or windows.

    Args:
        function: (B, ...) inputs -> (B, ...); rows do not depend on each other.
        *inputs: as the network reads them, `*batch.inputs`, on its device.
        at_once: clips or windows that a CPU computes at a time.
    """
    return run_clips(function, *inputs, at_once=at_once)


def predictions(
    model: Callable[..., Tensor],
    clips: Clips,
    device: torch.device,
    batch_size: int = BATCH_SIZE,
    ranks: Ranks = ALONE,
) -> Iterator[tuple[Tensor, Batch]]:
    """Yield the probabilities (B, singers) of each batch, and the batch, both on the device.

    For many clips and many singers, all probabilities at once would not fit into memory.

    Args:
        model: in evaluation mode and on the device.
        clips: the clips, in order.
        device: where to compute.
        batch_size: B.
        ranks: the processes that share the clips.
    """
    for batch in clips.batches(batch_size * ranks.count, device, ranks=ranks):
        with torch.inference_mode():
            probabilities = ask(model, *batch.inputs).float().softmax(-1)
        yield probabilities, batch


def predict_pieces(
    model: Callable[..., Tensor], clips: Clips, device: torch.device, batch_size: int = BATCH_SIZE
) -> Iterator[NDArray[np.float32]]:
    """Yield the rows of `predict_clips` in pieces, in order.

    The host waits for a GPU once per piece, so few singers and clips make only one piece.
    """
    parts: list[Tensor] = []
    held = 0
    for probabilities, _ in predictions(model, clips, device, batch_size):
        parts.append(probabilities)
        held += probabilities.numel()
        if held >= PIECE_NUMBERS:
            yield torch.cat(parts).cpu().numpy()
            parts, held = [], 0
    if parts:
        yield torch.cat(parts).cpu().numpy()


def predict_clips(
    model: Callable[..., Tensor], clips: Clips, device: torch.device, batch_size: int = BATCH_SIZE
) -> NDArray[np.float32]:
    """Probabilities (clips, singers) of all clips; the model is in evaluation mode and on the device."""
    return np.concatenate(list(predict_pieces(model, clips, device, batch_size)))
