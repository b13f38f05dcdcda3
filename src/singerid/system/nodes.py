"""Machines that compute together: which of them this one is, and how they know of each other.

The first one keeps a store of a few words (torch's `TCPStore`), which the others reach over the network.
There they meet, agree on what is to be done, tell that they live, and why one of them ends.
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
"""For how long machines wait for each other at the start."""
QUIET_SECONDS = 60.0
"""A machine that gives no sign of life for so long is lost."""
_BEAT_SECONDS = 1.0
_LEAVE_SECONDS = 5.0  # for which the first one waits until the others have read why it ends
_LOOK_SECONDS = 0.2
Store = Any  # a `torch.distributed.Store`, which not all builds of torch have
_LOST = RuntimeError  # of which all errors of torch.distributed are


@dataclass(frozen=True)
class Node:
    """One of the machines that compute together.

    Attributes:
        number: from 0, the first.
        nodes: how many they are.
        address: of the first.
        port: there.
        kept: the store is there already, kept by the program that started this one (torchrun).
    """

    number: int = 0
    nodes: int = 1
    address: str = ""
    port: int = 0
    kept: bool = False

    @property
    def is_first(self) -> bool:
        """Whether it is the machine that keeps what is made."""
        return self.number == 0


def this_node(nodes: int, environment: Mapping[str, str] = os.environ) -> Node:
    """Which of the machines this one is: said by MASTER_ADDR, MASTER_PORT and NODE_RANK, or by SLURM.

    Args:
        nodes: how many they are.
        environment: what there is; torchrun says the same in its own words.

    Raises:
        SingeridError: it is not said, or in a way that cannot be.
    """
    if nodes < 1:
        raise SingeridError(f"--nodes must be at least 1, not {nodes}")
    if nodes == 1:
        return Node()
    how = f"set MASTER_ADDR, MASTER_PORT and NODE_RANK (0 to {nodes - 1}) on each, or start it with srun"
    said = dict(environment)
    if "NODE_RANK" not in said and "GROUP_RANK" in said:
        said["NODE_RANK"] = said["GROUP_RANK"]
    if "NODE_RANK" not in said and "SLURM_NODEID" in said:
        said = _of_slurm(said)
    several = int(said.get("LOCAL_WORLD_SIZE") or 1) > 1 or int(said.get("SLURM_LOCALID") or 0) > 0
    if several:
        raise SingeridError(
            f"--nodes {nodes}: several commands were started on one machine; start one on each (srun "
            "--ntasks-per-node=1, torchrun --nproc-per-node=1): --devices says how many processes it has"
        )
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if not said.get(name)]
    if missing:
        raise SingeridError(f"--nodes {nodes}: {', '.join(missing)} is not set; {how}")
    number, port = (_number(said[name], name, how) for name in ("NODE_RANK", "MASTER_PORT"))
    if number >= nodes:
        raise SingeridError(f"--nodes {nodes}: NODE_RANK={number} is none of them; {how}")
    if not 0 < port < 2**16:
        raise SingeridError(f"--nodes {nodes}: MASTER_PORT={port} is no port; {how}")
    kept = said.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return Node(number, nodes, said["MASTER_ADDR"], port, kept)


def _of_slurm(said: Mapping[str, str]) -> dict[str, str]:
    """The same words out of those of SLURM: the first machine of the job, and a port made of its number."""
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
        raise SingeridError(f"{name}={text}: is no number; {how}")
    return int(text)


@dataclass(frozen=True)
class Place:
    """Where processes find each other: a file of this machine, or the store of the first."""

    file: str = ""
    address: str = ""
    port: int = 0

    def open(self) -> Store:
        """What they tell each other."""
        if self.file:
            return distributed.FileStore(self.file, -1)  # type: ignore[attr-defined]
        return _store_at(self.address, self.port, keeps=False)


def _store_at(address: str, port: int, keeps: bool) -> Store:
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        address, port, None, keeps, timedelta(seconds=QUIET_SECONDS), wait_for_workers=False
    )
    # torchrun, which starts a program again that failed, keeps the same store for it.
    again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return distributed.PrefixStore(f"singerid/{again}", store)  # type: ignore[attr-defined]


class EndedElsewhereError(SingeridError):
    """Another machine has ended the work of all; the message says which, and why."""


class Meeting:
    """What this machine knows of the others, see `meeting`; of one alone there is nothing to know."""

    def __init__(self, node: Node, place: Place, store: Store | None) -> None:
        self.node, self.place = node, place
        self._store = store
        self._beats = 0
        self._next = 0.0
        self._heard: dict[int, tuple[bytes, float]] = {}  # the last beat of each, and when it came

    def beat(self) -> None:
        """Tell the others that this machine lives; to be called again and again.

        Raises:
            EndedElsewhereError: one of them has ended, or is lost.
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
        return f"the first machine ({self.node.address}) does not answer any more; see there why"

    def end(self, message: str) -> None:
        """Tell the others why the work ends, and wait a little until they know."""
        if self._store is None:
            return
        with suppress(_LOST):
            self._store.set("ended", message)
            self._store.add("left", 1)
        self._wait_until_left(_LEAVE_SECONDS)

    def leave(self) -> None:
        """Say that it is known why the work ends."""
        if self._store is not None:
            with suppress(_LOST):
                self._store.add("left", 1)

    def finish(self) -> None:
        """Say that this machine's work is done; the first one waits until all have said so."""
        if self._store is not None:
            with suppress(_LOST):
                self._store.add("left", 1)
            self._wait_until_left(QUIET_SECONDS)

    def _wait_until_left(self, seconds: float) -> None:
        """The first one keeps the store: it goes last."""
        assert self._store is not None
        until = monotonic() + seconds
        with suppress(_LOST):
            while self.node.is_first and monotonic() < until and self._store.add("left", 0) < self.node.nodes:
                sleep(_LOOK_SECONDS)


