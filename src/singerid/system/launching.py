"""Processes that compute together, started and watched: when one of them dies, all end.

Each is started anew ("spawn"), joins the group of `torch.distributed` and does its work. The process that
starts them computes nothing itself: it hears what they tell, and sees at once when one of them is gone, which
the others would wait for. On several machines each has such a process, see `singerid.system.nodes`.
"""

import os
import signal
import socket
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any

import torch
from torch import distributed

from singerid.errors import SingeridError
from singerid.system.children import end_with_parent
from singerid.system.nodes import EndedElsewhereError, Meeting, Place
from singerid.system.ranks import Ranks
from singerid.system.streams import guard_streams
from singerid.text import one_line

Tell = Callable[[Any], None]
"""Tells the process that started this one something; what it is told can be pickled."""
Work = Callable[[Any, Ranks, Tell], None]

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = (
    1.0,
    5.0,
)  # one machine, several: for which a better reason is waited for than a lost connection
_GROUP_TIMEOUT = timedelta(hours=1)  # whoever lives may take so long: who is gone is seen otherwise

# Why a process failed, the best reason first: a lost connection is what another one's end looks like.
_KINDS = ("ended", "failed", "broken", "lost")


@dataclass
class _Member:
    """One of the processes, seen by the one that started it."""

    number: int
    process: Any
    connection: Connection
    is_done: bool = False
    is_open: bool = True
    failure: tuple[str, str] | None = None  # kind and message


def in_ranks(
    work: Work, job: Any, devices: int, device: torch.device, met: Meeting, on_told: Callable[[Any], None]
) -> None:
    """Do work in as many processes as there are devices, together with those of other machines.

    Args:
        work: `work(job, ranks, tell)`, a function that is found by name, in each process.
        job: can be pickled.
        devices: processes on this machine.
        device: where they compute: its kind alone.
        met: the other machines.
        on_told: is called here with what the processes of this machine tell.

    Raises:
        SingeridError: what one of them raised, or that one of them was ended; all are ended then.
    """
    node = met.node
    crew: list[_Member] = []
    try:
        with _no_interrupt():
            for local in range(devices):
                ranks = Ranks(node.number * devices + local, devices, node.nodes)
                crew.append(_started(work, job, ranks, device.type, met.place))
        _watch(crew, met, on_told)
    finally:
        for member in crew:
            member.process.kill()
        for member in crew:
            member.process.join()
            member.connection.close()


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes that are started within never see Ctrl-C: whoever starts them does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _started(work: Work, job: Any, ranks: Ranks, kind: str, place: Place) -> _Member:
    # "spawn", for a process that has used torch's threads, or a GPU, cannot be forked safely.
    context = get_context("spawn")
    connection, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, job, ranks, kind, place, theirs), daemon=True)
    try:
        process.start()
    finally:
        theirs.close()
    return _Member(ranks.number, process, connection)


def _watch(crew: Sequence[_Member], met: Meeting, on_told: Callable[[Any], None]) -> None:
    """Hear what they tell until all are done, or one has failed."""
    until = float("inf")
    while not all(member.is_done for member in crew):
        met.beat()
        opened = {member.connection: member for member in crew if member.is_open}
        seconds = min(_LOOK_SECONDS, max(0.0, until - monotonic()))
        for ready in wait(list(opened), seconds):
            _hear(opened[ready], on_told)  # type: ignore[index]
        failures = sorted(
            (_KINDS.index(member.failure[0]), member.number, member.failure[1])
            for member in crew
            if member.failure is not None
        )
        if not failures:
            continue
        until = min(until, monotonic() + _GRACE_SECONDS[met.node.nodes > 1])
        kind, number, message = failures[0]
        if kind < _KINDS.index("broken") or monotonic() >= until or not any(m.is_open for m in crew):
            elsewhere = _reason_elsewhere(met, until) if _KINDS[kind] == "lost" else ""
            if elsewhere:
                raise EndedElsewhereError(elsewhere)
            raise SingeridError(_said(_KINDS[kind], number, len(crew) * met.node.nodes, message))


def _reason_elsewhere(met: Meeting, until: float) -> str:
    while met.node.nodes > 1:
        if message := met.ended_elsewhere():
            return message
        if monotonic() >= until:
            break
        threading.Event().wait(0.1)
    return ""


def _said(kind: str, number: int, count: int, message: str) -> str:
    which = f"process {number + 1} of the {count} that work together"
    go_on = "what was kept stays; run the same command again to go on"
    if kind == "ended":
        return f"{which} was ended ({message}), and the others with it: {go_on}"
    if kind == "failed":
        return message
    if kind == "lost":
        return f"{which} lost the connection to the others ({message.partition(':')[0]}): {go_on}"
    return f"{which} failed: unexpected {message}; --debug shows where"


def _hear(member: _Member, on_told: Callable[[Any], None]) -> None:
    try:
        kind, value = member.connection.recv()
    except (EOFError, OSError):
        member.is_open = False
        if not member.is_done and member.failure is None:
            member.process.join(_LOOK_SECONDS)
            member.failure = "ended", _end_of(member.process.exitcode)
        return
    if kind == "told":
        on_told(value)
    elif kind == "done":
        member.is_done = True
    else:
        member.failure = kind, value


def _end_of(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}, as when memory runs out" if name == "SIGKILL" else name


def _serve(work: Work, job: Any, ranks: Ranks, kind: str, place: Place, connection: Connection) -> None:
    guard_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    threading.Thread(target=end_with_parent, daemon=True).start()
    if ranks.number:
        warnings.simplefilter("ignore")  # the first process warns for all
    try:
        _join(ranks, kind, place)
        work(job, ranks, lambda value: connection.send(("told", value)))
        answer = "done", ""
    except SingeridError as error:
        answer = "failed", str(error)
    except Exception as error:
        if os.environ.get("SINGERID_DEBUG"):
            traceback.print_exc()
        answer = "lost" if _is_lost(error) else "broken", f"{type(error).__name__}: {one_line(error)}"
    with suppress(OSError):
        connection.send(answer)
    # What is left of the group would wait for the others, or complain.
    os._exit(0 if answer[0] == "done" else 1)


def _join(ranks: Ranks, kind: str, place: Place) -> None:
    local = ranks.number % ranks.devices
    # What Fabric reads: it is in the group already, and starts nothing.
    os.environ |= {"LOCAL_RANK": str(local), "NODE_RANK": str(ranks.number // ranks.devices)}
    own: dict[str, Any] = {}
    backend = "gloo"
    if kind == "cuda":
        own["device_id"] = torch.device("cuda", local)
        backend = "nccl" if distributed.is_nccl_available() else "gloo"
    elif ranks.nodes == 1 and (loopback := _loopback()):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    distributed.init_process_group(
        backend,
        store=distributed.PrefixStore("group", place.open()),  # type: ignore[attr-defined]
        rank=ranks.number,
        world_size=ranks.count,
        timeout=_GROUP_TIMEOUT,
        **own,
    )


def _loopback() -> str | None:
    """The network of this machine with itself: a host name that cannot be looked up does no harm then."""
    with suppress(OSError, AttributeError):
        return next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)
    return None


def _is_lost(error: Exception) -> bool:
    """Whether another process is gone: gloo's errors have no class of their own."""
    return isinstance(error, distributed.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error)
    )
