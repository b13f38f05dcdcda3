"""Running a command in a child process, so that its end is always reported in one line.

When the head of a Ray cluster is gone, Ray ends the connected process at once and without a message.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

from singerid.errors import ExitCode
from singerid.system.streams import complain

_MARK = "SINGERID_SUPERVISED"
"""Environment variable of the child process: the process ID of the parent that waits for it."""
_LOOK_SECONDS = 1.0


_here: list[int] = []  # in the child process: the parent's process ID


def is_supervised() -> bool:
    """Whether this is the child process; if so, it will end when its parent ends."""
    parent = os.environ.pop(_MARK, None)
    if parent is None:
        return False
    _here.append(int(parent))
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    return True


def end_at_once(code: int) -> None:
    """In the child process, flush the output and exit without cleanup: after Ctrl-C, Ray's may crash.

    In any other process this does nothing.
    """
    if _here:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def supervise() -> int:
    """Run this same command in a child process; returns its exit code."""
    # In a new session, so that Ctrl-C reaches only this process, which passes it on once.
    child = subprocess.Popen(
        [sys.executable, "-m", "singerid", *sys.argv[1:]],
        env={**os.environ, _MARK: str(os.getpid())},
        start_new_session=True,
    )

    def hand_on(_: int, __: FrameType | None) -> None:
        child.send_signal(signal.SIGINT)  # at other signals Ray itself would end it, with a page of text

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code == ExitCode.INTERRUPTED:
        os._exit(code)  # the child process has reported it
    if code in set(ExitCode):
        return code
    if code == 1:  # the exit code when Ray ends the process
        complain("the Ray cluster is gone; check its head, then run the command again to go on")
    else:
        complain(
            f"the command died before it was done ({code}), perhaps because memory ran out; "
            "run it again to go on"
        )
    return ExitCode.UNUSABLE


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
