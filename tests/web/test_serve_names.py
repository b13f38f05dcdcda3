"""Names that are not UTF-8 are shown and opened; links that lead out are never followed."""

import os
from pathlib import Path

import pytest
from desk_clients import client
from served import API, Within

import made_voices
from singerid.tags.kinds import kind_of, open_tagged
from singerid.web.settings import Settings

ANDRE = "Andr\udce9"  # as Python reads a name in Latin-1
TOLD = r"Andr\udce9"


@pytest.fixture
def page(tmp_path):
    """The API of a library with a singer and files of such names."""
    folder = tmp_path / "library"
    (tmp_path / ANDRE).mkdir()
    plain = made_voices.write_voice(tmp_path / "plain" / "a.wav", 200.0).read_bytes()
    files = [tmp_path / ANDRE / f"{ANDRE}{n}.wav" for n in range(4)]
    for path in files:
        path.write_bytes(plain)
    with made_voices.made(folder, ("Ada", "Bea")) as library:
        takes = [made_voices.take(ANDRE, n, path) for n, path in enumerate(files)]
        made_voices.put(library, takes)
        songs = [("", n, tmp_path / ANDRE / f"song {ANDRE}{n}.wav") for n in range(3)]
        made_voices.put(library, [made_voices.take(*song) for song in songs])
        one = library.core.contents.recordings[-1].id
        path = str(songs[-1][2])
        content = {
            "path": path, "decision": "known", "seconds": 9.0, "voice_seconds": 8.0, "probability": 0.9,
            "singers": [{"singer": ANDRE, "probability": 0.9, "seconds": 3.0}],
            "nearest": [{"path": path, "singer": ANDRE, "score": 0.5}], "name": f"{ANDRE}.wav",
        }  # fmt: skip
        library.answers.put(path, 1, 1, one, content, library.state)
        with library.core.database.changing() as change:
            change.run("INSERT INTO voices DEFAULT VALUES")
            change.run("UPDATE recordings SET voice = 1 WHERE role = 'heard'")
    with client(folder, tmp_path) as opened:
        yield opened


def test_every_name_is_told(page):
    for path, params in (
        *(("state", {}), ("journal", {}), ("jobs", {}), ("songs", {}), ("songs/1", {}), ("singers", {})),
        *(("singer", {"name": TOLD}), ("review", {}), ("voices", {}), ("trust", {}), ("answers.csv", {})),
        *(("answers.json", {"singer": TOLD}), ("answers.rttm", {}), ("answers.txt", {})),
        ("singer/picture.svg", {"name": TOLD}),
    ):
        answer = page.get(path, params)
        assert answer.status_code == 200, (path, answer.text)
        if path in ("songs", "singers", "singer", "voices"):
            assert TOLD in str(answer.json()).replace("\\\\", "\\")


def test_what_was_told_is_understood(page, tmp_path):
    assert page.post("singers/split", json={"name": TOLD, "into": "Cy"}).json()["moved"]
    assert page.post("singers/merge", json={"name": "Cy", "into": TOLD, "preview": True}).status_code == 200
    assert page.post("singers/merge", json={"name": "Cy", "into": TOLD, "preview": False}).json()["moved"]
    assert page.post("songs/1/say", json={"is_not": TOLD}).status_code == 200
    assert page.post("songs/1/say", json={"is": TOLD}).status_code == 200
    assert page.post("tags", json={"write": False}).status_code == 200
    assert page.post("singers/rename", json={"name": TOLD, "to": "André"}).json() == {"name": "André"}
    with page.desk.library() as library:
        assert set(library.singers) == {"Ada", "Bea", "André"}
        assert len(library.recordings_of("André")) == 5


def test_songs_of_such_a_singer_are_found_and_voices_are_named_so(page):
    assert page.get("songs", {"singer": TOLD}).json()["total"] == 1
    assert TOLD in page.get("answers.csv", {"singer": TOLD}).text
    assert page.post("voices/name", json={"number": 1, "singer": TOLD}).status_code == 200
    with page.desk.library() as library:
        assert set(library.singers) == {"Ada", "Bea", ANDRE}
        assert len(library.recordings_of(ANDRE)) == 7


def test_a_folder_of_such_a_name_is_opened_and_heard(page, tmp_path):
    (tmp_path / ANDRE / "b\nc").mkdir()
    listed = page.get("folders", {"path": str(tmp_path)}).json()["folders"]
    (folder,) = [one for one in listed if one["name"] == TOLD]
    inside = page.get("folders", {"path": folder["path"]})
    assert inside.json()["files"] == 4
    assert inside.json()["path"] == folder["path"]
    (below,) = inside.json()["folders"]
    assert page.get("folders", {"path": below["path"]}).json()["parent"] == folder["path"]
    assert page.post("hear", json={"paths": [folder["path"], below["path"]]}).status_code == 200
    with page.desk.library() as library:
        (arguments,) = library.jobs.unfinished_arguments()
    assert arguments["paths"] == [str(tmp_path / ANDRE), str(tmp_path / ANDRE / "b\nc")]
    assert page.get("folders", {"path": folder["path"] + "x"}).status_code == 404
    (tmp_path / TOLD).mkdir()  # a folder that really has this name comes first
    assert page.get("folders", {"path": folder["path"]}).json()["files"] == 0


