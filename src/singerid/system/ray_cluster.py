"""Connecting to a Ray cluster, and checking its machines before they are given work."""

import logging
import os
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from singerid.errors import SingeridError
from singerid.plugins import LOADED
from singerid.system.file_names import absolute
from singerid.system.processors import usable_processors
from singerid.text import counted, one_line, printable
from singerid.version import __version__

LOCAL = "local"
_OBJECT_STORE_BYTES = 256 * 2**20  # for a cluster on this machine; small, as tasks exchange little data
_CONNECT_SECONDS = 10  # time that a machine has to accept a connection
_LOOK_SECONDS = 120  # time for a worker's first answer: it has to start and to import singerid


def import_ray() -> Any:
    """The package ray; raises SingeridError if it is not installed."""
    try:
        import ray
    except ImportError as error:
        raise SingeridError(
            "`ray` needs Ray, which is not installed: pip install 'singerid[scale]'"
        ) from error
    return ray


def quiet_data() -> None:
    """Silence the output of Ray Data; raises SingeridError if it is not fully installed."""
    try:
        from ray.data import DataContext
    except ImportError as error:
        raise SingeridError(
            "`ray` needs Ray Data, which is not fully installed: pip install 'singerid[scale]'"
        ) from error
    for name in ("ray", "ray.data"):  # the import has set their levels
        logging.getLogger(name).setLevel(logging.ERROR)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False


@contextmanager
def cluster(address: str) -> Iterator[Any]:
    """Connect this process to a Ray cluster inside this context; yields the package ray.

    A cluster that is started for this context ("local") ends with it. If the process was connected to a
    cluster before, it stays connected.

    Args:
        address: "local" starts a cluster on this machine, "auto" finds one that is already running here,
            "HOST:PORT" and "ray://HOST:PORT" are clusters elsewhere.

    Raises:
        SingeridError: Ray is not installed, or there is no cluster at the address.
    """
    ray = import_ray()
    connected = connect(ray, address)
    try:
        yield ray
    finally:
        if connected:
            ray.shutdown()


def connect(ray: Any, address: str) -> bool:
    """Connect this process to a cluster unless it is connected already; returns whether it connected now."""
    if ray.is_initialized():
        return False
    _hush()
    own: dict[str, Any] = {}
    if address == LOCAL:
        own = {"object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False}
        own["num_cpus"] = usable_processors()
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # we report errors ourselves, in one line
    try:
        _require_answer(address)
        with _silent_stderr():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        text = one_line(error)
        if "ersion mismatch" in text:
            raise SingeridError(
                f"`ray={address!r}`: the cluster runs another version of Ray or Python than this machine "
                f"({text}); install the same on all machines"
            ) from error
        raise SingeridError(
            f"`ray={address!r}`: no Ray cluster answers there ({text}); start one (ray start --head), set "
            f"RAY_AUTH_MODE=token if it has a token, or use `ray={LOCAL!r}`"
        ) from error
    return True


def _hush() -> None:
    """Stop Ray's messages about dead workers: they go to standard output, where our answers go."""
    from ray._private import worker

    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda *_, **__: None


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Inside this context, drop everything that libraries write directly to standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nothing)
        os.close(kept)


