"""A child process that does one task after another, with limits on memory and time.

Decoding untrusted files may crash, hang or take all memory. In a child process it ends that process alone,
and a new one is started for the next task.
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
from singerid.system.messages import MOST_BYTES, packed, unpacked
from singerid.system.streams import guard_streams

Beat = Callable[[], None]
"""Called by the work again and again, to report that it still makes progress."""
Work = Callable[[Any, Beat], Any]

_LOOK_SECONDS = 0.2
_BEGIN_SECONDS = 600.0  # until the child is ready: it loads libraries and models, but no untrusted file
_STATM = Path("/proc/self/statm")


class ChildEndedError(Exception):
    """The item that the process worked on ended it; the message says how, as the end of a sentence."""


class StoppedError(Exception):
    """The caller no longer wants the result, or the child was closed."""


class Child:
    """A process that works on one item at a time; it is started when the first item comes.

    Its answers are read as plain data (see `messages`): an attacker who takes over the child cannot run code
    in this process.

    Args:
        begin: called in the child, returns the function that does the work there. `begin` can be pickled or
            found by name. The work returns None, numbers, text, bytes, arrays, or lists and dicts of these.
        memory_bytes: memory that the work may take beyond what the child has when it is ready; enforced on
            Linux only.
        quiet_seconds: longest time that the work may go on without a beat.

    Attributes:
        process: the process; None: there is none.
    """

    def __init__(self, begin: Callable[[], Work], memory_bytes: int, quiet_seconds: float) -> None:
        self._begin, self._memory, self._quiet = begin, memory_bytes, quiet_seconds
        self._asking = threading.Lock()  # held while an item is worked on: one at a time
        self._changing = threading.Lock()  # held while `process` is replaced
        self._closed = threading.Event()
        self.process: Any = None
        self._connection: Any = None
        self._is_ready = False

    def ask(self, item: Any, go_on: Callable[[], bool] = lambda: True) -> Any:
        """The result of the work on an item; tuples come back as lists.

        Args:
            item: can be pickled.
            go_on: called again and again while waiting; if it returns False, the process is ended.

        Raises:
            ChildEndedError: the process died, or took too long and was ended. The next item gets a new
                process.
            StoppedError: `go_on` returned False, or the child was closed.
            SingeridError: the work raised it; only its message is known here.
        """
        with self._asking:
            try:
                if self.process is None or not self.process.is_alive():
                    self._start()
                self._connection.send(item)
                return self._answer(go_on)
            except (EOFError, OSError) as error:
                self._end()
                self._require_open()
                raise ChildEndedError("its process crashed on it") from error
            except ValueError as error:
                self._end()
                raise ChildEndedError("its process gave no answer that can be read") from error
            except SingeridError:  # reported by the process, which is still ready for the next item
                raise
            except BaseException:
                self._end()
                raise

    def close(self) -> None:
        """End the process for good: a running `ask` is stopped, and later ones raise StoppedError."""
        self._closed.set()
        with self._changing:
            if self.process is not None:
                self.process.kill()  # wakes a thread that waits for an answer
        with self._asking:
            self._end()

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise StoppedError

    def _start(self) -> None:
        self._end()
        # "spawn", because a process that has used torch's threads cannot be forked safely.
        context = get_context("spawn")
        connection, theirs = context.Pipe()
        # A daemon: if it still runs when this process ends, it is killed instead of waited for.
        process = context.Process(target=_serve, args=(theirs, self._begin, self._memory), daemon=True)
        try:
            with self._changing:
                self._require_open()
                process.start()
                self.process, self._connection, self._is_ready = process, connection, False
        except BaseException:
            connection.close()
            raise
        finally:
            theirs.close()

    def _end(self) -> None:
        with self._changing:
            process, connection = self.process, self._connection
            self.process = self._connection = None
        if process is not None:
            connection.close()
            process.kill()
            process.join()

    def _answer(self, go_on: Callable[[], bool]) -> Any:
        last = monotonic()
        while True:
            if self._connection.poll(_LOOK_SECONDS):
                kind, value = self._message()
                if kind == "done":
                    return value
                if kind == "failed":
                    raise SingeridError(str(value))
                if kind == "unable":  # `begin` failed; it may succeed in the next process
                    self._end()
                    raise SingeridError(str(value))
                if kind == "memory":
                    raise ChildEndedError("it takes too much memory")
                if kind == "ready":
                    self._is_ready = True
                last = monotonic()
            elif monotonic() - last > (self._quiet if self._is_ready else max(self._quiet, _BEGIN_SECONDS)):
                raise ChildEndedError(
                    f"its process gave no sign of life for {self._quiet:.0f} s"
                    if self._is_ready
                    else f"its process did not begin within {_BEGIN_SECONDS:.0f} s"
                )
            self._require_open()
            if not go_on():
                raise StoppedError

    def _message(self) -> tuple[str, Any]:
        """Read a message whose first bytes have arrived; raises ValueError if it is malformed.

        If the rest does not arrive in time, the process is killed.
        """
        stalled = threading.Timer(self._quiet, self.process.kill)
        stalled.daemon = True
        stalled.start()
        try:
            found = unpacked(self._connection.recv_bytes(MOST_BYTES))
        finally:
            stalled.cancel()
        if not isinstance(found, list) or len(found) != 2 or not isinstance(found[0], str):
            raise ValueError("not a message")
        return found[0], found[1]


class _Beats:
    """Sends a beat to the parent process, a few times a second at most."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._next = connection, 0.0

    def __call__(self) -> None:
        if monotonic() >= self._next:
            self._connection.send_bytes(packed(["beat", None]))
            self._next = monotonic() + _LOOK_SECONDS


def _serve(connection: Connection, begin: Callable[[], Work], memory: int) -> None:
    guard_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the parent process ends this one
    threading.Thread(target=end_with_parent, daemon=True).start()
    failure = ""
    try:
        work = begin()
    except SingeridError as error:
        failure = str(error)
    except Exception as error:
        failure = _unexpected(error)
    _limit(memory)
    with suppress(OSError):
        connection.send_bytes(packed(["ready", None]))
    while True:
        try:
            item = connection.recv()
        except (EOFError, OSError):
            return
        if failure:
            with suppress(OSError):
                connection.send_bytes(packed(["unable", failure]))
            return
        try:
            answer = packed(["done", work(item, _Beats(connection))])
        except SingeridError as error:
            answer = packed(["failed", str(error)])
        except MemoryError:
            answer = packed(["memory", None])
        except Exception as error:
            answer = packed(["failed", _unexpected(error)])
        with suppress(OSError):
            connection.send_bytes(answer)


def _unexpected(error: Exception) -> str:
    return f"unexpected {type(error).__name__}: {error}"


def _limit(memory: int) -> None:
    try:
        import resource

        pages = int(_STATM.read_text().split()[5])
    except (ImportError, OSError, ValueError):  # not Linux
        return
    own = pages * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = own + memory
    resource.setrlimit(
        resource.RLIMIT_DATA,
        (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard),
    )


def end_with_parent() -> None:
    """Wait until the parent process has ended for any reason, then end this one; else it would never end."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
