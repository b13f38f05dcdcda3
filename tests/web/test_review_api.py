"""Questions on the page, and unnamed voices: every answer is kept as what a person said."""

import pytest
from desk_clients import client

import made_voices
from singerid.library.library import Library

VOICES = {"low": 150.0, "high": 700.0}


@pytest.fixture
def files(tmp_path):
    return [
        made_voices.write_voice(tmp_path / f"{name} {n}.wav", pitch * (1 + 0.004 * n), 7 + 0.3 * n, n)
        for name, pitch in VOICES.items()
        for n in range(3 if name == "low" else 2)
    ]


@pytest.fixture
def page(own_library, files):
    with Library.open(own_library) as library:
        library.discover([*files, made_voices.write_voice(files[0].parent / "alone.wav", 1100, 7.2)])
    with client(own_library) as opened:
        yield opened


def _reply(page, answer, singer=None):
    question = page.get("review").json()["question"]
    found = page.post("review", json={"id": question["id"], "answer": answer, "singer": singer})
    assert found.status_code == 200, found.text
    return question, found.json()


def test_the_largest_group_is_asked_about_first_with_a_clip(page, files):
    found = page.get("review").json()
    question = found["question"]
    assert (found["left"], found["answered"]) == (6, 0)
    assert question["song"]["path"] in set(map(str, files[:3]))
    assert question["group"] == {"number": 1, "size": 3}
    assert question["clip"]["end_s"] - question["clip"]["start_s"] == 5
    assert question["why"]


def test_somebody_elses_name_enrolls_the_song_and_names_others(page, own_library):
    question, found = _reply(page, "someone_else", "Dee")
    assert found["answered"] == 1
    assert found["left"] < 5  # that song, and those of its voice
    assert found["question"]["id"] != question["id"]
    with Library.open(own_library) as library:
        assert library.recordings_of("Dee")[0]["id"] == question["id"]
        assert library.recordings_of("Dee")[0]["said"]
    assert page.post("undo", json={}).json()["undone"][0]["command"] == "say"
    assert page.get("review").json()["left"] == 6


def test_yes_names_whom_it_was_asked_about(page, own_library):
    question, _ = _reply(page, "yes", "Ada")
    with Library.open(own_library) as library:
        assert library.identify(question["song"]["path"]).singer == "Ada"


def test_no_is_kept(page, own_library):
    question, found = _reply(page, "no", "Ada")
    assert found["left"] == 6
    with Library.open(own_library) as library:
        assert library.core.contents.statements[question["id"]] == {
            library.core.contents.number_of("Ada"): False
        }


def test_nobody_sings_is_kept(page, own_library):
    question, found = _reply(page, "nobody")
    assert found["left"] == 5
    with Library.open(own_library) as library:
        answer = library.identify(question["song"]["path"])
        assert (answer.decision, answer.said) == ("no_voice", True)


def test_what_is_skipped_comes_last_until_the_server_is_started_again(page, own_library):
    first, found = _reply(page, "skip")
    assert (found["left"], found["answered"]) == (6, 0)
    assert found["question"]["id"] != first["id"]
    order = [_reply(page, "skip")[0]["id"] for _ in range(5)]
    assert first["id"] not in order
    assert page.get("review").json()["question"]["id"] == first["id"]
    with client(own_library) as again:
        assert again.get("review").json()["question"]["id"] == first["id"]


def test_a_shown_question_is_asked_again_by_its_id_as_long_as_it_is_open(page):
    first = page.get("review").json()
    _, second = _reply(page, "skip")
    asked = page.get("review", params={"id": second["question"]["id"]}).json()
    assert asked == second
    asked = page.get("review", params={"id": first["question"]["id"]}).json()
    assert (asked["question"], asked["left"]) == (first["question"], first["left"])
    following = page.post(
        "review", json={"id": first["question"]["id"], "answer": "someone_else", "singer": "Dee"}
    ).json()
    for one in (first["question"]["id"], "nothing"):
        assert page.get("review", params={"id": one}).json() == following


