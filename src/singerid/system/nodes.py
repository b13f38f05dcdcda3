"""Machines that compute together: which of them this one is, and how they exchange messages.

The first machine keeps a small key-value store (torch's `TCPStore`), which the others reach over the network.
Through it they meet, check that they were started with the same settings, send signs of life, and tell why
one of them ends.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

from torch import distributed

from singerid.errors import SingeridError
from singerid.text import one_line

JOIN_SECONDS = 300.0
"""How long machines wait for each other at the start."""
QUIET_SECONDS = 60.0
"""A machine without a sign of life for this long is considered lost."""
_BEAT_SECONDS = 1.0
_LEAVE_SECONDS = 5.0  # how long the first machine waits until the others have read why the work ends
_LOOK_SECONDS = 0.2
Store = Any  # a `torch.distributed.Store`, which not all builds of torch have
_LOST = RuntimeError  # base class of all errors of torch.distributed


@dataclass(frozen=True)
class Node:
    """One of the machines that compute together.

    Attributes:
        number: number of this machine; the first is 0.
        nodes: number of machines.
        address: host name or address of the first machine.
        port: port of the store on the first machine.
        kept: the program that started this one (torchrun) keeps the store already.
    """

    number: int = 0
    nodes: int = 1
    address: str = ""
    port: int = 0
    kept: bool = False

    @property
    def is_first(self) -> bool:
        """Whether this is the first machine, which keeps the results."""
        return self.number == 0


def this_node(nodes: int, environment: Mapping[str, str] = os.environ) -> Node:
    """Which of the machines this one is, read from MASTER_ADDR, MASTER_PORT and NODE_RANK, or from SLURM.

    Args:
        nodes: number of machines.
        environment: the environment variables; those of torchrun are understood too.

    Raises:
        SingeridError: the variables are missing or impossible.
    """
    if nodes < 1:
        raise SingeridError(f"`nodes` must be at least 1, not {nodes}")
    if nodes == 1:
        return Node()
    how = f"set MASTER_ADDR, MASTER_PORT and NODE_RANK (0 to {nodes - 1}) on each machine, or use srun"
    said = dict(environment)
    if "NODE_RANK" not in said and "GROUP_RANK" in said:
        said["NODE_RANK"] = said["GROUP_RANK"]
    if "NODE_RANK" not in said and "SLURM_NODEID" in said:
        said = _of_slurm(said)
    several = int(said.get("LOCAL_WORLD_SIZE") or 1) > 1 or int(said.get("SLURM_LOCALID") or 0) > 0
    if several:
        raise SingeridError(
            f"`nodes={nodes}`: several commands were started on one machine; start one on each (srun "
            "--ntasks-per-node=1, torchrun --nproc-per-node=1): `devices` is the number of processes on each"
        )
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if not said.get(name)]
    if missing:
        raise SingeridError(f"`nodes={nodes}`: {', '.join(missing)} is not set; {how}")
    number, port = (_number(said[name], name, how) for name in ("NODE_RANK", "MASTER_PORT"))
    if number >= nodes:
        raise SingeridError(f"`nodes={nodes}`: NODE_RANK={number} is too large; {how}")
    if not 0 < port < 2**16:
        raise SingeridError(f"`nodes={nodes}`: MASTER_PORT={port} is not a port; {how}")
    kept = said.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return Node(number, nodes, said["MASTER_ADDR"], port, kept)


def _of_slurm(said: Mapping[str, str]) -> dict[str, str]:
    """The same variables, taken from SLURM's: the job's first machine, and a port based on the job number."""
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

    names = (
        said.get("SLURM_STEP_NODELIST") or said.get("SLURM_NODELIST") or said.get("SLURM_JOB_NODELIST", "")
    )
    job = said.get("SLURM_JOB_ID", "0")
    found = {
        "NODE_RANK": said["SLURM_NODEID"],
        "MASTER_ADDR": SLURMEnvironment.resolve_root_node_address(names),
        "MASTER_PORT": str(15_000 + int(job) % 10_000 if job.isdecimal() else 15_000),
    }
    return found | dict(said)


def _number(text: str, name: str, how: str) -> int:
    if not text.isdecimal():
        raise SingeridError(f"{name}={text}: is not a number; {how}")
    return int(text)


@dataclass(frozen=True)
class Place:
    """Where processes find each other: a file on this machine, or the first machine's store."""

    file: str = ""
    address: str = ""
    port: int = 0

    def open(self) -> Store:
        """Open the store through which the processes exchange messages."""
        if self.file:
            return distributed.FileStore(self.file, -1)  # type: ignore[attr-defined]
        return _store_at(self.address, self.port, keeps=False)


