"""Processes that do what may go wrong: their limits, what they say, and how they end."""

import multiprocessing
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from child_works import (
    MB,
    as_one_that_hangs_up,
    as_one_that_stalls,
    as_taken_over,
    at_once,
    not_at_all,
    slowly,
    songs,
)

import made_voices
from singerid.errors import SingeridError
from singerid.sound.files import AudioError
from singerid.system.children import Child, ChildEndedError, StoppedError
from singerid.system.messages import packed, unpacked
from singerid.web.desk import BusyError
from singerid.web.looking import Looking
from singerid.web.settings import Settings


@pytest.fixture
def child():
    made = []

    def make(begin=at_once, memory=300 * MB, quiet=1.0):
        made.append(Child(begin, memory, quiet))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_over_its_memory_or_its_time_it_is_ended_and_the_next_item_is_done(child):
    """Memory is limited on Linux alone."""
    one = child()
    with pytest.raises(ChildEndedError, match="takes too much memory"):
        one.ask(("take", 500 * MB))
    assert one.ask(("take", 100 * MB)) == 100 * MB
    with pytest.raises(ChildEndedError, match="gave no sign of life for 1 s"):
        one.ask(("sleep", 30))
    assert one.ask(("beat", 2.5)) == ["beat", 2.5]  # as long as it tells that it goes on


def test_that_it_begins_slowly_is_no_silence(child):
    assert child(slowly, quiet=0.3).ask(("beat", 0.0)) == ["beat", 0.0]


def test_however_it_ends_the_next_item_has_a_new_process(child, monkeypatch):
    one = child()
    for _ in range(2):
        with pytest.raises(ChildEndedError, match="crashed"):
            one.ask(("die", 0))
    with pytest.raises(SingeridError, match="told so"):
        one.ask(("raise", "told so"))
    assert one.ask(("sleep", 0)) == ["sleep", 0]
    one.ask(("sleep", 0))
    one.process.kill()
    one.process.join()

    def refused(*_):
        raise OSError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(multiprocessing.context.SpawnProcess, "start", refused)
        with pytest.raises(ChildEndedError):
            one.ask(("sleep", 0))
    assert one.ask(("sleep", 0)) == ["sleep", 0]


def test_one_that_hangs_up_is_ended(child):
    one = child(as_one_that_hangs_up)
    with pytest.raises(ChildEndedError, match="crashed"):
        one.ask(("sleep", 0))
    assert not multiprocessing.active_children()


def test_one_that_cannot_begin_says_so_each_time(child):
    one = child(not_at_all)
    for _ in range(2):
        with pytest.raises(SingeridError, match="it cannot begin"):
            one.ask(("sleep", 0))


def test_what_it_sends_never_runs_here(child, tmp_path):
    with pytest.raises(ChildEndedError, match="no answer that can be read"):
        child(partial(as_taken_over, str(tmp_path / "ran"))).ask(("sleep", 0))
    assert not (tmp_path / "ran").exists()


def test_what_is_told_of_very_many_songs_comes(child):
    """It was refused, after their tags had been written."""
    assert child(quiet=30.0).ask(("songs", 100_000)) == songs(100_000)


def test_a_head_that_would_fill_the_memory_is_refused():
    head = b"[" + b"[]," * 3_000_000 + b"1]"
    with pytest.raises(ValueError, match="contains too many values"):
        unpacked(len(head).to_bytes(4, "little") + head)


def test_a_message_that_stops_coming_ends_it(child):
    begun = time.monotonic()
    with pytest.raises(ChildEndedError):
        child(as_one_that_stalls).ask(("sleep", 0))
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    "value",
    [
        None,
        [True, 1, -2.5, "caf\udce9", b"\0\1", float("inf")],
        {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": [np.zeros((0, 4)), np.array([True, False])]},
    ],
)
def test_values_come_as_they_were_sent(value):
    np.testing.assert_equal(unpacked(packed(value)), value)


def test_damaged_messages_are_told_and_nothing_else():
    whole = packed(["done", {"a": np.ones((3, 4), np.float32), "b": b"12345"}])
    draw = np.random.default_rng(0)
    for _ in range(2000):
        made = bytearray(whole)
        for place in draw.integers(0, len(made), 3):
            made[place] = draw.integers(0, 256)
        with suppress(ValueError):
            unpacked(bytes(made[: draw.integers(1, len(made) + 1)]))
    for head in (
        b'{"$part": -1}',
        b'{"$part": ["<f4", [99999999999]]}',
        b'{"$part": ["|O", [1]]}',
        b"[" * 9999,
    ):
        with pytest.raises(ValueError, match=r"part|array|damaged"):
            unpacked(len(head).to_bytes(4, "little") + head)
    with pytest.raises(ValueError, match="cannot be sent"):
        packed(Path())