def test_a_question_that_was_answered_meanwhile_is_told(page):
    question, _ = _reply(page, "someone_else", "Dee")
    for answer in ("yes", "skip", "nobody"):
        body = {"id": question["id"], "answer": answer, "singer": "Ada"}
        found = page.post("review", json=body)
        assert found.status_code == 409
        assert "answered meanwhile" in found.json()["detail"]


@pytest.mark.parametrize("answer", ["yes", "no", "someone_else"])
def test_the_singer_of_an_answer_must_be_given(page, answer):
    question = page.get("review").json()["question"]
    found = page.post("review", json={"id": question["id"], "answer": answer})
    assert 400 <= found.status_code < 500
    assert "give the name of the singer" in found.json()["detail"]


def test_when_all_are_named_nothing_is_asked(page):
    for _ in range(6):
        if page.get("review").json()["question"] is None:
            break
        _reply(page, "someone_else", "Dee")
    found = page.get("review").json()
    assert (found["question"], found["left"]) == (None, 0)


def test_an_empty_library_asks_nothing(tmp_path):
    Library.open(tmp_path / "library", create=True).close()
    with client(tmp_path / "library") as page:
        assert page.get("review").json() == {"question": None, "left": 0, "answered": 0}
        assert page.get("voices").json() == {"groups": [], "alone": 0, "discovered": False}


def test_unnamed_voices_are_groups_of_songs(page, files):
    found = page.get("voices").json()
    assert (found["alone"], found["discovered"]) == (1, True)
    groups = {group["number"]: {song["path"] for song in group["songs"]} for group in found["groups"]}
    assert groups == {1: set(map(str, files[:3])), 2: set(map(str, files[3:]))}
    song = found["groups"][0]["songs"][0]
    assert song["present"]
    assert song["clip"]["end_s"] - song["clip"]["start_s"] == 5


def test_a_voice_is_named(page, own_library):
    assert page.post("voices/name", json={"number": 1, "singer": "Dee"}).json() == {"recordings": 3}
    assert [group["number"] for group in page.get("voices").json()["groups"]] == [2]
    answer = page.post("voices/name", json={"number": 1, "singer": "Dee"})
    assert 400 <= answer.status_code < 500
    assert "no such voice" in answer.json()["detail"]


def test_a_voice_is_meant_though_a_file_is_called_so(page, own_library, tmp_path, monkeypatch):
    here = tmp_path / "here"
    made_voices.write_voice(here / "a.wav", 410.0).rename(here / "voice 1")
    (here / page.get("review").json()["question"]["id"]).write_bytes((here / "voice 1").read_bytes())
    monkeypatch.chdir(here)
    with Library.open(own_library) as library:
        library.rename("Cy", "voice 2")
    question, _ = _reply(page, "yes", "Ada")
    song = page.get("voices").json()["groups"][1]["songs"][0]
    assert page.post("voices/not", json={"number": 2, "recording": song["recording"]}).status_code == 200
    assert page.post("voices/name", json={"number": 1, "singer": "Dee"}).json()["recordings"] >= 2
    with Library.open(own_library) as library:
        assert question["id"] in {one["id"] for one in library.recordings_of("Ada")}
        assert len(library.recordings_of("voice 2")) == 3
        assert not library.core.contents.statements.get(song["recording"])


def test_a_song_is_taken_out_of_a_voice_for_good(page, files, own_library):
    song = page.get("voices").json()["groups"][0]["songs"][0]
    body = {"number": 1, "recording": song["recording"]}
    assert page.post("voices/not", json=body).json() == {"recordings": 1}
    with Library.open(own_library) as library:
        library.discover([])
    left = page.get("voices").json()["groups"]
    assert song["recording"] not in {one["recording"] for group in left for one in group["songs"]}
