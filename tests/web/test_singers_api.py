"""The singers on the page: looked at, corrected, taken back."""

import shutil
from threading import Event, Thread
from xml.etree import ElementTree

import pytest
from desk_clients import client

import made_voices
from singerid.library import database
from singerid.library.database import Database
from singerid.library.library import Library


@pytest.fixture
def page(own_library):
    with client(own_library) as opened:
        yield opened


def _names(page, q=""):
    return [one["name"] for one in page.get("singers", params={"q": q}).json()["singers"]]


def test_a_card_says_how_many_how_long_how_sure_and_where_to_listen(page, sung):
    ada, *_ = page.get("singers").json()["singers"]
    assert (ada["name"], ada["recordings"]) == ("Ada", 3)
    assert ada["seconds"] > 3
    assert 0.8 < ada["fit"] <= 1
    own = page.get("singer", params={"name": "Ada"}).json()["recordings"]
    (clip,) = [one for one in own if one["id"] == ada["clip"]["recording"]]
    assert clip["fit"] == max(one["fit"] for one in own)
    assert ada["clip"]["start_s"] == 0.0  # shorter than a clip


def test_names_are_searched_by_their_words(page):
    assert _names(page) == ["Ada", "Bea", "Cy"]
    assert _names(page, "aD") == ["Ada"]
    assert _names(page, "nobody") == []


def test_a_singer_has_recordings_and_others_who_sound_alike(page, sung):
    found = page.get("singer", params={"name": "ada"}).json()
    assert found["name"] == "Ada"
    assert {one["path"] for one in found["recordings"]} == set(map(str, (sung.tree / "Ada").rglob("*.wav")))
    assert all(one["present"] and not one["said"] for one in found["recordings"])
    assert {one["name"] for one in found["recordings"]} == {"0.wav", "1.wav", "2.wav"}
    assert {one["name"] for one in found["alike"]} == {"Bea", "Cy"}
    assert found["alike"][0]["score"] > found["alike"][1]["score"]


def test_nobody_of_that_name_is_told_in_one_line(page):
    answer = page.get("singer", params={"name": "Adda"})
    assert 400 <= answer.status_code < 500
    assert answer.json()["detail"] == "nobody in the library is called 'Adda'; near names: Ada"


def test_a_picture_is_the_spectrum_of_a_recording_and_is_kept(page, monkeypatch):
    answer = page.get("singer/picture.svg", params={"name": "Ada"})
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "currentColor" in answer.text
    assert ElementTree.fromstring(answer.text).tag.endswith("svg")
    other = page.get("singer/picture.svg", params={"name": "Cy"}).text
    assert other != answer.text
    monkeypatch.delattr("singerid.web.looking.Looking.ask")
    assert page.get("singer/picture.svg", params={"name": "Ada"}).text == answer.text


def test_of_moved_files_there_is_no_picture_and_no_clip(own_library, tmp_path):
    with made_voices.made(tmp_path / "library"), client(tmp_path / "library") as page:
        answer = page.get("singer/picture.svg", params={"name": "Ada"})
        assert answer.status_code == 404
        assert "all files of this singer have moved" in answer.json()["detail"]
        assert page.get("singers").json()["singers"][0]["clip"] is None


def test_renaming(page):
    assert page.post("singers/rename", json={"name": "Ada", "to": "Ada L."}).json() == {"name": "Ada L."}
    assert _names(page) == ["Ada L.", "Bea", "Cy"]
    answer = page.post("singers/rename", json={"name": "Cy", "to": "Bea"})
    assert 400 <= answer.status_code < 500
    assert "merge them" in answer.json()["detail"]


def test_merging_first_says_what_it_would_move_and_changes_nothing(page):
    body = {"name": "Bea", "into": "Ada", "preview": True}
    preview = page.post("singers/merge", json=body).json()
    assert _names(page) == ["Ada", "Bea", "Cy"]
    assert page.get("journal").json()["entries"][0]["command"] == "enroll"
    assert preview["moved"] == 3
    assert -1 < preview["score"] < 1
    assert {one["name"] for one in preview["recordings"]} == {"0.wav", "1.wav", "2.wav"}
    assert page.post("singers/merge", json=body | {"preview": False}).json() == preview
    assert _names(page) == ["Ada", "Cy"]
    assert 400 <= page.post("singers/merge", json=body | {"name": "ada"}).status_code < 500


def test_splitting_by_recordings_and_by_voice(page):
    page.post("singers/merge", json={"name": "Bea", "into": "Ada", "preview": False})
    by_voice = page.post("singers/split", json={"name": "Ada"}).json()
    assert (by_voice["name"], len(by_voice["moved"]), by_voice["stayed"]) == ("Ada (2)", 3, 3)
    one = page.get("singer", params={"name": "Ada"}).json()["recordings"][0]
    body = {"name": "Ada", "into": "Dee", "recordings": [one["id"]]}
    assert page.post("singers/split", json=body).json() == {
        "name": "Dee",
        "moved": [one["path"]],
        "stayed": 2,
    }


