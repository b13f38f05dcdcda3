"""A command in a process of its own, whose end is told in one line however it comes.

Ray ends the process that is connected to a cluster, at once and without a word, when its head is gone.
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
"""In the environment of that process: the number of the one that waits for it."""
_LOOK_SECONDS = 1.0


_here: list[int] = []  # that number, in that process


def is_supervised() -> bool:
    """Whether this is that process; it then ends with the one that waits for it."""
    parent = os.environ.pop(_MARK, None)
    if parent is None:
        return False
    _here.append(int(parent))
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    return True


def end_at_once(code: int) -> None:
    """End that process with all written; any other goes on. Ray, taken apart after Ctrl-C, may crash."""
    if _here:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def supervise() -> int:
    """Run this very command in a process of its own; gives its exit code."""
    # A session of its own: Ctrl-C reaches this process alone, which hands it on once.
    child = subprocess.Popen(
        [sys.executable, "-m", "singerid", *sys.argv[1:]],
        env={**os.environ, _MARK: str(os.getpid())},
        start_new_session=True,
    )

    def hand_on(_: int, __: FrameType | None) -> None:
        child.send_signal(signal.SIGINT)  # for others Ray has an ending of its own, with a page of text

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code == ExitCode.INTERRUPTED:
        os._exit(code)  # that process has told so
    if code in set(ExitCode):
        return code
    if code == 1:  # so Ray ends the process
        complain("the Ray cluster is gone, see to its head; run the command again to go on")
    else:
        complain(f"ended before it was done ({code}); is memory too small? Run the command again to go on")
    return ExitCode.UNUSABLE


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
