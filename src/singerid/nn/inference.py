"""Run a network on many clips: on a CPU clip by clip, so that maps stay in the cache, in parallel threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor


@torch.no_grad()
def run_clips(network: Callable[..., Tensor], *inputs: Tensor, at_once: int = 1) -> Tensor:
    """Output of a network in evaluation mode, or of one of its methods, for clips; without gradients.

    On a CPU the clips are shared out among threads that do not wait for each other. If the threads shared
    every operation on a clip, they would have to meet after each of them; on cores that other programs use,
    too, they would spend most of their time waiting. The result for a clip does not depend on the other
    clips, nor on the number of threads while there are no more threads than clips (with `at_once` above 1:
    except for rounding).

    Args:
        network: (B, ...) inputs -> (B, ...); rows do not depend on each other.
        *inputs: inputs of the clips, each (B, ...), on one device.
        at_once: clips that a CPU computes at a time: more than one if a clip's maps are small.

    Returns:
        (B, ...), on that device.
    """
    if inputs[0].device.type != "cpu" or len(inputs[0]) < 2:
        return network(*inputs)
    clips = [x.split(at_once) for x in inputs]
    return torch.cat(shared_out(network, *clips))


@torch.no_grad()
def shared_out(compute: Callable[..., Tensor], *parts: Sequence[Tensor]) -> list[Tensor]:
    """Apply `compute` to each part, in threads that do not wait for each other; without gradients.

    Args:
        compute: takes one element of each list and returns one result.
        *parts: lists of equal length.
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
        torch.set_num_threads(threads)  # or later threads would get the workers' number
