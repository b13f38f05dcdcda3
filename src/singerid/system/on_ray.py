"""Work on many items, spread over a Ray cluster by Ray Data.

The items are packed into loads. A worker is an actor that loads its networks once and then works on one load
after another. Ray replaces a worker that dies and gives its load to another worker. If workers die at the
same item again and again, only this item is given up. The result of a load must be small; files that a load
writes must be the same when the load is done twice.
"""

import platform
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from singerid.errors import SingeridError
from singerid.plugins import LOADED, load_plugin
from singerid.system.processes import WorkerDied
from singerid.system.ray_cluster import Spread, quiet_data, room_for
from singerid.text import one_line, printable

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
R = TypeVar("R")
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)

# Deaths of workers at one item before it is given up: one or two may have had another cause.
_DEATHS = 3
_LOADS_A_WORKER = 16  # so many that at the end no worker has to finish alone for long
_LEAST, _MOST = 30.0, 3600.0  # weight of a load: seconds of sound
_MOST_RETURNED = 600.0  # most weight of a load whose results exist only once it has come back
_MOST_ITEMS = 500  # in a load


class Work(Protocol[T_contra, R, S_co]):
    """The work of a worker, with everything that it has opened for it."""

    def __call__(self, item: T_contra, /) -> R:
        """Work on one item and return its result; a SingeridError ends all of the work."""

    def end(self, done: Sequence[tuple[T_contra, R | WorkerDied]], /) -> S_co:
        """Finish a load and return its result, given its items and their results."""


def packed(items: Sequence[T], weights: Sequence[float], workers: int, most: float = _MOST) -> list[list[T]]:
    """Items packed into loads of about equal weight, the heaviest items first.

    Args:
        items: what to pack.
        weights: weight of each item: seconds of sound, or a number proportional to it.
        workers: number of workers that share the loads.
        most: a load that has reached this weight is closed; so much work is lost when a worker dies.
    """
    wanted = min(max(sum(weights) / (workers * _LOADS_A_WORKER), _LEAST), most)
    loads: list[list[T]] = []
    weight = wanted
    for at in sorted(range(len(items)), key=lambda at: (-weights[at], at)):
        if weight >= wanted or len(loads[-1]) >= _MOST_ITEMS:
            loads.append([])
            weight = 0.0
        loads[-1].append(items[at])
        weight += weights[at]
    return loads


def each_load(
    ray: Any, open_work: Callable[[], Work[T, R, S]], loads: Sequence[Sequence[T]], spread: Spread
) -> Iterator[S]:
    """Yield the result of each load, in the order in which the loads are done.

    Args:
        ray: the package, connected to a cluster.
        open_work: called once in each worker, returns its work; can be pickled.
        loads: lists of items that can be pickled.
        spread: number of workers, and the resources of each.

    Raises:
        SingeridError: raised in a worker; the message names its machine. Finished loads keep their effects.
    """
    if not loads:
        return
    quiet_data()
    from ray.data import ActorPoolStrategy

    size = min(room_for(ray, spread), len(loads))
    ledger = ray.remote(_Ledger).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
    name = secrets.token_hex(4)
    rows = [
        {"load": _Load([(f"{name}/{number}/{at}", item) for at, item in enumerate(load)])}
        for number, load in enumerate(loads)
    ]
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Worker,
        fn_constructor_args=(open_work, ledger, spread.threads, tuple(LOADED)),
        batch_size=1,
        batch_format="numpy",
        compute=ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
        num_cpus=spread.threads,
        num_gpus=spread.gpus or None,
    )
    try:
        for row in done.iter_rows():
            made = row["made"].content
            if isinstance(made, _Stopped):
                raise SingeridError(made.message)
            yield made
    except ray.exceptions.RayError as error:
        raise SingeridError(
            f"`ray={spread.address!r}`: the cluster failed ({one_line(error)}); run the command again to "
            "go on"
        ) from error


