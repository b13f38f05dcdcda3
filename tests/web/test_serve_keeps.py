"""A correction is kept or refused as a whole; a dropped file is kept as long as its song is in the list."""

from pathlib import Path

import pytest
from listening_here import listen_here
from served import API, Within

import made_voices
from singerid.errors import SingeridError
from singerid.library.library import Library
from singerid.library.saying import KnownRecording
from singerid.web import bench, kept, worker
from singerid.web.settings import Limits, Settings


@pytest.fixture
def music(tmp_path):
    return tmp_path / "music"


@pytest.fixture
def within(own_library, music):
    music.mkdir()
    with Within(Settings(own_library, (music,), limits=Limits(jobs=2, quiet_seconds=30))) as server:
        yield server


def heard(server, path, name=""):
    """Put a file into the list as the worker does; gives the song's id."""
    with server.desk.library() as library:
        return library.keep(path, library.hearing(path, lambda _: None, with_cells=True), "", name)


def dropped(server):
    return sorted(path for path in server.desk.settings.uploads.rglob("*") if path.is_file())


def voice_bytes(tmp_path):
    return made_voices.write_voice(tmp_path / "voice.wav", 200.0).read_bytes()


def state(library):
    with Library.open(library) as opened:
        return made_voices.dump(opened)


def fails(*_, **__):
    raise SingeridError("README.md: cannot be written (no space); free some space")


@pytest.mark.parametrize("what", ["pages", "fit", "answers"])
def test_what_follows_from_a_correction_fails_alone(within, own_library, music, monkeypatch, what, caplog):
    song = heard(within, made_voices.write_voice(music / "a.wav", 520.0))
    place = {
        "pages": "singerid.library.library.write_pages",
        "fit": "singerid.library.core.LibraryCore.fit",
        "answers": "singerid.library.library.Library.answer_again",
    }[what]
    monkeypatch.setattr(place, fails)
    for path, body in (
        ("singers/rename", {"name": "Ada", "to": "Eve"}),
        (f"songs/{song}/say", {"is": "Dora"}),
        (f"songs/{song}/say", {"nobody": True}),
        ("singers/merge", {"name": "Bea", "into": "Eve", "preview": False}),
        ("singers/split", {"name": "Eve", "into": "Fay"}),
        ("undo", {"count": 1}),
        ("singers/forget", {"name": "Cy", "sure": True}),
    ):
        answer = within.http.post(f"{API}/{path}", json=body)
        assert answer.status_code == 200, (path, answer.text)
        if what == "fit" and path == "singers/split":
            continue  # with two voices in one, the answer stays as it was
        notice = within.http.get(f"{API}/state").json()["notice"]
        assert "the change is stored, but" in notice or what == "fit"
    with Library.open(own_library) as library:
        assert "Eve" in library.singers
        assert "Cy" not in library.singers
    assert "the change is stored, but" in "\n".join(caplog.messages)
    monkeypatch.undo()
    within.http.post(f"{API}/singers/rename", json={"name": "Eve", "to": "Ada"})
    assert within.http.get(f"{API}/state").json()["notice"] == ""


def test_of_a_song_without_a_voice_nothing_is_said_in_vain(within, own_library, music):
    noise = heard(within, made_voices.write_noise(music / "noise.wav"))
    before = state(own_library)
    for said in ({"is": "Ada"}, {"is_not": "Ada"}):
        answer = within.http.post(f"{API}/songs/{noise}/say", json=said)
        assert answer.status_code == 409
        assert "there is no voice to name; nothing was kept" in answer.json()["detail"]
    assert state(own_library) == before
    answer = within.http.post(f"{API}/songs/{noise}/say", json={"nobody": True})
    assert (answer.status_code, answer.json()["said"]) == (200, True)


def test_of_a_song_whose_voice_is_not_known_any_more_it_is_to_be_heard_again(
    within, own_library, music, listening
):
    path = made_voices.write_voice(music / "a.wav", 520.0)
    song = heard(within, path)
    with Library.open(own_library) as library, library.core.database.changing() as change:
        change.run("DELETE FROM recordings WHERE role = 'heard'")
    before = state(own_library)
    answer = within.http.post(f"{API}/songs/{song}/say", json={"is": "Dora"})
    assert answer.status_code == 409
    assert "hear the song again, then say it again" in answer.json()["detail"]
    assert state(own_library) == before
    job = within.http.post(f"{API}/songs/{song}/hear")
    assert (job.status_code, job.json()["kind"]) == (202, "hear")
    work_off(own_library, within.desk.settings)
    answer = within.http.post(f"{API}/songs/{song}/say", json={"is": "Dora"})
    assert answer.status_code == 200, answer.text


def test_what_is_said_of_a_file_is_said_of_a_recording_that_was_enrolled_meanwhile(
    within, own_library, music
):
    path = made_voices.write_voice(music / "a.wav", 520.0)
    song = heard(within, path)
    with within.desk.library() as library:
        library.core.database.connection.execute("UPDATE answers SET recording = NULL")
    assert within.http.post(f"{API}/songs/{song}/say", json={"is": "Dora"}).status_code == 200
    with Library.open(own_library) as library:
        assert len(library.recordings_of("Dora")) == 1


def test_a_recording_that_is_gone_is_told(own_library):
    with Library.open(own_library) as library, pytest.raises(SingeridError, match="does not have it"):
        library.say(KnownRecording("Ada"), singer="Ada")


