"""A network on many clips: on a CPU one by one, whose maps stay in the cache, in threads of their own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor


@torch.no_grad()
def run_clips(network: Callable[..., Tensor], *inputs: Tensor, at_once: int = 1) -> Tensor:
    """What a network in evaluation mode, or a method of it, gives for clips; without gradients.

    On a CPU the clips are shared out among threads that wait for nobody. Were the threads to share every
    operation on a clip, they would meet after each of them, and on cores that others use too most of their
    time would go into waiting. What is given for a clip does not depend on its neighbours, nor, while there
    are no more threads than clips, on the number of threads (of several at once: but for rounding).

    Args:
        network: (B, ...) inputs -> (B, ...); rows do not depend on each other.
        *inputs: of the clips, each (B, ...), on one device.
        at_once: clips that a CPU is given at a time: more than one where a clip's maps are small.

    Returns:
        (B, ...), on that device.
    """
    if inputs[0].device.type != "cpu" or len(inputs[0]) < 2:
        return network(*inputs)
    clips = [x.split(at_once) for x in inputs]
    return torch.cat(shared_out(network, *clips))


@torch.no_grad()
def shared_out(compute: Callable[..., Tensor], *parts: Sequence[Tensor]) -> list[Tensor]:
    """What is computed of each part, in threads that wait for nobody; without gradients.

    Args:
        compute: of one of each, one result.
        *parts: lists of one length.
    """
    threads = torch.get_num_threads()
    workers = min(threads, len(parts[0]))
    if workers == 1:
        return [compute(*part) for part in zip(*parts, strict=True)]

    @torch.no_grad()  # threads do not inherit it
    def run(*part: Tensor) -> Tensor:
        return compute(*part)

    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads // workers,))
    try:
        with pool:
            return list(pool.map(run, *parts))
    finally:
        torch.set_num_threads(threads)  # theirs would be that of threads to come