def test_closed_in_the_middle_nobody_waits_and_no_process_stays(child):
    one, found = child(), []

    def ask():
        try:
            one.ask(("beat", 60))
        except StoppedError:
            found.append(True)

    threads = [Thread(target=ask, daemon=True) for _ in range(4)]  # three of them wait for the first
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    one.close()
    for thread in threads:
        thread.join(10)
    assert len(found) == 4
    assert not multiprocessing.active_children()


def test_pictures_that_are_asked_for_while_the_server_ends_are_not_made(own_library, tmp_path):
    """They started the processes again, and then the server waited for these for ever."""
    looking, found = Looking(Settings(own_library)), []
    paths = [made_voices.write_voice(tmp_path / f"{n}.wav", 200 + n, 3, n) for n in range(8)]

    def look(path):
        try:
            looking.picture(path)
        except BusyError as error:
            found.append(str(error))

    threads = [Thread(target=look, args=(path,), daemon=True) for path in paths]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    looking.close()
    for thread in threads:
        thread.join(10)
    assert found == ["the server is ending"] * 8
    assert not multiprocessing.active_children()


@pytest.fixture
def saying(own_library, tmp_path):
    """Gives a file, and a `Looking` whose processes give the same reply to everything."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"x")

    def make(said):
        class Taken:
            def ask(self, item, go_on):
                if isinstance(said, Exception):
                    raise said
                return {"made": said}

        looking = Looking(Settings(own_library))
        while not looking.free.empty():
            looking.free.get()
        looking.free.put(Taken())
        return looking, path

    return make


PNG = b"\x89PNG\r\n\x1a\n"
INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("what", "replies"),
    [
        ("picture", (10**8, None, b"<svg/>", "x", [137, 80])),
        (
            "voice",
            ([1.0], ["a", "b"], [1.0, NAN], [1.0, INF], [1, 10**400], [True, True], b"x", [1.0] * 10**6),
        ),
        ("peaks", (b"x", [1.0], {"seconds": 1.0}, {"seconds": NAN, "peaks": [0.0, 0.0]})),
        ("peaks", ({"seconds": 1.0, "peaks": value} for value in ([0.0], ["<b>", 1], [0, 2], [0.0] * 10**6))),
        ("sound", ("text/html", "audio/wav\r\nX: y", 1, None)),
        ("weigh", ("abc", -1.0, NAN, INF, 10**400, True, None)),
        ("fingerprint", (1, "0" * 63, "x" * 64)),
    ],
)
def test_what_was_not_asked_for_is_no_picture_sound_or_length(saying, what, replies):
    """A decoder that was taken over may reply anything; only replies of the right kind are kept or sent."""
    for reply in replies:
        looking, path = saying(reply)
        with pytest.raises(AudioError, match="the decoder gave no readable answer"):
            getattr(looking, what)(path)
        assert not list(looking.settings.cache.glob("*"))


def test_what_was_asked_for_comes(saying):
    def said(what, reply):
        looking, path = saying(reply)
        return getattr(looking, what)(path)

    assert said("picture", PNG + b"x") == PNG + b"x"
    assert said("peaks", {"seconds": 1, "peaks": [-1, 0.5]}) == b'{"seconds": 1.0, "peaks": [-1.0, 0.5]}'
    assert said("weigh", 2) == 2.0


@pytest.mark.parametrize(
    "reply",
    [
        ChildEndedError("its process crashed"),
        [1],
        {"changes": [{"path": "x"}], "summary": "", "held_back": ""},
        {"undone": [1], "failures": []},
        {"undone": [], "failures": ["x"]},
    ],
)
def test_where_tags_fail_it_is_told_what_to_do_and_nothing_of_decoders(saying, reply):
    for ask in (lambda one: one.tag(None, True, False), lambda one: one.untag([1])):
        with pytest.raises(SingeridError, match=r"^tags: its process .*; tag fewer songs at once") as raised:
            ask(saying(reply)[0])
        assert "decoder" not in str(raised.value)