def _require_answer(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT; Ray itself would keep trying for minutes."""
    found = re.fullmatch(r"(?:ray://)?(.+):(\d+)", address)
    if found:
        socket.create_connection((found[1], int(found[2])), timeout=_CONNECT_SECONDS).close()


@dataclass(frozen=True)
class Spread:
    """How work is spread over a cluster.

    Attributes:
        address: address of the cluster, see `cluster`; not "ray://...", because Ray Data (2.60) fails there.
        workers: largest number of workers at a time; None: as many as the cluster has room for.
        threads: CPU threads, and CPUs, per worker.
        gpus: GPUs per worker; a fraction if several workers share a GPU.
    """

    address: str = LOCAL
    workers: int | None = None
    threads: int = 1
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.address.startswith("ray://"):
            raise SingeridError(
                f"`ray={self.address!r}`: Ray Data does not run through Ray's client; run the command on a "
                "machine of the cluster (ray start --address=HOST:PORT adds this one), with `ray='HOST:PORT'`"
            )
        if self.gpus < 0 or (self.gpus > 1 and self.gpus != int(self.gpus)):
            raise SingeridError(
                f"`gpus_per_worker`: give a whole number, or a fraction below 1, not {self.gpus}"
            )


def room_for(ray: Any, spread: Spread) -> int:
    """How many workers the cluster has room for, at most `spread.workers`.

    Raises:
        SingeridError: no machine has the resources for one worker, so that Ray would wait for ever.
    """
    machines = [one for one in ray.nodes() if one["Alive"]]
    names = ", ".join(sorted({one["NodeManagerHostname"] for one in machines}))
    slots = 0
    for machine in machines:
        has = machine["Resources"]
        by_cpu = int(has.get("CPU", 0)) // spread.threads
        slots += min(by_cpu, int(has.get("GPU", 0) / spread.gpus + 1e-9)) if spread.gpus else by_cpu
    if not slots and spread.gpus and not any(one["Resources"].get("GPU") for one in machines):
        raise SingeridError(
            f"`gpus_per_worker={spread.gpus:g}`: no machine of the cluster has a GPU ({names}); leave it out"
        )
    if not slots:
        gpus = f" and {spread.gpus:g} of a GPU" if spread.gpus else ""
        raise SingeridError(
            f"no machine of the cluster ({names}) has {counted(spread.threads, 'CPU')}{gpus} for a worker; "
            "ask for less with `threads` and `gpus_per_worker`"
        )
    return min(slots, spread.workers or slots)


def require_machines(ray: Any, seen: Sequence[Path | str] = (), written: Sequence[str] = ()) -> None:
    """Check every machine of a cluster before it is given work.

    Args:
        ray: the package, connected to the cluster.
        seen: paths that must exist on every machine, in addition to the plugins.
        written: folders, and addresses of object stores, that every machine must be able to write to.

    Raises:
        SingeridError: a machine lacks something, has another version, or does not answer; the message names
            the machine.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    look = ray.remote(_look)
    wanted = [str(absolute(path)) for path in (*seen, *LOADED)]
    asked = {}
    for machine in ray.nodes():
        if machine["Alive"]:
            there = NodeAffinitySchedulingStrategy(machine["NodeID"], soft=False)
            placed = look.options(num_cpus=0, max_retries=1, scheduling_strategy=there)
            reply = placed.remote(versions(), wanted, list(written))
            asked[reply] = machine["NodeManagerHostname"]
    for reply, name in asked.items():
        try:
            problem = ray.get(reply, timeout=_LOOK_SECONDS)
        except ray.exceptions.GetTimeoutError:
            problem = f"has not answered for {_LOOK_SECONDS} s; repair it, or remove it from the cluster"
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            problem = f"cannot run singerid ({one_line(cause)}); install it there, the same version as here"
        if problem:
            raise SingeridError(f"{name}: {problem}")


def versions() -> dict[str, str]:
    """The versions that must be the same on all machines."""
    from importlib.metadata import version

    # Torch's version without the suffix of its build: +cpu, +cu130.
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"singerid": __version__, "Python": python, "torch": version("torch").partition("+")[0]}


def _look(expected: dict[str, str], seen: list[str], written: list[str]) -> str:
    """Run in a worker: what its machine lacks; "" if nothing."""
    from singerid.system.places import Place

    for name, has in versions().items():
        if has != expected[name]:
            return f"has {name} {has}, not {expected[name]}; install the same version on all machines"
    for path in seen:
        if not Path(path).exists():
            return f"cannot see {printable(path)}; put it where all machines see it under the same path"
    for address in written:
        try:
            Place(address).require_writable()
        except SingeridError as error:
            return str(error)
    return ""
