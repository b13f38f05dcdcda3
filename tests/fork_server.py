"""A process that has imported everything and forks one for each program asked for: imports take seconds.

Run by `programs.py` as `python fork_server.py SOCKET IMPORTS`; it ends with its standard input. A fork is as
a new process of Python is: its folder, environment, arguments, open files and signals are those it is given,
and closed are the streams that are. It differs in this: what it imports is there already, and what libraries
read in the environment when they are imported they have read.
"""

import atexit
import gc
import io
import json
import os
import resource
import selectors
import signal
import socket
import sys
import tempfile
import threading
import traceback
import types
from pathlib import Path
from typing import Any

HEADER = 5  # bytes before a request: four for its length, one for which streams are open


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int | None]]:
    """What to run, and its standard streams; None: that one is closed."""
    header, descriptors, *_ = socket.recv_fds(connection, HEADER, 3)
    given = iter(descriptors)
    streams = [next(given) if header[4] >> number & 1 else None for number in range(3)]
    rest = bytearray()
    while len(rest) < int.from_bytes(header[:4], "big"):
        rest += connection.recv(2**16)
    return json.loads(rest), streams


def serve(path: str) -> tuple[dict[str, Any], list[int | None]]:
    """Answer until the input ends; returns in each fork alone, with what that is to run."""
    ready, wake = socket.socketpair()
    ready.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever runs the tests
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    selector = selectors.DefaultSelector()
    for source in (listener, ready, sys.stdin):
        selector.register(source, selectors.EVENT_READ)
    running: dict[int, socket.socket] = {}
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                os._exit(0)
            if key.fileobj is ready:
                ready.recv(2**16)
                while running:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                    if not pid:
                        break
                    with running.pop(pid) as waiting:
                        tell(waiting, os.waitstatus_to_exitcode(status))
                continue
            connection, _ = listener.accept()
            request, streams = receive(connection)
            pid = os.fork()
            if pid:
                running[pid] = connection
                tell(connection, pid)
                for stream in streams:
                    if stream is not None:
                        os.close(stream)
                continue
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            selector.close()
            for other in (listener, ready, wake, connection, *running.values()):
                other.close()
            return request, streams


def tell(connection: socket.socket, number: int) -> None:
    """Whoever waits for it may have gone."""
    try:
        connection.sendall(b"%d\n" % number)
    except OSError:
        connection.close()


def become(request: dict[str, Any], streams: list[int | None]) -> None:
    """Take on what a process has from its start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        if stream is None:
            os.close(number)
        else:
            os.dup2(stream, number)  # inheritable, as the others are not
    for stream in streams:
        if stream is not None and stream > 2:
            os.close(stream)
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = (
        None if stream is None else opened(number, like)
        for number, (stream, like) in enumerate(zip(streams, before, strict=True))
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None  # to be found anew
    if request["file_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_limit"],) * 2)
    sys.argv = ["-c", *request["arguments"]]


def opened(number: int, like: Any) -> io.TextIOWrapper:
    """A standard stream as Python opens it."""
    raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
    buffer = io.BufferedReader(raw) if number == 0 else io.BufferedWriter(raw)
    return io.TextIOWrapper(
        buffer, like.encoding, like.errors, line_buffering=number == 2 or (number == 1 and raw.isatty())
    )


def run(code: types.CodeType, names: dict[str, Any]) -> int:
    """Run it; returns the exit code that Python makes of how it ends."""
    try:
        exec(code, names)
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            return (ending.code or 0) & 0xFF
        print(ending.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def end(code: int) -> None:
    """End as Python does, except that the modules are not taken apart one by one, which takes a second."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            code = 120
    os._exit(code)


if __name__ == "__main__":
    exec(sys.argv[2], {})
    threads = Path("/proc/self/task")  # a lock that another thread holds, a fork would wait for
    assert not threads.exists() or len(list(threads.iterdir())) == 1
    gc.collect()
    gc.freeze()
    server = sys.modules["__main__"]
    request, streams = serve(sys.argv[1])
    become(request, streams)
    sys.modules["__main__"] = types.ModuleType("__main__")  # else processes that it starts import this file
    end(run(compile(request["code"], "<string>", "exec"), sys.modules["__main__"].__dict__))