def test_through_a_link_out_of_the_roots_nothing_is_listed(own_library, tmp_path, monkeypatch):
    (tmp_path / "outside" / ANDRE).mkdir(parents=True)
    root = tmp_path / f"music {ANDRE}"
    (root / ANDRE).mkdir(parents=True)
    (root / "link").symlink_to(tmp_path / "outside")
    listed, really = [], Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda folder: listed.append(folder) or really(folder))
    with client(own_library, root) as page:
        for below in (TOLD, f"{TOLD}/x", "x"):
            path = f"{tmp_path}/music {TOLD}/link/{below}"
            assert page.get("folders", {"path": path}).status_code == 403
        assert root / "link" not in listed
        assert page.get("folders", {"path": f"{tmp_path}/music {TOLD}/{TOLD}"}).status_code == 200


@pytest.fixture
def linked(tag_library, sung, tmp_path):
    """A song in a root, which by now is a link out of it; and a song that was enrolled from elsewhere."""
    outside = tmp_path / "outside" / "song.wav"
    outside.parent.mkdir()
    outside.write_bytes((sung.tree / "Ada/album 0/0.wav").read_bytes())
    link = tmp_path / "music" / "link.wav"
    link.parent.mkdir()
    link.symlink_to(outside)
    with Within(Settings(tag_library, (link.parent,))) as server:
        with server.desk.library() as library:
            for path in (link, outside):
                library.keep(path, library.hearing(path, lambda _: None, with_cells=True))
        yield server, outside


def test_a_link_out_of_the_roots_is_neither_played_nor_written_through(linked):
    server, outside = linked
    before = outside.read_bytes()
    songs = {Path(song["path"]).name: song["id"] for song in server.http.get(f"{API}/songs").json()["songs"]}
    for what in ("sound", "peaks", "spectrogram.png"):
        answer = server.http.get(f"{API}/songs/{songs['link.wav']}/{what}")
        assert answer.status_code == 403
        assert "a link leads out of the folders that may be heard" in answer.json()["detail"]
    assert server.http.get(f"{API}/songs/{songs['link.wav']}").json()["playable"] == ""
    # It was heard or enrolled from there: it is played, and nothing is written into it.
    assert server.http.get(f"{API}/songs/{songs['song.wav']}/sound").content == before
    for body in (
        {"write": True},
        {"write": True, "force": True},
        {"write": True, "songs": list(songs.values())},
    ):
        changes = server.http.post(f"{API}/tags", json=body).json()["changes"]
        assert [change["status"] for change in changes] == ["failed"] * 2
        assert all("is in no folder that may be heard" in change["note"] for change in changes)
    undone = server.http.post(f"{API}/tags/undo", json={"songs": list(songs.values())}).json()
    assert undone["undone"] == []
    assert len(undone["failures"]) == 2
    assert outside.read_bytes() == before
    assert not open_tagged(outside, kind_of(outside)).performers()


def test_a_link_within_the_roots_is_a_file_of_theirs(tag_library, sung, tmp_path):
    song = tmp_path / "music" / "song.wav"
    song.parent.mkdir()
    song.write_bytes((sung.tree / "Ada/album 0/0.wav").read_bytes())
    link = song.with_name("link.wav")
    link.symlink_to(song.name)
    with Within(Settings(tag_library, (song.parent,))) as server:
        with server.desk.library() as library:
            one = library.keep(link, library.hearing(link, lambda _: None, with_cells=True))
        assert server.http.get(f"{API}/songs/{one}/sound").content == song.read_bytes()


def test_a_playlist_is_looked_at_without_what_it_names(tmp_path, monkeypatch):
    from singerid.web import converting

    asked, really = [], converting.av.open

    def opened(file, **options):
        asked.append((file, options))
        return really(file, **options)

    monkeypatch.setattr(converting.av, "open", opened)
    path = tmp_path / "list.mp3"
    path.write_bytes(b"ffconcat version 1.0\nfile other.wav\n")
    made_voices.write_voice(tmp_path / "other.wav", 200.0)
    assert converting.media_type(path) == ""
    assert asked[0][1]["options"] == {"protocol_whitelist": "none"}
    assert not isinstance(asked[0][0], str | os.PathLike)
