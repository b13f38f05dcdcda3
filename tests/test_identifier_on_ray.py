"""Answers made on a Ray cluster are those that are made here."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

import made_voices
import small_ears
from cluster_here import EARS, cluster_here
from singerid.errors import Failure
from singerid.identifier import identify_files
from singerid.identifier_on_ray import Question, answers_elsewhere
from singerid.library import on_ray
from singerid.library.heard_rows import Heard, ways
from singerid.library.library import Library
from singerid.library.on_ray import Elsewhere
from singerid.system.ray_cluster import Spread


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    with small_ears.known(), cluster_here(EARS):
        yield


@pytest.fixture(scope="module")
def asked(sung, tmp_path_factory) -> list[Path]:
    """Songs of the library, others, a stranger's, noise, no sound, and a file that is not there."""
    folder = tmp_path_factory.mktemp("asked")
    files = [
        *sorted(sung.tree.rglob("*.wav"))[:3],
        made_voices.write_voice(folder / "new.wav", 203.0, 2.2, 30),
        made_voices.write_voice(folder / "stranger.wav", 620.0, 2.0, 31),
        made_voices.write_noise(folder / "noise.wav"),
        folder / "bad.wav",
        folder / "gone.wav",
        folder / ".." / folder.name / "new.wav",
    ]
    (folder / "bad.wav").write_bytes(b"no sound")
    return files


def both(question: Question, files: list[Path], where: Elsewhere, **options: bool):
    identifier = question.load("cpu", None)
    here = list(identify_files(identifier, files, **options))
    return list(answers_elsewhere(identifier, question, files, where, **options)), here


def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(Spread(workers=2), str(tmp_path / "heard"), "cpu")


def test_a_librarys_answers_are_the_same(calibrated, asked, tmp_path, monkeypatch):
    question = Question(calibrated)
    far, here = both(question, asked, elsewhere(tmp_path))
    assert far == here
    assert {outcome.decision for outcome in far[:6]} == {"known", "unknown", "no_voice"}
    assert isinstance(far[6], Failure)
    assert far[7] == Failure(str(asked[7]), "does not exist; check the name")
    rows = {Path(row.path).name: row for row in Heard(elsewhere(tmp_path).parquet).rows()}
    assert json.loads(rows["stranger.wav"].answer)["decision"] == rows["stranger.wav"].decision == "unknown"
    assert rows["stranger.wav"].vectors is not None
    with Library.open(tmp_path / "other", create=True) as library:
        assert library.import_from(elsewhere(tmp_path).parquet)[0] == 5

    # Asked again, nobody listens; of a library that has changed since, everybody does.
    heard = []
    loads_of = on_ray.each_load
    monkeypatch.setattr(
        on_ray, "each_load", lambda ray, work, loads, spread: heard.extend(
            Path(one.path).name for load in loads for one in load
        ) or loads_of(ray, work, loads, spread),
    )  # fmt: skip
    again, _ = both(question, asked, elsewhere(tmp_path), timeline=False)
    assert again[:6] == [replace(outcome, timeline=()) for outcome in far[:6]]
    assert sorted(heard) == ["bad.wav", "gone.wav"]
    left = {path.name for path in Path(tempfile.gettempdir()).glob("singerid-*/library.sqlite3*")}
    assert not left  # nobody finds the copies of the library


def test_answers_of_a_library_that_has_changed_are_made_anew(own_library, asked, tmp_path):
    question, files = Question(own_library), asked[3:5]
    first, _ = both(question, files, elsewhere(tmp_path))
    assert first[1].decision == "unknown"
    with Library.open(own_library) as library:
        library.enroll("Dee", [asked[4]])
    second, here = both(question, files, elsewhere(tmp_path))
    assert second == here
    assert second[1].singer == "Dee"


def test_a_networks_answers_are_the_same(trained, recordings, tmp_path):
    files = sorted(path for path in recordings.tree.rglob("*") if path.is_file())[:3]
    far, here = both(Question(trained.path, all_clips=True), files, elsewhere(tmp_path))
    assert far == here
    assert all(outcome.singer for outcome in far)


def test_a_prior_is_part_of_the_question(calibrated, asked, tmp_path):
    for prior in (None, 0.01):
        far, here = both(Question(calibrated, prior=prior), asked[3:4], elsewhere(tmp_path))
        assert far == here
    assert len(ways(elsewhere(tmp_path).parquet)) == 2