def test_forgetting_asks_to_be_sure_and_leaves_no_picture(page, own_library):
    page.get("singer/picture.svg", params={"name": "Ada"})
    assert list(own_library.rglob("*.voice.svg"))
    answer = page.post("singers/forget", json={"name": "Ada", "sure": False})
    assert 400 <= answer.status_code < 500
    assert "cannot be undone" in answer.json()["detail"]
    assert page.post("singers/forget", json={"name": "Ada", "sure": True}).json() == {"recordings": 3}
    assert _names(page) == ["Bea", "Cy"]
    assert not list(own_library.rglob("*.voice.svg"))


def test_whatever_was_done_is_in_the_journal_and_can_be_taken_back(page):
    page.post("singers/rename", json={"name": "Ada", "to": "Eve"})
    page.post("singers/merge", json={"name": "Bea", "into": "Cy", "preview": False})
    entries = page.get("journal", params={"limit": 2}).json()["entries"]
    assert [one["command"] for one in entries] == ["merge", "rename"]
    assert all(one["can_undo"] for one in entries)
    undone = page.post("undo", json={"count": 2}).json()["undone"]
    assert [one["number"] for one in undone] == [one["number"] for one in entries]
    assert _names(page) == ["Ada", "Bea", "Cy"]


def test_what_is_not_shown_as_the_latest_is_not_taken_back(page, own_library):
    page.post("singers/rename", json={"name": "Ada", "to": "Eve"})
    shown = page.get("state").json()["undo"]["number"]
    with Library.open(own_library) as library:  # by another page, or by a command
        library.rename("Bea", "Fay")
    answer = page.post("undo", json={"latest": shown})
    assert answer.status_code == 409
    assert "rename" in answer.json()["detail"]
    assert "nothing was taken back" in answer.json()["detail"]
    assert _names(page) == ["Cy", "Eve", "Fay"]
    shown = page.get("state").json()["undo"]["number"]
    assert page.post("undo", json={"latest": shown}).json()["undone"][0]["number"] == shown
    assert _names(page) == ["Bea", "Cy", "Eve"]


def test_with_nothing_left_to_take_back_one_line_says_so(page):
    assert page.post("undo", json={}).json()["undone"][0]["command"] == "enroll"
    answer = page.post("undo", json={})
    assert 400 <= answer.status_code < 500
    assert "there is nothing to take back" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("singers/rename", {"name": "Ada"}),
        ("singers/rename", {"name": "Ada", "to": ""}),
        ("singers/rename", {"name": "Ada", "to": "x" * 501}),
        ("singers/merge", {"name": "Ada", "into": "Bea"}),
        ("singers/split", {"name": "Ada", "recordings": []}),
        ("singers/forget", {"name": "Ada", "sure": True, "really": True}),
        ("undo", {"count": 0}),
        ("undo", {"latest": -1}),
    ],
)
def test_what_is_no_such_request_changes_nothing(page, own_library, path, body):
    with Library.open(own_library) as library:
        before = made_voices.dump(library)
    assert page.post(path, json=body).status_code == 422
    with Library.open(own_library) as library:
        assert made_voices.dump(library) == before


def test_while_another_command_writes_a_line_says_so_and_nothing_is_lost(page, own_library, monkeypatch):
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.1)
    writing, done = Event(), Event()

    def write():
        with Database(own_library) as other, other.command("enroll"):
            writing.set()
            done.wait(30)

    thread = Thread(target=write)
    thread.start()
    assert writing.wait(30)
    try:
        answer = page.post("singers/rename", json={"name": "Ada", "to": "Eve"})
        assert answer.status_code == 503
        assert "another command is writing to this library; try again" in answer.json()["detail"]
        assert _names(page) == ["Ada", "Bea", "Cy"]  # reading does not wait
    finally:
        done.set()
        thread.join()
    assert page.post("singers/rename", json={"name": "Ada", "to": "Eve"}).status_code == 200


def test_a_library_that_is_gone_is_told(page, own_library):
    shutil.rmtree(own_library)
    answer = page.get("singers")
    assert answer.status_code >= 400
    assert "\n" not in answer.json()["detail"]


def test_after_a_correction_kept_answers_are_renewed_and_who_looks_is_told(page, tmp_path, monkeypatch):
    path = made_voices.write_voice(tmp_path / "song.wav", 203, 2.6, 77)
    with page.desk.library() as library:
        song = library.keep(path, library.hearing(path, lambda _: None, with_cells=True))
    told = []
    monkeypatch.setattr(page.desk, "tell", lambda event, data: told.append((event, data)))

    def singer():
        with page.desk.library() as library:
            found = page.desk.song(library, song)
        assert not found["stale"]
        return [one["singer"] for one in found["singers"]]

    assert singer() == ["Ada"]
    page.post("singers/rename", json={"name": "Ada", "to": "Eve"})
    assert singer() == ["Eve"]
    assert ("library", {}) in told
    page.post("undo", json={})
    assert singer() == ["Ada"]
    page.post("singers/forget", json={"name": "Ada", "sure": True})
    assert singer() == []
