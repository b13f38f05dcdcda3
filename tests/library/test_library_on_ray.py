"""On a Ray cluster the result is the same library, whatever happens to workers."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

import made_voices
from cluster_here import EARS, cluster_here
from singerid.errors import SingeridError
from singerid.library import on_ray
from singerid.library.entrants import entrants_of_tree
from singerid.library.heard_rows import Heard
from singerid.library.library import Library
from singerid.library.on_ray import DIED, Elsewhere
from singerid.system.ray_cluster import Spread

# An encoder like "small": its process dies at a buzz of 2 kHz, and waits for a file at one of 3 kHz.
DEADLY = """
import os, signal, time
from dataclasses import replace
from functools import partial
from pathlib import Path
from singerid.encoders.encoder import EncoderEntry
from singerid.encoders.registry import ENCODERS
import runpy
small = runpy.run_path({ears!r}, run_name="ears")

def network(bands, windows):
    height = windows[:, :128].mean((0, 2)).argmax()
    if {low} <= height:
        Path({began!r}).write_text(str(os.getpid()))
        while not Path({go!r}).exists():
            if {dies}:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.01)
    return small["_with_voice"](bands, windows)

def opened(name, device, weights):
    made = small["_open"](96, "small", device, weights)
    return replace(made, name=name, with_voice=partial(network, 96))

ENCODERS.register({name!r}, EncoderEntry("dies of a pitch", opened, 96, None))
"""


@pytest.fixture(scope="module")
def music(tmp_path_factory) -> Path:
    """Three singers, a file that is not audio, one in which nobody sings, and one twice."""
    tree = made_voices.write_singers(tmp_path_factory.mktemp("music") / "tree")
    made_voices.write_noise(tree / "Ada/album 0/noise.wav")
    (tree / "Bea/album 0/bad.wav").write_bytes(b"RIFF no sound")
    (tree / "Cy/album 0/again.wav").write_bytes((tree / "Cy/album 0/0.wav").read_bytes())
    return tree


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    with cluster_here(EARS):
        yield


def elsewhere(tmp_path: Path, workers: int = 2) -> Elsewhere:
    return Elsewhere(Spread(workers=workers), str(tmp_path / "heard"), "cpu")


def entrants(tree: Path):
    return entrants_of_tree(tree, None, lambda failure: None)


def enrolled(folder: Path, tree: Path, where: Elsewhere | None, encoder: str = "small"):
    """The report of enrolling a tree into a new library, and the library's contents."""
    steps = []
    with Library.open(folder, create=True) as library:
        report = library.enroll_all(
            entrants(tree), encoder=encoder, elsewhere=where, step=lambda: steps.append(1)
        )
        recordings = library.core.database.rows(
            "SELECT role, name, album, fingerprint, seconds, voice_seconds, exemplar, hex(vector) "
            "FROM recordings LEFT JOIN singers ON singers.id = singer "
            "JOIN vectors ON recording = recordings.id ORDER BY recordings.rowid"
        )
        places = library.core.database.rows("SELECT path, size, changed_ns FROM places ORDER BY rowid")
    said = [
        report.failures,
        report.voiceless,
        report.warnings,
        report.notices,
        report.added,
        report.unchanged,
    ]
    assert len(steps) == len(entrants(tree))
    return said, recordings, places


def test_it_ends_as_the_same_library(music, tmp_path, monkeypatch):
    far = enrolled(tmp_path / "far", music, elsewhere(tmp_path))
    here = enrolled(tmp_path / "here", music, None)
    assert far == here
    assert [failure.path for failure in far[0][0]] == [str(music / "Bea/album 0/bad.wav")]
    assert far[0][1] == [music / "Ada/album 0/noise.wav"]
    rows = list(Heard(elsewhere(tmp_path).parquet).rows())
    assert len(rows) == 12 == len({row.path for row in rows})

    def heard_again(ray, opening, loads, spread):
        again = [asked.path for load in loads for asked in load]
        assert again == [str(music / "Bea/album 0/bad.wav")]  # it may have been repaired
        return each_load(ray, opening, loads, spread)

    each_load = on_ray.each_load
    monkeypatch.setattr(on_ray, "each_load", heard_again)
    assert enrolled(tmp_path / "other", music, elsewhere(tmp_path)) == here
    assert len(list(Heard(elsewhere(tmp_path).parquet).rows())) == 12