def _store_at(address: str, port: int, keeps: bool) -> Store:
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        address, port, None, keeps, timedelta(seconds=QUIET_SECONDS), wait_for_workers=False
    )
    # After a failure torchrun starts the program again with the same store; the prefix keeps the tries apart.
    again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return distributed.PrefixStore(f"singerid/{again}", store)  # type: ignore[attr-defined]


class EndedElsewhereError(SingeridError):
    """Another machine has ended the work of all machines; the message says which one, and why."""


class Meeting:
    """This machine's connection to the others, see `meeting`; on a single machine it does nothing."""

    def __init__(self, node: Node, place: Place, store: Store | None) -> None:
        self.node, self.place = node, place
        self._store = store
        self._beats = 0
        self._next = 0.0
        self._heard: dict[int, tuple[bytes, float]] = {}  # last beat of each machine, and when it came

    def beat(self) -> None:
        """Send a sign of life to the other machines; call this again and again.

        Raises:
            EndedElsewhereError: another machine has ended the work, or is lost.
        """
        if self._store is None or monotonic() < self._next:
            return
        self._next = monotonic() + _BEAT_SECONDS
        if message := self.ended_elsewhere():
            raise EndedElsewhereError(message)
        self._beats += 1
        try:
            self._store.set(f"beat/{self.node.number}", str(self._beats))
            if self.node.is_first:
                self._listen(self._store)
        except _LOST as error:
            raise EndedElsewhereError(self._gone()) from error

    def _listen(self, store: Store) -> None:
        for number in range(1, self.node.nodes):
            beat = store.get(f"beat/{number}") if store.check([f"beat/{number}"]) else b""
            before, since = self._heard.get(number, (None, 0.0))
            if beat != before:
                self._heard[number] = beat, monotonic()
            elif monotonic() - since > QUIET_SECONDS:
                message = (
                    f"the machine with NODE_RANK {number} gave no sign of life for {QUIET_SECONDS:.0f} s"
                )
                store.set("ended", message)
                raise EndedElsewhereError(message)

    def ended_elsewhere(self) -> str:
        """Why another machine has ended the work; "" while it goes on."""
        if self._store is None:
            return ""
        try:
            return self._store.get("ended").decode() if self._store.check(["ended"]) else ""
        except _LOST:
            return self._gone()

    def _gone(self) -> str:
        return f"the first machine ({self.node.address}) no longer answers; look there for the reason"

    def end(self, message: str) -> None:
        """Tell the other machines why the work ends, and wait a short time until they have read it."""
        if self._store is None:
            return
        with suppress(_LOST):
            self._store.set("ended", message)
            self._store.add("left", 1)
        self._wait_until_left(_LEAVE_SECONDS)

    def leave(self) -> None:
        """Confirm that this machine has read why the work ends."""
        if self._store is not None:
            with suppress(_LOST):
                self._store.add("left", 1)

    def finish(self) -> None:
        """Report that this machine's work is done; the first machine waits until all have reported it."""
        if self._store is not None:
            with suppress(_LOST):
                self._store.add("left", 1)
            self._wait_until_left(QUIET_SECONDS)

    def _wait_until_left(self, seconds: float) -> None:
        """On the first machine, wait for the others: it keeps the store, so it has to leave last."""
        assert self._store is not None
        until = monotonic() + seconds
        with suppress(_LOST):
            while self.node.is_first and monotonic() < until and self._store.add("left", 0) < self.node.nodes:
                sleep(_LOOK_SECONDS)


