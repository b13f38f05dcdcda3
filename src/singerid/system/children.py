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
from singerid.system.messages import MOST_BYTES, packed, unpacked
from singerid.system.streams import guard_streams

Beat = Callable[[], None]
"""What work calls again and again, to say that it goes on."""
Work = Callable[[Any, Beat], Any]

_LOOK_SECONDS = 0.2
_BEGIN_SECONDS = 600.0  # until it can work: libraries and models are loaded, and no stranger's file
_STATM = Path("/proc/self/statm")


class ChildEndedError(Exception):
    """The process was ended by what it worked on; the message says how, as the end of a sentence."""


class StoppedError(Exception):
    """Nobody wants the result any more, or nothing more is to be made."""


class Child:
    """A process that works on what it is asked, one thing at a time; it is started when it is needed.

    What it sends is read as plain data (`messages`): whoever takes it over gains nothing here.

    Args:
        begin: gives, in the process, what works there; it can be pickled or found by name. What works gives
            None, numbers, text, bytes, arrays, or lists and dicts of such.
        memory_bytes: that may be taken beside what it has when it begins; only Linux enforces that.
        quiet_seconds: for how long work may go on without a beat.
    """

    def __init__(self, begin: Callable[[], Work], memory_bytes: int, quiet_seconds: float) -> None:
        self._begin, self._memory, self._quiet = begin, memory_bytes, quiet_seconds
        self._asking = threading.Lock()  # one thing at a time
        self._changing = threading.Lock()  # which process there is
        self._closed = threading.Event()
        self._process: Any = None
        self._connection: Any = None
        self._is_ready = False

    def ask(self, item: Any, go_on: Callable[[], bool] = lambda: True) -> Any:
        """What the work gives for an item; tuples come as lists.

        Args:
            item: can be pickled.
            go_on: is asked again and again; when it says no, the process is ended.

        Raises:
            ChildEndedError: the process died, or was ended for it took too long; the next item has a new one.
            StoppedError: it was not to go on, or was closed.
            SingeridError: that the work raised; its message alone is known.
        """
        with self._asking:
            try:
                if self._process is None or not self._process.is_alive():
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
            except SingeridError:  # which the process has told, and works on
                raise
            except BaseException:
                self._end()
                raise

    def close(self) -> None:
        """End the process for good: what is being asked is stopped, and nothing is asked any more."""
        self._closed.set()
        with self._changing:
            if self._process is not None:
                self._process.kill()  # whoever waits for its answer waits no more
        with self._asking:
            self._end()

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise StoppedError

    def _start(self) -> None:
        self._end()
        # "spawn", for a process that has used torch's threads cannot be forked safely.
        context = get_context("spawn")
        connection, theirs = context.Pipe()
        # A daemon: should it still be there when this process ends, it is ended and not waited for.
        process = context.Process(target=_serve, args=(theirs, self._begin, self._memory), daemon=True)
        try:
            with self._changing:
                self._require_open()
                process.start()
                self._process, self._connection, self._is_ready = process, connection, False
        except BaseException:
            connection.close()
            raise
        finally:
            theirs.close()

    def _end(self) -> None:
        with self._changing:
            process, connection = self._process, self._connection
            self._process = self._connection = None
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
                if kind == "unable":  # the next one that is started may find it otherwise
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
        """The message that has begun to come; ValueError: it is none. One that stops ends the process."""
        stalled = threading.Timer(self._quiet, self._process.kill)
        stalled.daemon = True
        stalled.start()
        try:
            found = unpacked(self._connection.recv_bytes(MOST_BYTES))
        finally:
            stalled.cancel()
        if not isinstance(found, list) or len(found) != 2 or not isinstance(found[0], str):
            raise ValueError("that is no message")
        return found[0], found[1]


class _Beats:
    """Tells that work goes on, a few times a second at most: each is a message."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._next = connection, 0.0

    def __call__(self) -> None:
        if monotonic() >= self._next:
            self._connection.send_bytes(packed(["beat", None]))
            self._next = monotonic() + _LOOK_SECONDS


def _serve(connection: Connection, begin: Callable[[], Work], memory: int) -> None:
    guard_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
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
