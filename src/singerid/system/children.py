"""A process that does one thing after another for this one, with limits: whatever ends it ends it alone.

What decodes strangers' files may crash, hang, or want all memory. It does that here, and is started again.
"""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any

from singerid.errors import SingeridError
from singerid.system.streams import guard_streams

Beat = Callable[[], None]
"""What work calls again and again, to say that it goes on."""
Work = Callable[[Any, Beat], Any]

_LOOK_SECONDS = 0.2
_STATM = Path("/proc/self/statm")


class ChildEndedError(Exception):
    """The process was ended by what it worked on; the message says how, as the end of a sentence."""


class StoppedError(Exception):
    """Nobody wants the result any more."""


class Child:
    """A process that works on what it is asked, one thing at a time; it is started when it is needed.

    Args:
        begin: gives, in the process, what works there; both can be pickled or found by name.
        memory_bytes: that may be taken beside what it has when it begins; only Linux enforces that.
        quiet_seconds: for how long work may go on without a beat.
    """

    def __init__(self, begin: Callable[[], Work], memory_bytes: int, quiet_seconds: float) -> None:
        self._begin, self._memory, self._quiet = begin, memory_bytes, quiet_seconds
        self._process: Any = None
        self._connection: Any = None

    def ask(self, item: Any, go_on: Callable[[], bool] = lambda: True) -> Any:
        """What the work gives for an item.

        Args:
            item: can be pickled.
            go_on: is asked again and again; when it says no, the process is ended.

        Raises:
            ChildEndedError: the process died, or was ended for it took too long.
            StoppedError: it was not to go on.
            SingeridError: that the work raised, of whatever kind.
        """
        if self._process is None or not self._process.is_alive():
            self._start()
        try:
            self._connection.send(item)
            return self._answer(go_on)
        except (EOFError, OSError) as error:
            raise ChildEndedError("the decoder crashed on it") from error
        except SingeridError:  # which the process has told, and works on
            raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._process = None

    def _start(self) -> None:
        self.close()
        # "spawn", for a process that has used torch's threads cannot be forked safely.
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._begin, self._memory))
        self._process.start()
        theirs.close()

    def _answer(self, go_on: Callable[[], bool]) -> Any:
        last = monotonic()
        while True:
            if self._connection.poll(_LOOK_SECONDS):
                kind, value = self._connection.recv()
                if kind == "done":
                    return value
                if kind == "failed":
                    raise value
                if kind == "memory":
                    raise ChildEndedError("it takes too much memory")
                last = monotonic()
            elif monotonic() - last > self._quiet:
                raise ChildEndedError(f"the decoder gave no sound for {self._quiet:.0f} s")
            if not go_on():
                raise StoppedError


def _serve(connection: Connection, begin: Callable[[], Work], memory: int) -> None:
    guard_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    threading.Thread(target=end_with_parent, daemon=True).start()
    failure: SingeridError | None = None
    try:
        work = begin()
    except SingeridError as error:
        failure = error
    _limit(memory)
    while True:
        try:
            item = connection.recv()
        except (EOFError, OSError):
            return
        try:
            if failure is not None:
                raise failure
            answer = ("done", work(item, lambda: connection.send(("beat", None))))
        except SingeridError as error:
            answer = ("failed", error)
        except MemoryError:
            answer = ("memory", None)
        except Exception as error:
            answer = ("failed", SingeridError(f"unexpected {type(error).__name__}: {error}"))
        with suppress(OSError):
            connection.send(answer)


def _limit(memory: int) -> None:
    try:
        import resource

        pages = int(_STATM.read_text().split()[5])
    except (ImportError, OSError, ValueError):  # no Linux
        return
    own = pages * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = own + memory
    resource.setrlimit(
        resource.RLIMIT_DATA,
        (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard),
    )


def end_with_parent() -> None:
    """End this process when the one that started it has ended, however; else it would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
