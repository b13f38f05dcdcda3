"""What the page plays and draws: every format, byte ranges; files and folders that it may not."""

import json
from pathlib import Path

import pytest
import soundfile
from served import API, Within

import music_files
from made_voices import write_voice
from singerid.library.library import Library
from singerid.web.settings import Limits, Settings


@pytest.fixture(scope="module")
def within(sung, tmp_path_factory):
    import shutil

    folder = tmp_path_factory.mktemp("sounds")
    library = shutil.copytree(sung.library, folder / "library")
    (folder / "music").mkdir()
    with Within(
        Settings(library, (folder / "music",), limits=Limits(seconds=20, quiet_seconds=30))
    ) as server:
        yield server, folder


def listed(library, path):
    """Put a file into the list, as if it had been heard."""
    with Library.open(library) as opened:
        content = {"path": str(path), "decision": "unknown", "seconds": 2.0, "voice_seconds": 1.0}
        return opened.answers.put(str(path), 1, 1, None, content, opened.state)


@pytest.mark.parametrize("ending", music_files.ENDINGS)
def test_every_format_is_played_and_drawn(within, ending, tmp_path):
    server, folder = within
    path = music_files.write_song(folder / "music" / f"song.{ending}")
    song = listed(folder / "library", path)
    answer = server.http.get(f"{API}/songs/{song}/sound")
    assert answer.status_code == 200, answer.text
    kind = answer.headers["content-type"]
    assert kind in ("audio/mpeg", "audio/wav", "audio/flac", "audio/ogg", "audio/mp4")
    playable = server.http.get(f"{API}/songs/{song}").json()["playable"]
    assert playable == ("file" if answer.content == path.read_bytes() else "converted")
    assert playable == ("converted" if ending in ("wma", "wv", "aiff", "oga") else playable)
    played = tmp_path / "played"
    played.write_bytes(answer.content)
    rate, samples = music_files.decoded(played)
    assert samples.shape[-1] / rate == pytest.approx(2.0, abs=0.15)
    drawn = server.http.get(f"{API}/songs/{song}/peaks").json()
    assert drawn["seconds"] == pytest.approx(2.0, abs=0.15)
    assert 2 <= len(drawn["peaks"]) <= 4000
    assert -1 <= min(drawn["peaks"]) < 0 < max(drawn["peaks"]) <= 1
    picture = server.http.get(f"{API}/songs/{song}/spectrogram.png")
    assert picture.content.startswith(b"\x89PNG")


def test_byte_ranges(within):
    server, folder = within
    path = write_voice(folder / "music" / "ranges.wav", 200.0)
    song = listed(folder / "library", path)
    whole = path.read_bytes()

    def get(ranges):
        return server.http.get(f"{API}/songs/{song}/sound", headers={"range": ranges})

    for ranges, expected in (
        ("bytes=0-9", whole[:10]),
        ("bytes=100-", whole[100:]),
        ("bytes=-7", whole[-7:]),
        (f"bytes=5-{10**9}", whole[5:]),
    ):
        answer = get(ranges)
        assert (answer.status_code, answer.content) == (206, expected), ranges
        assert answer.headers["content-range"].endswith(f"/{len(whole)}")
    assert get(f"bytes={len(whole)}-").status_code == 416
    assert server.http.head(f"{API}/songs/{song}/sound").status_code in (200, 405)


def test_what_is_converted_is_kept_and_made_once(within, monkeypatch):
    server, folder = within
    path = music_files.write_song(folder / "music" / "once.wma")
    song = listed(folder / "library", path)
    first = server.http.get(f"{API}/songs/{song}/sound")
    looking = server.app.state.looking
    monkeypatch.setattr(looking, "ask", lambda *_: pytest.fail("was asked again"))
    assert server.http.get(f"{API}/songs/{song}/sound").content == first.content
    cache = folder / "library" / "serve" / "cache"
    assert not list(cache.glob(".tmp-*"))


