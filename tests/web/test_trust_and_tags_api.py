"""What the page says about how far a library can be trusted, and the tags that it writes."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from desk_clients import client

from singerid.library.library import Library
from singerid.tags.kinds import kind_of, open_tagged
from singerid.web import tagging
from singerid.web.settings import Settings


@pytest.fixture
def page(own_library):
    with client(own_library) as opened:
        yield opened


@pytest.fixture
def song(sung, tmp_path):
    """A song by Ada, whose voice was enrolled from other files."""
    return Path(shutil.copy(sung.tree / "Ada/album 0/0.wav", tmp_path / "song.wav"))


@pytest.fixture
def tag_page(tag_library, song):
    """The page of a library that is calibrated to 1 % and has heard the song."""
    with client(tag_library, song.parent) as opened:
        with opened.desk.library() as library:
            _keep(library, song)
        yield opened


def _keep(library, path):
    """Put a file into the list of what was heard; gives its id."""
    return library.keep(path, library.hearing(path, lambda _: None, with_cells=True))


def _performers(path):
    return [str(one) for one in open_tagged(path, kind_of(path)).performers()]


def test_without_a_calibration_it_says_so_and_how_to_make_one(page):
    found = page.get("trust").json()
    assert (found["calibrated"], found["promise"], found["picture"]) == (False, None, False)
    assert "is not calibrated, so its error rates are not known" in found["words"][0]
    assert "singerid library" not in found["words"][0]  # the page has a button for that
    assert found["audit"] is None
    answer = page.get("trust/picture.svg")
    assert answer.status_code == 404
    assert "is not calibrated" in answer.json()["detail"]


def test_a_calibration_in_words_numbers_and_a_picture(tag_page):
    found = tag_page.get("trust").json()
    assert found["calibrated"]
    assert any("each left out with its album" in sentence for sentence in found["words"])
    assert found["promise"]["wanted"] == 0.01
    assert found["promise"]["strangers"] == 3
    assert not found["promise"]["kept"]  # three singers are too few for such a promise
    assert {one["name"] for one in found["little"]} <= {"Ada", "Bea", "Cy"}
    assert found["picture"]
    answer = tag_page.get("trust/picture.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "<svg" in answer.text


def test_whom_it_confuses_and_who_has_two_voices(page, own_library):
    with Library.open(own_library) as library:
        library.merge("Bea", "Ada")
        own = library.recordings_of("Cy")
        library.say(own[0]["id"], singer="Bea")
        library.say(own[1]["id"], singer="Bea")
        library.calibrate(0.3)
    found = page.get("trust").json()
    assert "Ada" in {one["name"] for one in found["two_voices"]}
    assert all(one["songs"] for one in found["two_voices"])
    assert {(one["a"], one["b"]) for one in found["confusions"]} & {("Bea", "Cy"), ("Cy", "Bea")}


def test_an_audit_of_the_encoders_run_is_told(page, own_run, own_library, monkeypatch):
    from singerid.evaluation.record import record_audit
    from singerid.runs.run import Run

    record_audit(Run.open(own_run), {"summary": ["It goes by the voice."]})
    with Library.open(own_library) as library, library.core.database.changing() as change:
        change.run("UPDATE settings SET value = ? WHERE key = 'encoder'", (str(own_run),))
    assert page.get("trust").json()["audit"] == ["It goes by the voice."]


def test_calibrating_and_grouping_are_jobs(page):
    job = page.post("trust/calibrate", json={"fpir": 0.02}).json()
    assert (job["kind"], job["state"]) == ("calibrate", "waiting")
    job = page.post("voices/discover", json={}).json()
    assert (job["kind"], job["state"]) == ("discover", "waiting")
    assert page.post("trust/calibrate", json={"fpir": 1.5}).status_code == 422


def test_first_what_would_change_is_said_and_nothing_is_written(tag_page, song):
    before = song.read_bytes()
    found = tag_page.post("tags", json={"write": False}).json()
    (change,) = found["changes"]
    assert (change["path"], change["status"], change["added"]) == (str(song), "would write", ["Ada (vocals)"])
    assert (found["held_back"], found["summary"]) == ("", "1 file would be written")
    assert song.read_bytes() == before


def test_tags_are_written_and_taken_back(tag_page, song):
    before = _performers(song)
    (change,) = tag_page.post("tags", json={"write": True}).json()["changes"]
    assert change["status"] == "written"
    assert _performers(song) == [*before, "Ada (vocals)"]
    found = tag_page.post("tags/undo", json={}).json()
    assert found == {"undone": [str(song)], "failures": []}
    assert _performers(song) == before
    answer = tag_page.post("tags/undo", json={})
    assert 400 <= answer.status_code < 500
    assert "nothing was written" in answer.json()["detail"]


def test_a_library_without_the_promise_holds_names_back(own_library, song):
    with client(own_library, song.parent) as page:
        with page.desk.library() as library:
            one = _keep(library, song)
        before = song.read_bytes()
        found = page.post("tags", json={"songs": [one], "write": True}).json()
        assert found["changes"][0]["status"] == "held back"
        assert "is not calibrated" in found["held_back"]
        assert "--" not in found["held_back"]  # the page has buttons in place of options
        assert song.read_bytes() == before
        found = page.post("tags", json={"songs": [one], "write": True, "force": True}).json()
        assert (found["changes"][0]["status"], found["held_back"]) == ("written", "")


def test_notes_on_the_page_name_no_option(tag_page, song):
    tag_page.post("tags", json={"write": True})
    tagged = open_tagged(song, kind_of(song))
    tagged.set_performers([])
    tagged.save(song, song)
    with tag_page.desk.library() as library:
        _keep(library, song)
    (change,) = tag_page.post("tags", json={"write": False}).json()["changes"]
    assert change["note"] == "somebody removed Ada"


@pytest.mark.parametrize("harm", ["changed", "moved", "said"])
def test_what_has_changed_since_it_was_heard_is_not_written(tag_page, tag_library, sung, song, harm):
    if harm == "changed":
        shutil.copy(sung.tree / "Bea/album 0/0.wav", song)
    elif harm == "moved":
        song.rename(song.with_name("elsewhere.wav"))
    else:
        with Library.open(tag_library) as library:
            library.say(sung.tree / "Ada/album 1/1.wav", singer="Cy")
    (change,) = tag_page.post("tags", json={"write": True}).json()["changes"]
    assert change["status"] == "failed"
    assert change["note"]
    if song.exists():
        assert "Ada (vocals)" not in _performers(song)


@pytest.mark.parametrize("what", ["tag", "untag"])
def test_while_it_finds_out_where_songs_lie_it_tells_that_it_goes_on(
    own_library, tmp_path, what, monkeypatch
):
    """With a slow drive and many songs, the process seemed to hang."""
    told = []
    monkeypatch.setattr(tagging, "may_write", lambda *_: told.append("looked"))
    with Library.open(own_library) as library:
        content = {"decision": "unknown", "seconds": 2.0, "voice_seconds": 1.0}
        paths = [str(tmp_path / f"{n}.wav") for n in range(3)]
        songs = [library.answers.put(one, 1, 1, None, content | {"path": one}, "") for one in paths]
    settings, beat = Settings(own_library), partial(told.append, "beat")
    if what == "tag":
        found = tagging.write(settings, songs, False, False, beat)["changes"]
    else:
        found = tagging.undo(settings, songs, beat)["failures"]
    assert [one["path"] for one in found] == paths
    assert told == ["beat", "looked"] * 3


def test_songs_that_are_not_in_the_list_change_nothing(tag_page):
    found = tag_page.post("tags", json={"songs": [99], "write": True}).json()
    assert found["changes"] == []
    assert tag_page.post("tags", json={"songs": [], "write": True}).status_code == 422


def test_kept_answers_say_what_was_said(own_library, song):
    from singerid.identify.result import Result

    with Library.open(own_library) as library:
        result = library.identify(song)
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
