"""Killed at any moment while tags are written, every file sounds the same and has the old or the new tags.

SINGERID_KILLS says how many kills; `make kill` does a thousand.
"""

import os
import random
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pytest

import made_voices
import music_files
import singerid.tags
from singerid.library.library import Library
from singerid.tags import writer
from singerid.tags.journal import Journal, Step
from singerid.tags.kinds import kind_of, open_tagged
from singerid.tags.tagger import Tagger
from singerid.tags.undo import take_back

KILLS = int(os.environ.get("SINGERID_KILLS", "20"))
EARS = Path(__file__).parent.parent / "small_ears.py"
FOLDER = Path(singerid.tags.__file__).parent
EVERYWHERE, THE_JOURNAL = ("",), ("journal.py",)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="this system has no fork")


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """A folder of one song of some kinds, of singers who are known."""
    folder = tmp_path_factory.mktemp("music") / "music"
    for ending, singer in (("flac", "Ada"), ("mp3", "Bea"), ("m4a", "Cy"), ("wav", "Ada"), ("wv", "Bea")):
        path = folder / f"{singer}.{ending}"
        music_files.write_song(path, made_voices.PITCHES[singer], 1.0, title="A title")
    return folder


def _songs(folder):
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _state(folder):
    """For each file: the fields that singerid may change, and all other fields."""
    found = {}
    for song in _songs(folder):
        tagged = open_tagged(song, kind_of(song))
        found[song.name] = (tagged.fields(), str(tagged.others()))
    return found


def _sounds(folder):
    return {song.name: music_files.decoded(song)[1] for song in _songs(folder)}


def _write(library, folder):
    with Library.open(library) as opened, Tagger(opened, write=True) as tagger:
        return [outcome.status for outcome in tagger.outcomes(_songs(folder))]


def _undo(library, folder):
    return list(take_back(library, everything=True))


class _AtCall:
    """Kills its process at the n-th call, of Python or of C, that the code of tags makes."""

    def __init__(self, number, files):
        self.calls, self._number = 0, number
        self._starts = tuple(str(FOLDER / name) for name in files)

    def __call__(self, frame, event, _):
        if event in ("call", "c_call") and frame.f_code.co_filename.startswith(self._starts):
            self.calls += 1
            if self.calls == self._number:
                os.kill(os.getpid(), signal.SIGKILL)


def _in_a_fork(work, library, folder, arrange):
    """Run a command in a process of its own, for which `arrange` may have prepared an early end."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        arrange()
        work(library, folder)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


@pytest.fixture(scope="module")
def whole(calibrated, music, tmp_path_factory):
    """What files are like before and after, how many calls that takes, and how long a whole process does."""
    place = tmp_path_factory.mktemp("whole")
    library, folder = shutil.copytree(calibrated, place / "library"), shutil.copytree(music, place / "music")
    before, calls = _state(folder), {}
    for files in (EVERYWHERE, THE_JOURNAL):
        for work in (_write, _undo):
            counting = _AtCall(0, files)
            sys.setprofile(counting)
            try:
                work(library, folder)
            finally:
                sys.setprofile(None)
            calls[work, files] = counting.calls
            if work is _write:
                after = _state(folder)
    assert all(before[name][0] != after[name][0] and before[name][1] == after[name][1] for name in before)
    return before, after, calls, _sounds(folder)


def _are_whole(library, folder, whole):
    before, after, _, sounds = whole
    now = _state(folder)
    assert now.keys() == before.keys()
    for name, state in now.items():
        assert state in (before[name], after[name]), name
    for name, samples in _sounds(folder).items():
        assert np.array_equal(samples, sounds[name]), name
    return now


def _goes_on(library, folder, whole):
    """The next command ends what was begun, leaves nothing behind, and all can be taken back."""
    before, after, *_ = whole
    _write(library, folder)
    assert _state(folder) == after
    assert not list(folder.glob(".tmp-*"))
    taken = _undo(library, folder)
    assert not [one for one in taken if not isinstance(one, str)], taken
    assert _state(folder) == before
    assert not list(folder.glob(".tmp-*"))


@pytest.fixture
def own(calibrated, music, tmp_path):
    return (
        Path(shutil.copytree(calibrated, tmp_path / "library")),
        Path(shutil.copytree(music, tmp_path / "music")),
    )


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_kill_leaves_every_file_with_the_old_or_the_new_tags(seed, own, whole):
    library, folder = own
    chance = random.Random(seed)
    work = _undo if seed % 5 == 4 else _write
    if work is _undo:
        _write(library, folder)
    files = THE_JOURNAL if seed % 2 else EVERYWHERE
    doomed = _AtCall(chance.randint(1, whole[2][work, files]), files)
    status = _in_a_fork(work, library, folder, lambda: sys.setprofile(doomed))
    assert os.WIFSIGNALED(status), "it was done before it was killed"
    _are_whole(library, folder, whole)
    _goes_on(library, folder, whole)


_MOMENTS = {
    "begin": (Step, "begin"),
    "copy": (writer.shutil, "copyfile"),
    "save": (writer, "save_tagged"),
    "dress": (writer.shutil, "copystat"),
    "ready": (Step, "ready"),
    "replace": (Path, "replace"),
    "sync": (writer, "sync_folder"),
    "end": (Step, "end"),
    "settle": (Journal, "settle"),
    "unsettle": (Journal, "unsettle"),
}


def _killed_at(moment, is_after):
    """Arranges an end at the second file, right before or after a function is called."""
    place, name = _MOMENTS[moment]
    real, calls = getattr(place, name), []

    def deadly(*arguments, **options):
        calls.append(name)
        if is_after:
            real(*arguments, **options)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return None if is_after else real(*arguments, **options)

    return lambda: setattr(place, name, deadly)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("work", "moment"),
    [
        (work, moment)
        for work in (_write, _undo)
        for moment in _MOMENTS
        if (work, moment) not in ((_write, "unsettle"), (_undo, "settle"))
    ],
)
def test_a_kill_at_each_step(work, moment, is_after, own, whole):
    library, folder = own
    if work is _undo:
        _write(library, folder)
    assert os.WIFSIGNALED(_in_a_fork(work, library, folder, _killed_at(moment, is_after)))
    _are_whole(library, folder, whole)
    _goes_on(library, folder, whole)


@pytest.mark.parametrize("seed", range(max(4, KILLS // 5)))
def test_a_killed_command_leaves_every_file_with_the_old_or_the_new_tags(seed, own, whole, singerid):
    library, folder = own
    command = ("--plugin", EARS, "tag", library, folder, "--write", "--threads", 1)
    with singerid.start(*command) as process:
        began = time.monotonic()
        # At any time after the first copy is there.
        while process.poll() is None and not list(folder.glob(".tmp-*")) and time.monotonic() - began < 60:
            time.sleep(0.001)
        time.sleep(random.Random(seed).random() * 0.6)
        process.kill()
    _are_whole(library, folder, whole)
    _goes_on(library, folder, whole)