@contextmanager
def meeting(node: Node, said: Mapping[str, str], seconds: float = JOIN_SECONDS) -> Iterator[Meeting]:
    """Meet the other machines; within, all of them work. What ends one of them is told to all.

    Args:
        node: which one this is.
        said: what must be the same on all, and how it is called in an error.
        seconds: for which they wait for each other.

    Raises:
        SingeridError: they do not come, or are not told the same.
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
    """The store of the first machine, once all machines are there and were told the same."""
    until = monotonic() + seconds
    at = f"{node.address}:{node.port}"
    try:
        store = _store_of(node, at, seconds, until)
        own = {"host": socket.gethostname(), **said}
        if store.add(f"taken/{node.number}", 1) > 1:
            raise SingeridError(f"NODE_RANK={node.number}: another machine at {at} has it; give each its own")
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
                    f"--nodes {node.nodes}: not all came to {at} within {seconds:.0f} s; start the same "
                    f"command on all, with NODE_RANK 0 to {node.nodes - 1}"
                )
            if verdict := store.get("verdict").decode():
                store.add("left", 1)
                raise SingeridError(verdict)
    except _LOST as error:
        raise SingeridError(f"{at}: the machines cannot meet there ({one_line(error)})") from error
    return store


def _store_of(node: Node, at: str, seconds: float, until: float) -> Store:
    """Opened once it can be: torch would write of each try to standard error."""
    keeps = node.is_first and not node.kept
    if keeps:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", node.port))
            except OSError as error:
                raise SingeridError(
                    f"MASTER_PORT={node.port}: cannot be opened on this machine ({error.strerror}); "
                    "choose another, the same for all"
                ) from error
    while not keeps:
        try:
            socket.create_connection((node.address, node.port), timeout=max(1, until - monotonic())).close()
            break
        except OSError as error:
            if monotonic() > until:
                raise SingeridError(
                    f"{at}: the first machine did not answer within {seconds:.0f} s "
                    f"({error.strerror or error}); start the same command there with NODE_RANK=0, and see "
                    "that the port can be reached"
                ) from error
            sleep(_LOOK_SECONDS)
    return _store_at(node.address, node.port, keeps)


def _verdict(store: Store, node: Node, own: dict[str, str], at: str, seconds: float, until: float) -> str:
    """Why the machines cannot work together; "" if they can."""
    for number in range(1, node.nodes):
        if not _wait(store, f"node/{number}", until):
            missing = [n for n in range(1, node.nodes) if not store.check([f"node/{n}"])]
            return (
                f"--nodes {node.nodes}: {node.nodes - len(missing)} came to {at} within {seconds:.0f} s; "
                f"start the same command with NODE_RANK={', '.join(map(str, missing))} too, and see that the "
                "port can be reached"
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