def each_on_ray(
    ray: Any,
    open_work: Callable[[], Callable[[T], R]],
    items: Sequence[T],
    weights: Sequence[float],
    spread: Spread,
) -> Iterator[tuple[T, R | WorkerDied]]:
    """Yield each item with its result, in the order in which the loads are done.

    Args:
        ray: the package, connected to a cluster.
        open_work: called once in each worker, returns the function to call for each item; can be pickled.
        items: what to work on; items and results can be pickled.
        weights: weight of each item, see `packed`.
        spread: number of workers, and the resources of each.

    Raises:
        SingeridError: raised in a worker; the message names its machine.
    """
    if items:
        loads = packed(items, weights, room_for(ray, spread), _MOST_RETURNED)
        for done in each_load(ray, _Opening(open_work), loads, spread):
            yield from done


def in_parts(
    ray: Any, work: Callable[[list[T]], list[R]], items: Sequence[T], at_once: int
) -> Iterator[tuple[list[T], list[R] | None]]:
    """Yield parts of the items with the results of short work on them, in order; None if workers died of it.

    Args:
        ray: the package, connected to a cluster.
        work: called with a part; function, items and results can be pickled.
        items: what to work on.
        at_once: items in a part.
    """
    task = ray.remote(_called).options(num_cpus=0.5)  # Ray takes plain functions only
    parts = [list(items[first : first + at_once]) for first in range(0, len(items), at_once)]
    for part, reply in [(part, task.remote(work, part)) for part in parts]:
        try:
            yield part, ray.get(reply)
        except ray.exceptions.RayError:
            yield part, None


def _called(work: Callable[[list[T]], list[R]], part: list[T]) -> list[R]:
    return work(part)


class _Opening(Generic[T, R]):
    """Opens work that returns the results of all items of a load."""

    def __init__(self, open_work: Callable[[], Callable[[T], R]]) -> None:
        self._open = open_work

    def __call__(self) -> "_Returning[T, R]":
        return _Returning(self._open())


class _Returning(Generic[T, R]):
    def __init__(self, work: Callable[[T], R]) -> None:
        self._work = work

    def __call__(self, item: T) -> R:
        return self._work(item)

    def end(self, done: Sequence[tuple[T, R | WorkerDied]]) -> list[tuple[T, R | WorkerDied]]:
        return list(done)


class _Load(Generic[T]):
    """The items that a worker gets at once, each with the key under which the ledger counts it."""

    def __init__(self, items: list[tuple[str, T]]) -> None:
        self.items = items


class _Made(Generic[S]):
    """Wraps the result of a load, so that Ray Data does not look into it."""

    def __init__(self, content: S) -> None:
        self.content = content


class _Stopped:
    """Returned in place of a load's result: all of the work ends with this message."""

    def __init__(self, message: str) -> None:
        self.message = message


class _Ledger:
    """An actor that counts how often the work on each item was begun but not finished."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}

    def begin(self, key: str) -> int:
        """Count a try, and return how often workers died at this item before."""
        self._begun[key] = self._begun.get(key, 0) + 1
        return self._begun[key] - 1

    def end(self, key: str) -> None:
        self._begun.pop(key, None)


class _Worker(Generic[T, R, S]):
    """The actor that Ray Data runs for each worker."""

    def __init__(
        self, open_work: Callable[[], Work[T, R, S]], ledger: Any, threads: int, plugins: tuple[Path, ...]
    ) -> None:
        import torch

        from singerid.system.allocator import one_heap

        one_heap()
        torch.set_num_threads(threads)
        self._open, self._ledger, self._plugins = open_work, ledger, plugins
        self._work: Work[T, R, S] | None = None

    def __call__(self, batch: Any) -> Any:
        made = np.empty(len(batch["load"]), object)
        made[:] = [_Made(self._done(load.items)) for load in batch["load"]]
        return {"made": made}

    def _done(self, load: list[tuple[str, T]]) -> S | _Stopped:
        import ray

        where = printable(platform.node())
        try:
            if self._work is None:
                for plugin in self._plugins:
                    load_plugin(plugin)
                self._work = self._open()
            done: list[tuple[T, R | WorkerDied]] = []
            for key, item in load:
                deaths = ray.get(self._ledger.begin.remote(key))
                done.append((item, WorkerDied() if deaths >= _DEATHS else self._work(item)))
                self._ledger.end.remote(key)
            return self._work.end(done)
        except SingeridError as error:
            return _Stopped(f"{where}: {error}")
        except Exception as error:  # of any kind: Ray would print a page of text about it
            return _Stopped(f"{where}: unexpected {type(error).__name__}: {one_line(error)}")
