"""Killed at any moment, each recording of a library is as before or as after, and nothing said is lost.

SINGERID_KILLS says how many kills; `make kill` does a thousand.
"""

import hashlib
import os
import random
import shutil
import signal
import sys
import time
import traceback

import pytest

import made_voices
from singerid.library.check import check
from singerid.library.database import SCRUB
from singerid.library.library import Library

KILLS = int(os.environ.get("SINGERID_KILLS", "20"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="this system has no fork")


def _enroll(library, songs):
    library.enroll("Newcomer", songs)


def _say(library, songs):
    library.say(songs[0], singer="Ada")


def _merge(library, songs):
    library.merge("Bea", "Ada")


def _forget(library, songs):
    library.forget("Bea")


def _migrate(library, songs):
    library.migrate("other")


COMMANDS = (_enroll, _say, _merge, _forget, _migrate)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    return [made_voices.write_voice(folder / f"{n}.wav", 700 + n, 1.1 + 0.3 * n, n) for n in range(3)]


@pytest.fixture(scope="module")
def start(sung, songs, tmp_path_factory):
    """A library that already has statements by people."""
    folder = shutil.copytree(sung.library, tmp_path_factory.mktemp("start") / "library")
    with Library.open(folder) as library:
        library.say(sung.tree / "Ada/album 0/0.wav", singer="Cy")
        library.say(sung.tree / "Cy/album 0/0.wav", never="Ada")
    return folder


def _recordings(library):
    """All data of each recording, by its sound; without exemplars, which follow from the rest."""
    contents = library.core.contents
    found = {}
    for place, one in enumerate(contents.recordings):
        said = sorted((contents.names[who], is_them) for who, is_them in
                      contents.statements.get(one.id, {}).items())  # fmt: skip
        singer = None if one.singer is None else contents.names[one.singer]
        vector = hashlib.sha256(contents.vectors[place].tobytes()).hexdigest()
        found[one.fingerprint] = (one.role, singer, one.voice, said, vector)
    return found


def _state(folder):
    with Library.open(folder) as library:
        return _recordings(library)


def _in_a_fork(folder, command, songs, doomed):
    """Run a command in a process of its own; code in `doomed` may end it early."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = 1
    try:
        with Library.open(folder) as library:
            doomed(library.core.database.connection)
            command(library, songs)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class _AtStatement:
    """Kills its process before the n-th statement of SQL."""

    def __init__(self, number):
        self._left = number

    def __call__(self, connection):
        connection.set_trace_callback(self._said)

    def _said(self, _):
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class _AfterSeconds:
    """Ends its process after a time, without running any more Python."""

    def __init__(self, seconds):
        self._seconds = seconds

    def __call__(self, _):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)


@pytest.fixture(scope="module")
def whole(start, songs, tmp_path_factory):
    """For each command: its number of SQL statements, its time, and the library after it."""
    found = {}
    for command in COMMANDS:
        folder = shutil.copytree(start, tmp_path_factory.mktemp("whole") / "library")
        statements = []
        began = time.perf_counter()
        with Library.open(folder) as library:
            library.core.database.connection.set_trace_callback(statements.append)
            command(library, songs)
            took = time.perf_counter() - began
            found[command] = (len(statements), took, _recordings(library))
    return found


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_kill_leaves_each_recording_as_before_or_as_after(start, songs, whole, tmp_path, seed):
    command = COMMANDS[seed % len(COMMANDS)]
    statements, seconds, after = whole[command]
    chance = random.Random(seed)
    by_time = seed // len(COMMANDS) % 4 == 3
    doomed = (
        _AfterSeconds(max(0.001, chance.random() * seconds))
        if by_time
        else _AtStatement(chance.randint(1, statements))
    )
    folder = shutil.copytree(start, tmp_path / "library")
    before = _state(folder)
    vectors = _pieces_of_bea(folder) if command is _forget else []
    status = _in_a_fork(folder, command, songs, doomed)
    assert by_time or os.WIFSIGNALED(status), "it was done before it was killed"

    now = _state(folder)
    for sound in {*before, *after, *now}:
        assert now.get(sound) in (before.get(sound), after.get(sound)), f"{command.__name__}: {sound}"
    _is_whole(folder)
    assert _state(folder) == now
    _what_was_said_is_there(before, now, after)
    if command is _forget and not any(one[1] == "Bea" for one in now.values()):
        content = b"\0".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
        assert not any(piece in content for piece in vectors)

    # Run again, the command ends as if there had been no kill.
    if now != after:
        assert _in_a_fork(folder, command, songs, lambda _: None) == 0
    assert _state(folder) == after


def _is_whole(folder):
    check(folder)
    assert check(folder) == [], "what is mended stays mended"
    with Library.open(folder) as library:
        assert library.core.database.rows("PRAGMA integrity_check") == [("ok",)]
        assert library.core.database.rows("PRAGMA foreign_key_check") == []
        assert library.core.database.setting(SCRUB) is None


def _what_was_said_is_there(before, now, after):
    for sound, (_, _, _, said, _) in before.items():
        if said and sound in after:
            assert now[sound][3] == said


def _pieces_of_bea(folder):
    with Library.open(folder) as library:
        contents = library.core.contents
        bea = contents.number_of("Bea")
        own = [at for at, one in enumerate(contents.recordings) if one.singer == bea]
        content = contents.vectors[own].astype("<f4").tobytes()
    return [content[at : at + 64] for at in range(0, len(content), 64)]
