"""What processes of tests do; in a file of its own, for each of them imports it."""

import os
import pickle
import time

from singerid.errors import SingeridError
from singerid.system import children

MB = 1024**2


def at_once():
    return work


def slowly():
    time.sleep(1.5)
    return work


def not_at_all():
    raise SingeridError("it cannot begin")


def as_taken_over(place):
    """Sends code that would run if it were unpickled, as a process may do that a hostile file took over."""
    children.packed = lambda _: pickle.dumps(Evil(place))
    return work


def as_one_that_stalls():
    def stall(connection, _=None):
        os.write(connection.fileno(), b"\0\0\1\0half a message")
        time.sleep(60)

    children.Connection.send_bytes = stall
    return work


def as_one_that_hangs_up():
    def hang_up(connection, _=None):
        connection.close()
        time.sleep(60)

    children.Connection.send_bytes = hang_up
    return work


class Evil:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (self.place,)


def songs(count):
    """A reply as large as that about this many songs whose tags were written."""
    one = {"status": "written", "added": ["Ada (vocals)"], "removed": [], "note": "n" * 60}
    return {"changes": [one | {"path": f"/music/{n:0120}.mp3"} for n in range(count)], "summary": ""}


def work(item, beat):
    kind, value = item
    if kind == "take":
        return len(bytearray(value))
    if kind == "sleep":
        time.sleep(value)
    if kind == "beat":
        end = time.monotonic() + value
        while time.monotonic() < end:
            beat()
            time.sleep(0.02)
    if kind == "die":
        os._exit(9)
    if kind == "songs":
        return songs(value)
    if kind == "raise":
        raise SingeridError(value)
    return item