def test_where_there_is_no_opus_it_is_wav(within, monkeypatch, tmp_path):
    from singerid.web import converting

    path = music_files.write_song(tmp_path / "a.wma")
    monkeypatch.setattr(converting.av, "codecs_available", {"flac"})
    assert converting.ending() == "wav"
    converting.convert(path, tmp_path / "a.wav", 60.0, lambda: None)
    assert soundfile.info(tmp_path / "a.wav").duration == pytest.approx(2.0, abs=0.15)


def test_a_song_that_has_moved_keeps_its_answer_and_says_why_it_does_not_play(within):
    server, folder = within
    path = write_voice(folder / "music" / "moved.wav", 200.0)
    song = listed(folder / "library", path)
    path.rename(path.with_name("elsewhere.wav"))
    told = server.http.get(f"{API}/songs/{song}").json()
    assert (told["present"], told["playable"], told["decision"]) == (False, "", "unknown")
    for what in ("sound", "peaks", "spectrogram.png"):
        answer = server.http.get(f"{API}/songs/{song}/{what}")
        assert answer.status_code == 404
        assert "is not there any more; put it back" in answer.json()["detail"]


def test_what_is_no_sound_is_never_sent(within):
    server, folder = within
    page = folder / "music" / "page.mp3"
    page.write_text("<script>alert(1)</script>" * 99)
    song = listed(folder / "library", page)
    answer = server.http.get(f"{API}/songs/{song}/sound")
    assert answer.status_code == 422
    assert b"<script>" not in answer.content
    assert answer.headers["content-type"] == "application/json"


def test_a_sound_that_is_too_long_is_not_drawn(within):
    server, folder = within
    path = write_voice(folder / "music" / "long.wav", 200.0, 21.0)
    song = listed(folder / "library", path)
    answer = server.http.get(f"{API}/songs/{song}/peaks")
    assert answer.status_code == 422
    assert "is longer than 0:20" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/etc", "/", "{root}/..", "{root}/../library", "{root}/link", "relative", "{root}\0"]
)
def test_folders_outside_the_roots_are_refused(within, path):
    server, folder = within
    root = folder / "music"
    link = root / "link"
    if not link.is_symlink():
        link.symlink_to(folder / "library")
    wanted = path.format(root=root)
    answer = server.http.get(f"{API}/folders", params={"path": wanted})
    assert (answer.status_code, "--root FOLDER" in answer.text) == (403, True)
    answer = server.http.post(f"{API}/hear", json={"paths": [wanted]})
    assert (answer.status_code, "--root FOLDER" in answer.text) == (403, True)


def test_folders_inside_are_listed_without_links_that_lead_out(within):
    server, folder = within
    root = folder / "music"
    (root / "albums" / "first").mkdir(parents=True, exist_ok=True)
    (root / "out").exists() or (root / "out").symlink_to(folder.parent)
    told = server.http.get(f"{API}/folders").json()
    assert told["folders"] == [{"name": "music", "path": str(root)}]
    told = server.http.get(f"{API}/folders", params={"path": str(root)}).json()
    assert told["parent"] is None
    assert {one["name"] for one in told["folders"]} == {"albums"}
    told = server.http.get(f"{API}/folders", params={"path": str(root / "albums")}).json()
    assert (told["parent"], [one["name"] for one in told["folders"]]) == (str(root), ["first"])


def test_recordings_of_the_library_are_played(within, sung):
    server, folder = within
    with Library.open(folder / "library") as library:
        ((recording, path),) = list(library.paths([library.core.contents.recordings[0].id]).items())
    answer = server.http.get(f"{API}/recordings/{recording}/sound")
    assert len(answer.content) == Path(path).stat().st_size
    assert server.http.get(f"{API}/recordings/{recording}/peaks").json()["peaks"]
    assert server.http.get(f"{API}/recordings/nothing/sound").status_code == 404


def test_the_library_of_another_program_is_told_and_one_that_is_gone(own_library):
    with Within(Settings(own_library)) as server:
        assert server.http.get(f"{API}/state").status_code == 200
        away = own_library.rename(own_library.with_name("away"))
        answer = server.http.get(f"{API}/state")
        assert answer.status_code == 503
        assert "is not there any more" in json.loads(answer.text)["detail"]
        away.rename(own_library)
        assert server.http.get(f"{API}/state").status_code == 200