def test_the_same_voices_are_found(music, tmp_path):
    found = []
    for where in (None, elsewhere(tmp_path)):
        with Library.open(tmp_path / f"library {where is None}", create=True) as library:
            with library.core.database.command("settle") as entry:
                library.core.settle(entry, "small")
            groups, report = library.discover([one.path for one in entrants(music)], elsewhere=where)
            places = library.paths([one for voice in groups.voices for one in voice.recordings])
            found.append(
                [
                    sorted(sorted(places[one] for one in voice.recordings) for voice in groups.voices),
                    len(groups.single),
                    report.failures,
                    report.voiceless,
                ]
            )
    assert found[0] == found[1]
    assert len(found[0][0]) == 3


def plugin(tmp_path: Path, name: str, dies: bool) -> Path:
    path = tmp_path / f"{name}.py"
    path.write_text(
        DEADLY.format(
            ears=str(EARS),
            low=60,
            began=str(tmp_path / "began"),
            go=str(tmp_path / "go"),
            dies=dies,
            name=name,
        )
    )
    return path


def with_ears(path: Path):
    """This process knows them, too."""
    from singerid.encoders.registry import ENCODERS
    from singerid.plugins import LOADED, load_plugin

    class Known:
        def __enter__(self):
            self.restored = ENCODERS.restored()
            self.restored.__enter__()
            self.before = list(LOADED)
            load_plugin(path)

        def __exit__(self, *error):
            LOADED[:] = self.before
            self.restored.__exit__(*error)

    return Known()


def test_a_recording_that_kills_workers_is_reported_and_the_rest_is_heard(music, tmp_path):
    tree = made_voices.write_singers(tmp_path / "tree", takes=2)
    deadly = made_voices.write_voice(tree / "Ada/album 0/deadly.wav", 2000.0, 1.5)
    with with_ears(plugin(tmp_path, "deadly", dies=True)):
        said, recordings, _ = enrolled(tmp_path / "far", tree, elsewhere(tmp_path), "deadly")
    assert [(failure.path, failure.reason) for failure in said[0]] == [(str(deadly), DIED)]
    assert len(recordings) == 6


def test_a_worker_that_is_killed_costs_nothing(music, tmp_path):
    tree = made_voices.write_singers(tmp_path / "tree", takes=2)
    made_voices.write_voice(tree / "Ada/album 0/slow.wav", 2000.0, 1.5)
    killed = []

    def kill():
        began = tmp_path / "began"
        while not (began.exists() and began.read_text()):
            time.sleep(0.01)
        killed.append(int(began.read_text()))
        os.kill(killed[0], signal.SIGKILL)
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill, daemon=True)
    with with_ears(plugin(tmp_path, "slow", dies=False)):
        killer.start()
        far = enrolled(tmp_path / "far", tree, elsewhere(tmp_path), "slow")
        here = enrolled(tmp_path / "here", tree, None, "slow")
    assert killed
    assert far == here
    assert len(far[1]) == 6  # the small test encoder hears no voice in a buzz of 2 kHz
    rows = [row.path for row in Heard(elsewhere(tmp_path).parquet).rows()]
    assert len(rows) == 7 == len(set(rows))


def test_a_worker_with_other_weights_is_one_line(music, tmp_path, monkeypatch):
    where = elsewhere(tmp_path)
    with Library.open(tmp_path / "library", create=True) as library:
        with library.core.database.command("settle") as entry:
            library.core.settle(entry, "small")
        settings = library.core.settings
        import dataclasses

        monkeypatch.setattr(
            type(library.core),
            "settings",
            property(lambda core: dataclasses.replace(settings, identity="old")),
        )
        with pytest.raises(
            SingeridError, match=r"^\S+: hears otherwise .*: its vectors were made with other"
        ):
            library.enroll_all(entrants(music), elsewhere=where)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_heard(music, tmp_path):
    (tmp_path / "file").write_text("")
    where = Elsewhere(Spread(), str(tmp_path / "file/heard"), "cpu")
    with (
        Library.open(tmp_path / "library", create=True) as library,
        pytest.raises(SingeridError, match=r"file/heard: cannot be"),
    ):
        library.enroll_all(entrants(music), encoder="small", elsewhere=where)


def test_a_path_that_no_worker_sees_is_told(music, tmp_path):
    where = Elsewhere(Spread(), str(tmp_path / "heard"), "cpu", weights=tmp_path / "gone.whl")
    with Library.open(tmp_path / "library", create=True) as library:
        with library.core.database.command("settle") as entry:
            library.core.settle(entry, "small")
        told = r"^\S+: cannot see .*gone\.whl; put it where all machines see it"
        with pytest.raises(SingeridError, match=told):
            library.enroll_all(entrants(music), elsewhere=where)
