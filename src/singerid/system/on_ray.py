"""Work on many items, spread over a Ray cluster by Ray Data: loads of items, and workers that stay.

A worker is an actor that opens what it needs once. Ray replaces one that dies, and gives its load to another;
an item at which workers died again and again is given up alone. What a load gives back must be small; what it
leaves behind (a file) must be the same when the load is done twice.
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

# Of workers at one item, until it is given up: one or two may have been killed for something else.
_DEATHS = 3
_LOADS_A_WORKER = 16  # so that none works alone for long at the end
_LEAST, _MOST = 30.0, 3600.0  # of weight in a load: seconds of sound
_MOST_RETURNED = 600.0  # where nothing is kept before a load comes back
_MOST_ITEMS = 500


class Work(Protocol[T_contra, R, S_co]):
    """What a worker does, with what it has opened for it."""

    def __call__(self, item: T_contra, /) -> R:
        """Do one item; a SingeridError ends all of the work."""

    def end(self, done: Sequence[tuple[T_contra, R | WorkerDied]], /) -> S_co:
        """What a load that is done gives back."""


def packed(items: Sequence[T], weights: Sequence[float], workers: int, most: float = _MOST) -> list[list[T]]:
    """Items in loads of about the same weight, the heaviest items first.

    Args:
        items: what to pack.
        weights: of each: seconds of sound, or what goes with them.
        workers: how many will share the loads.
        most: weight that no load goes on beyond: so much is lost with a worker.
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
    """Yield what each load gives back, as they are ready.

    Args:
        ray: the package, connected to a cluster.
        open_work: called once in each worker; it can be pickled.
        loads: items, which can be pickled.
        spread: over how many workers, and what each of them has.

    Raises:
        SingeridError: from a worker, which is named; loads that are done stay done.
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
            f"--ray {spread.address}: the cluster failed ({one_line(error)}); run the command again to go on"
        ) from error


def each_on_ray(
    ray: Any,
    open_work: Callable[[], Callable[[T], R]],
    items: Sequence[T],
    weights: Sequence[float],
    spread: Spread,
) -> Iterator[tuple[T, R | WorkerDied]]:
    """Yield each item with what is made of it, in the order in which they are ready.

    Args:
        ray: the package, connected to a cluster.
        open_work: called once in each worker, gives what is called for each item; it can be pickled.
        items: what to work on; they and what is made of them can be pickled.
        weights: of each, see `packed`.
        spread: over how many workers, and what each of them has.

    Raises:
        SingeridError: from a worker, which is named.
    """
    if items:
        loads = packed(items, weights, room_for(ray, spread), _MOST_RETURNED)
        for done in each_load(ray, _Opening(open_work), loads, spread):
            yield from done


class _Opening(Generic[T, R]):
    """Opens work of which all that is made comes back."""

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
    """What goes to a worker at once: items, each with the key by which it is counted."""

    def __init__(self, items: list[tuple[str, T]]) -> None:
        self.items = items


class _Made(Generic[S]):
    """What comes back."""

    def __init__(self, content: S) -> None:
        self.content = content


class _Stopped:
    """Comes back in place of what a load gives: all of the work ends."""

    def __init__(self, message: str) -> None:
        self.message = message


class _Ledger:
    """An actor that counts how often each item was begun and not ended."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}

    def begin(self, key: str) -> int:
        """How often its workers died before."""
        self._begun[key] = self._begun.get(key, 0) + 1
        return self._begun[key] - 1

    def end(self, key: str) -> None:
        self._begun.pop(key, None)


class _Worker(Generic[T, R, S]):
    """An actor of Ray Data."""

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
        except Exception as error:  # of whatever kind: it would be told in a page of Ray's own
            return _Stopped(f"{where}: unexpected {type(error).__name__}: {one_line(error)}")
