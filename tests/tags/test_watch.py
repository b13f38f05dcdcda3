"""Watching folders: what is there and what arrives, in order, once it is complete."""

import shutil
import time
from threading import Event, Thread

import pytest

import music_files
from singerid.errors import SingeridError
from singerid.tags.watch import Arrivals, watched

SECONDS = 0.3


def test_a_file_is_complete_when_it_has_not_changed_for_some_time(tmp_path):
    first, second = tmp_path / "b.mp3", tmp_path / "a.mp3"
    first.write_bytes(b"1")
    second.write_bytes(b"1")
    arrivals = Arrivals(3.0)
    arrivals.add(first, 0.0)
    arrivals.add(second, 1.0)
    assert arrivals.complete(2.9) == []
    first.write_bytes(b"12")  # it grows, but no event says so
    assert arrivals.complete(3.5) == []
    assert arrivals.complete(4.0) == [second]
    assert arrivals.complete(6.0) == []
    assert arrivals.complete(6.5) == [first]
    assert arrivals.complete(99.0) == []


def test_files_come_in_the_order_in_which_they_arrived(tmp_path):
    paths = [tmp_path / name for name in ("c.mp3", "a.mp3", "b.mp3")]
    arrivals = Arrivals(3.0)
    for path in paths:
        path.write_bytes(b"1")
        arrivals.add(path, 0.0)
    assert arrivals.complete(5.0) == paths


def test_a_file_that_goes_away_is_waited_for_no_longer(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(b"1")
    arrivals = Arrivals(3.0)
    arrivals.add(path, 0.0)
    path.unlink()
    assert arrivals.complete(9.0) == []


class _Watching:
    """Collects what arrives in a folder, in a thread."""

    def __init__(self, *folders):
        self.found, self.failures, self._stop = [], [], Event()
        self._thread = Thread(target=self._run, args=(folders,))

    def _run(self, folders):
        for some in watched(folders, self.failures.append, self._stop, SECONDS):
            self.found += [path.name for path in some]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def until(self, *names):
        began = time.monotonic()
        while self.found != list(names):
            assert time.monotonic() - began < 20, (self.found, names)
            time.sleep(0.05)


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    music_files.write_song(folder / "b.mp3")
    music_files.write_song(folder / "a.mp3")
    return folder


def test_what_is_there_comes_first_and_then_what_arrives(music, tmp_path):
    album = tmp_path / "album"
    music_files.write_song(album / "disc 1" / "z.mp3")
    with _Watching(music) as watching:
        watching.until("a.mp3", "b.mp3")
        (music / "cover.jpg").write_bytes(b"\xff\xd8\xff")
        (music / f".tmp-{'0' * 32}").write_bytes((music / "a.mp3").read_bytes())
        trash = music / ".Trash"
        trash.mkdir()
        shutil.copyfile(music / "a.mp3", trash / "gone.mp3")
        shutil.copyfile(music / "a.mp3", music / "c.mp3")
        watching.until("a.mp3", "b.mp3", "c.mp3")
        album.rename(music / "album")  # a whole folder at once
        watching.until("a.mp3", "b.mp3", "c.mp3", "z.mp3")
    assert watching.failures == []


def test_a_file_that_is_still_being_written_is_not_given_before_its_end(music):
    content = (music / "a.mp3").read_bytes()
    with _Watching(music) as watching:
        watching.until("a.mp3", "b.mp3")
        with (music / "slow.mp3").open("wb") as file:
            for part in range(8):
                file.write(content[part * 1000 : (part + 1) * 1000])
                file.flush()
                time.sleep(SECONDS / 2)
                assert "slow.mp3" not in watching.found
        watching.until("a.mp3", "b.mp3", "slow.mp3")


def test_an_empty_folder_is_watched(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    with _Watching(folder) as watching:
        time.sleep(SECONDS)
        music_files.write_song(folder / "a.mp3")
        watching.until("a.mp3")
    assert watching.failures == []


def test_a_folder_that_vanishes_is_told_and_ends_it(music):
    with _Watching(music) as watching:
        watching.until("a.mp3", "b.mp3")
        shutil.rmtree(music)
        watching._thread.join(20)
        assert not watching._thread.is_alive()
    assert [failure.path for failure in watching.failures] == [str(music)]
    assert "check that its drive is connected" in watching.failures[0].reason


def test_what_is_no_folder_is_told(music):
    with pytest.raises(SingeridError, match="`watch` takes folders"):
        next(watched([music / "a.mp3"], lambda _: None))
