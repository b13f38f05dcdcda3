"""Work spread over several processes; when a process dies, only the item that it worked on is lost."""

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

from singerid.system.children import end_with_parent
from singerid.system.streams import guard_streams

T = TypeVar("T")
R = TypeVar("R")


class WorkerDied(Exception):
    """An item crashed the process that worked on it: an error in a decoder, or no memory left."""


def each_in_processes(
    work: Callable[[T], R], items: Sequence[T], workers: int
) -> Iterator[tuple[T, R | WorkerDied]]:
    """Yield each item with the result of `work`, in the order in which the results are ready.

    Args:
        work: a function that can be pickled; its exceptions are raised here. Each process receives it once,
            so data that it loads for its first item is there for the next ones.
        items: what to work on.
        workers: number of processes. With 1 the work runs in this process, and a crash ends it.
    """
    if workers <= 1 or len(items) == 0:
        for item in items:
            yield item, work(item)
        return
    waiting = deque(items)
    while waiting:
        running: dict[Future[R], T] = {}
        try:
            with _pool(work, min(workers, len(waiting))) as pool:
                while waiting or running:
                    while waiting and len(running) < 2 * workers:
                        future = pool.submit(_do, waiting[0])
                        running[future] = waiting.popleft()
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        yield running.pop(future), result
        except BrokenProcessPool:
            # One of these items killed its process, and with it the pool: each is tried in a pool of its own.
            for item in running.values():
                yield item, _alone(work, item)


def _alone(work: Callable[[T], R], item: T) -> R | WorkerDied:
    with _pool(work, 1) as pool:
        try:
            result: R = pool.submit(_do, item).result()
            return result
        except BrokenProcessPool:
            return WorkerDied()


@contextmanager
def _pool(work: Callable[[Any], Any], workers: int) -> Iterator[ProcessPoolExecutor]:
    """A process pool that starts no further work once the caller leaves the context, even by an error."""
    # "spawn", because a process that has used torch's threads cannot be forked safely.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_prepare_worker, initargs=(work,)
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


_work: Callable[[Any], Any]  # in a worker process: the function it runs


def _prepare_worker(work: Callable[[Any], Any]) -> None:
    global _work
    _work = work
    guard_streams()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends this process without a traceback
    threading.Thread(target=end_with_parent, daemon=True).start()


def _do(item: Any) -> Any:
    return _work(item)
