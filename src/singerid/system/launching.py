"""Starting and watching processes that compute together: when one of them dies, all are ended.

Each process is started with "spawn", joins the group of `torch.distributed` and does its work. The process
that starts them does not compute. It receives their messages and notices at once when one of them dies; the
others would wait for it. Each of several machines has one such process, see `singerid.system.nodes`.
"""

import logging
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
"""Sends a message to the process that started this one; the message can be pickled."""
Work = Callable[[Any, Ranks, Tell], None]

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = (
    1.0,
    5.0,
)  # on one machine, on several: how long to wait for a better explanation than a lost connection
_GROUP_TIMEOUT = timedelta(hours=1)  # generous, because dead processes are noticed in another way

# Why a process failed, the best explanation first. "lost", a lost connection, only means that another process
# has ended.
_KINDS = ("ended", "failed", "broken", "lost")


@dataclass
class Member:
    """One of the processes, as seen by the process that started it."""

    number: int
    process: Any
    connection: Connection
    is_done: bool = False
    is_open: bool = True
    failure: tuple[str, str] | None = None  # kind and message


def in_ranks(
    work: Work, job: Any, devices: int, device: torch.device, met: Meeting, on_told: Callable[[Any], None]
) -> None:
    """Run work in one process per device, together with the processes of other machines.

    Args:
        work: called as `work(job, ranks, tell)` in each process; a function that can be imported by name.
        job: can be pickled.
        devices: number of processes on this machine.
        device: kind of device where they compute; its number is ignored.
        met: the meeting with the other machines.
        on_told: called here with each message from the processes of this machine.

    Raises:
        SingeridError: a process raised it, or a process was killed. All processes have been ended then.
    """
    node = met.node
    crew: list[Member] = []
    try:
        with _no_interrupt():
            for local in range(devices):
                ranks = Ranks(node.number * devices + local, devices, node.nodes)
                crew.append(_started(work, job, ranks, device.type, met.place))
        watch_crew(crew, met, on_told)
    finally:
        for member in crew:
            member.process.kill()
        for member in crew:
            member.process.join()
            member.connection.close()


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes started inside this context ignore Ctrl-C: only the process that starts them handles it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _started(work: Work, job: Any, ranks: Ranks, kind: str, place: Place) -> Member:
    # "spawn", because a process that has used torch's threads, or a GPU, cannot be forked safely.
    context = get_context("spawn")
    connection, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, job, ranks, kind, place, theirs), daemon=True)
    try:
        process.start()
    finally:
        theirs.close()
    return Member(ranks.number, process, connection)


def watch_crew(crew: Sequence[Member], met: Meeting, on_told: Callable[[Any], None]) -> None:
    """Receive the processes' messages until all are done or one has failed, which raises SingeridError."""
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
    go_on = "what was saved is kept; run the same command again to go on"
    if kind == "ended":
        return f"{which} was ended ({message}), so the others were ended too: {go_on}"
    if kind == "failed":
        return message
    if kind == "lost":
        return f"{which} lost the connection to the others ({message.partition(':')[0]}): {go_on}"
    return f"{which} failed: unexpected {message}; `debug=True` shows where"


def _hear(member: Member, on_told: Callable[[Any], None]) -> None:
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
    return f"{name}, perhaps because memory ran out" if name == "SIGKILL" else name


def _serve(work: Work, job: Any, ranks: Ranks, kind: str, place: Place, connection: Connection) -> None:
    guard_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the parent process ends this one
    threading.Thread(target=end_with_parent, daemon=True).start()
    if ranks.number:
        # Only the first process shows warnings.
        warnings.simplefilter("ignore")
        logging.getLogger("singerid").setLevel(logging.ERROR)
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
    # A normal exit would take the group apart, which waits for the other processes or prints errors.
    os._exit(0 if answer[0] == "done" else 1)


def _join(ranks: Ranks, kind: str, place: Place) -> None:
    local = ranks.number % ranks.devices
    # Fabric reads these: they tell it that the group exists already, so that it starts no processes.
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
    """Name of the loopback network interface; with it the host name need not be resolved."""
    with suppress(OSError, AttributeError):
        return next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)
    return None


def _is_lost(error: Exception) -> bool:
    """Whether the error means that another process is gone; gloo's errors have no class of their own."""
    return isinstance(error, distributed.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error)
    )
