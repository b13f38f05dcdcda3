"""A store that a Ray cluster makes is, byte for byte, the one that is made here."""

import os
from pathlib import Path

import pytest

from cluster_here import cluster_here
from folders import files
from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.preparation.on_ray import Elsewhere, Extracting
from singerid.preparation.prepare import find_tracks, prepare
from singerid.preparation.sources import read_sources
from singerid.preparation.tools import Tools
from singerid.system.devices import CPU
from singerid.system.ray_cluster import Spread


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    with cluster_here():
        yield


def made(tree: Path, store: Path, where: Elsewhere | None, tools: Tools):
    opened = tools.open(CPU)
    report = prepare(
        find_tracks(tree).tracks,
        tree,
        store,
        workers=1,
        separator=opened.separator,
        trackers=opened.trackers,
        encoders=opened.encoders,
        elsewhere=where,
    )
    return report, files(store)


def test_it_is_the_same_store(recordings, trained, tmp_path):
    tree = tmp_path / "tree"
    for path in sorted(path for path in recordings.tree.rglob("*") if path.is_file())[:6]:
        copy = tree / path.relative_to(recordings.tree)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        os.utime(copy, (1e9, 1e9))  # what is seconds old may still change, and is looked at again
    bad = tree / "zoe/album/bad.wav"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"RIFF no sound")
    tools = Tools(tree, separator="repet", encoders=(str(trained.path),))
    where = Elsewhere(Spread(workers=2), tools, "cpu")
    far, far_files = made(tree, tmp_path / "far", where, tools)
    here, here_files = made(tree, tmp_path / "here", None, tools)
    assert far == here
    assert [failure.path for failure in far.failures] == ["zoe/album/bad.wav"]
    # Lines of the index come in the order in which tracks were done.
    lines = [one.pop("index.jsonl").splitlines() for one in (far_files, here_files)]
    assert sorted(lines[0]) == sorted(lines[1])
    assert far_files == here_files
    assert len(far_files) > 6
    again, _ = made(tree, tmp_path / "far", where, tools)
    assert (again.done, again.unchanged) == (0, 6)


def test_a_store_that_workers_do_not_see_is_told(recordings, tmp_path):
    tools = Tools(recordings.tree, weights=tmp_path / "gone")
    with pytest.raises(SingeridError, match=r"^\S+: cannot see .*gone; put it where all machines see it"):
        made(recordings.tree, tmp_path / "store", Elsewhere(Spread(), tools, "cpu"), Tools(recordings.tree))


def test_other_weights_on_a_worker_are_told(recordings, tmp_path, trained):
    tools = Tools(recordings.tree, encoders=(str(trained.path),))
    opening = Extracting(None, tools, ("other: weights",), "cpu")
    with pytest.raises(SingeridError, match=r"has .*, not other: weights; install the same on all machines"):
        opening()


def test_recordings_are_read_by_the_cluster(recordings, tmp_path, monkeypatch):
    """The machine with the command would read a million songs through one drive."""
    tracks = find_tracks(recordings.tree).tracks
    gone = Track("alto/gone.wav", "alto", "")
    here = list(read_sources([*tracks, gone], recordings.tree, threads=2))
    monkeypatch.setattr("singerid.preparation.sources.file_hash", None)  # workers have their own
    where = Elsewhere(Spread(), Tools(recordings.tree), "cpu")
    assert list(where.sources([*tracks, gone], recordings.tree)) == here
    assert [type(one).__name__ for one in here] == ["Source"] * len(tracks) + ["Failure"]