def work_off(folder, settings):
    """Do all jobs, as the worker does, in this process."""
    with Library.open(folder) as library:
        desk = bench.Bench(library, settings)
        while taken := library.jobs.take():
            worker.do(desk, *taken)
            yielded = library.jobs.get(taken[0].id)
        desk.close()
    return yielded


@pytest.fixture
def listening(monkeypatch):
    """Other processes do not listen: this one does."""
    listen_here(monkeypatch)


def test_a_dropped_song_is_heard_again_and_removed_with_its_song(within, own_library, tmp_path, listening):
    assert within.upload(("My song.wav", voice_bytes(tmp_path))).status_code == 200
    assert work_off(own_library, within.desk.settings).state == "done"
    (song,) = within.http.get(f"{API}/songs").json()["songs"]
    job = within.http.post(f"{API}/songs/{song['id']}/hear")
    assert (job.status_code, job.json()["state"]) == (202, "waiting")
    assert work_off(own_library, within.desk.settings).message == "1 song heard"
    (song,) = within.http.get(f"{API}/songs").json()["songs"]
    assert song["name"] == "My song.wav"
    assert len(dropped(within)) == 1
    assert within.http.delete(f"{API}/songs/{song['id']}").status_code == 200
    assert dropped(within) == []
    assert list(within.desk.settings.uploads.iterdir()) == []
    assert within.http.post(f"{API}/songs/{song['id']}/hear").status_code == 404


def test_a_dropped_song_leaves_the_list_though_its_file_cannot_be_removed(
    within, own_library, tmp_path, listening, monkeypatch
):
    assert within.upload(("My song.wav", voice_bytes(tmp_path))).status_code == 200
    assert work_off(own_library, within.desk.settings).state == "done"
    (song,) = within.http.get(f"{API}/songs").json()["songs"]

    def locked(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", locked)
        assert within.http.delete(f"{API}/songs/{song['id']}").status_code == 200
    assert within.http.get(f"{API}/songs").json()["songs"] == []
    assert len(dropped(within)) == 1  # a day later it is removed


def test_a_song_of_ones_own_is_heard_again_and_stays_when_it_leaves_the_list(
    within, own_library, music, listening
):
    path = made_voices.write_voice(music / "a.wav", 520.0)
    song = heard(within, path)
    version = within.http.get(f"{API}/songs/{song}").json()["version"]
    made_voices.write_voice(path, 200.0, 2.2)
    assert within.http.get(f"{API}/songs/{song}").json()["version"] not in ("", version)
    assert within.http.post(f"{API}/songs/{song}/hear").status_code == 202
    work_off(own_library, within.desk.settings)
    assert within.http.get(f"{API}/songs/{song}").json()["singers"][0]["singer"] == "Ada"
    assert within.http.delete(f"{API}/songs/{song}").status_code == 200
    assert path.is_file()


def test_one_that_lies_outside_is_not_heard_again(within, tmp_path):
    song = heard(within, made_voices.write_voice(tmp_path / "outside.wav", 520.0))
    answer = within.http.post(f"{API}/songs/{song}/hear")
    assert (answer.status_code, "--root FOLDER" in answer.text) == (403, True)


def test_of_jobs_that_are_refused_or_cancelled_no_file_stays(within, own_library, tmp_path, monkeypatch):
    content = voice_bytes(tmp_path)
    jobs = [within.upload((f"{n}.wav", content)).json()["job"]["id"] for n in range(2)]
    assert within.upload(("c.wav", content)).status_code == 429
    monkeypatch.setattr("singerid.web.api.hear.check_room", lambda *_: None)  # another job came between
    assert within.upload(("c.wav", content)).status_code == 429
    assert len(dropped(within)) == 2
    assert within.http.delete(f"{API}/jobs/{jobs[0]}").json()["state"] == "cancelled"
    assert len(dropped(within)) == 1
    with Library.open(own_library) as library:  # the worker stops in the middle
        job, arguments = library.jobs.take()
        library.jobs.cancel(job.id)
        worker.do(bench.Bench(library, within.desk.settings), job, arguments)
    assert dropped(within) == []


def test_what_cannot_be_used_after_all_does_not_stay(within, own_library, tmp_path, monkeypatch, listening):
    within.upload(("a.wav", voice_bytes(tmp_path)), ("b.wav", voice_bytes(tmp_path)))
    dropped(within)[0].write_bytes(b"RIFF nothing")
    assert "1 could not be used" in work_off(own_library, within.desk.settings).message
    assert len(dropped(within)) == 1


def test_what_a_power_cut_left_is_removed_a_day_later(own_library, tmp_path):
    import os

    settings = Settings(own_library)
    old, new, listed, waiting = (
        settings.uploads / name / "1.wav" for name in ("old", "new", "listed", "waits")
    )
    for path in (old, new, listed, waiting):
        made_voices.write_voice(path, 520.0)
    for path in (old, listed, waiting):
        os.utime(path, (0, 0))
    with Library.open(own_library) as library:
        library.keep(listed, library.hearing(listed, lambda _: None, with_cells=True))
        library.jobs.add("hear", {"paths": [str(waiting)]})
        kept.remove_forgotten(library, settings)
    assert [path.exists() for path in (old, new, listed, waiting)] == [False, True, True, True]
    assert not old.parent.exists()
    assert Path(listed).exists()