@contextmanager
def meeting(node: Node, said: Mapping[str, str], seconds: float = JOIN_SECONDS) -> Iterator[Meeting]:
    """Meet the other machines, then work inside this context. An error on one machine is sent to all.

    Args:
        node: which machine this is.
        said: settings that must be equal on all machines, by the name that an error calls them.
        seconds: how long the machines wait for each other.

    Raises:
        SingeridError: not all machines come, or their settings differ.
    """
    with TemporaryDirectory(prefix="singerid-") as folder:
        if node.nodes == 1:
            yield Meeting(node, Place(file=str(Path(folder) / "store")), None)
            return
        store = _joined(node, dict(said), seconds)
        met = Meeting(node, Place(address=node.address, port=node.port), store)
        try:
            yield met
        except EndedElsewhereError:
            met.leave()
            raise
        except BaseException as error:
            why = str(error) if isinstance(error, SingeridError) else "interrupted"
            met.end(f"ended on {socket.gethostname()}: {why}")
            raise
        met.finish()


def _joined(node: Node, said: dict[str, str], seconds: float) -> Store:
    """The first machine's store, after all machines have come and their settings were found equal."""
    until = monotonic() + seconds
    at = f"{node.address}:{node.port}"
    try:
        store = _store_of(node, at, seconds, until)
        own = {"host": socket.gethostname(), **said}
        if store.add(f"taken/{node.number}", 1) > 1:
            raise SingeridError(
                f"NODE_RANK={node.number}: another machine at {at} has the same; give each its own"
            )
        store.set(f"node/{node.number}", json.dumps(own))
        if node.is_first:
            verdict = _verdict(store, node, own, at, seconds, until)
            store.set("verdict", verdict)
            if verdict:
                Meeting(node, Place(), store).end(verdict)
                raise SingeridError(verdict)
        else:
            if not _wait(store, "verdict", until + _LEAVE_SECONDS):
                raise SingeridError(
                    f"`nodes={node.nodes}`: not all machines came to {at} within {seconds:.0f} s; start the "
                    f"same command on all, with NODE_RANK 0 to {node.nodes - 1}"
                )
            if verdict := store.get("verdict").decode():
                store.add("left", 1)
                raise SingeridError(verdict)
    except _LOST as error:
        raise SingeridError(f"{at}: the machines cannot meet there ({one_line(error)})") from error
    return store


def _store_of(node: Node, at: str, seconds: float, until: float) -> Store:
    """Open the store as soon as it can be reached; tried here first, as torch prints each failed try."""
    keeps = node.is_first and not node.kept
    if keeps:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", node.port))
            except OSError as error:
                raise SingeridError(
                    f"MASTER_PORT={node.port}: cannot be opened on this machine ({error.strerror}); "
                    "choose another port, the same for all machines"
                ) from error
    while not keeps:
        try:
            socket.create_connection((node.address, node.port), timeout=max(1, until - monotonic())).close()
            break
        except OSError as error:
            if monotonic() > until:
                raise SingeridError(
                    f"{at}: the first machine did not answer within {seconds:.0f} s "
                    f"({error.strerror or error}); start the same command there with NODE_RANK=0, and make "
                    "sure that the port can be reached"
                ) from error
            sleep(_LOOK_SECONDS)
    return _store_at(node.address, node.port, keeps)


def _verdict(store: Store, node: Node, own: dict[str, str], at: str, seconds: float, until: float) -> str:
    """Why the machines cannot work together; "" if they can."""
    for number in range(1, node.nodes):
        if not _wait(store, f"node/{number}", until):
            missing = [n for n in range(1, node.nodes) if not store.check([f"node/{n}"])]
            return (
                f"`nodes={node.nodes}`: {node.nodes - len(missing)} came to {at} within {seconds:.0f} s; "
                f"start the same command with NODE_RANK={', '.join(map(str, missing))} too, and make sure "
                "that the port can be reached"
            )
        other = json.loads(store.get(f"node/{number}"))
        for name, value in own.items():
            if name != "host" and other.get(name) != value:
                return (
                    f"{other['host']} (NODE_RANK {number}) has {name} {other.get(name)}, {own['host']} has "
                    f"{value}; all machines must have the same"
                )
    return ""


def _wait(store: Store, key: str, until: float) -> bool:
    while not store.check([key]):
        if monotonic() > until:
            return False
        sleep(_LOOK_SECONDS)
    return True
