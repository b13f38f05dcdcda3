"""A recording is found again when its file is renamed or retagged, and keeps the statements about it."""

import shutil
import struct

import pytest
import soundfile

import made_voices
from conftest import SAMPLE_RATE, voice
from made_voices import heard, made, put, take
from singerid.library.enroll import Entrant
from singerid.library.finding import FoundFile
from singerid.library.hearing import Hearing
from singerid.library.library import Library


@pytest.fixture
def library(own_library):
    with Library.open(own_library) as opened:
        yield opened


@pytest.fixture
def deaf(monkeypatch):
    """From now on, hearing a file fails the test."""
    monkeypatch.setattr(Hearing, "__call__", lambda *_: pytest.fail("is heard again"))


def _tagged(path, target):
    """A copy of a WAV with tags before its samples."""
    content = path.read_bytes()
    text = b"INFOINAM" + struct.pack("<I", 6) + b"Title\0"
    chunk = b"LIST" + struct.pack("<I", len(text)) + text
    size = struct.pack("<I", len(content) - 8 + len(chunk))
    target.write_bytes(b"RIFF" + size + content[8:12] + chunk + content[12:])
    return target


def test_a_known_file_is_not_heard_again(library, sung, deaf):
    files = sorted((sung.tree / "Ada").rglob("*.wav"))
    assert library.enroll("Ada", files).unchanged == 3


def test_a_retagged_and_renamed_file_is_the_same_recording(library, sung, tmp_path, deaf):
    before = library.recordings_of("Ada")
    copy = _tagged(sung.tree / "Ada/album 0/0.wav", tmp_path / "renamed.wav")
    report = library.enroll("Ada", [copy])
    assert (report.added, report.unchanged) == (0, 1)
    after = library.recordings_of("Ada")
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert str(copy) in {row["path"] for row in after}


def test_an_album_that_was_not_known_is_filled_in_and_stays(library, tmp_path):
    path = made_voices.write_voice(tmp_path / "song.wav", 205, 3.1)
    library.identify(path)
    for given, albums, changed in (("", "", 0), (" One ", "One", 1), ("One", "One", 0), ("Two", "One", 0)):
        report = library.enroll("Ada", [path], album=given)
        assert report.changed == changed
        (row,) = (row for row in library.recordings_of("Ada") if row["path"] == str(path))
        assert row["album"] == albums
    library.undo()
    (row,) = (row for row in library.recordings_of("Ada") if row["path"] == str(path))
    assert row["album"] == ""


def test_a_song_that_was_heard_gets_its_album_with_its_singer(library, tmp_path):
    path = made_voices.write_voice(tmp_path / "song.wav", 205, 3.1)
    library.discover([path])
    assert library.enroll("Ada", [path], album="One").changed == 1
    assert [row["album"] for row in library.recordings_of("Ada") if row["path"] == str(path)] == ["One"]


def test_statements_belong_to_the_sound_not_the_file(library, sung, tmp_path):
    library.say(sung.tree / "Ada/album 0/0.wav", singer="Cy")
    copy = _tagged(sung.tree / "Ada/album 0/0.wav", tmp_path / "renamed.wav")
    answer = library.identify(copy)
    assert (answer.decision, answer.singer, answer.said) == ("known", "Cy", True)


def test_a_file_that_changed_its_sound_is_another_recording(library, sung, tmp_path):
    path = shutil.copy(sung.tree / "Ada/album 0/0.wav", tmp_path / "song.wav")
    assert library.enroll("Ada", [path]).unchanged == 1
    made_voices.write_voice(tmp_path / "song.wav", 205, 3.1)
    assert library.enroll("Ada", [path]).added == 1


def test_another_encoding_is_found_by_its_voice_and_told(library, tmp_path):
    path = made_voices.write_voice(tmp_path / "song.wav", 205, 3.1)
    library.enroll("Ada", [path])
    library.say(path, never="Cy")
    soundfile.write(tmp_path / "song.flac", voice(205, 3.1, 0), SAMPLE_RATE, subtype="PCM_24")
    report = library.enroll("Ada", [tmp_path / "song.flac"])
    assert (report.added, report.unchanged) == (0, 1)
    assert report.notices == [
        f"{tmp_path}/song.flac: sounds like a recording in the library and has the same length; "
        "taken to be that recording"
    ]


def test_another_encoding_is_found_when_it_is_asked_about(library, tmp_path):
    path = made_voices.write_voice(tmp_path / "song.wav", 205, 3.1)
    library.say(path, singer="Cy")
    soundfile.write(tmp_path / "song.flac", voice(205, 3.1, 0), SAMPLE_RATE, subtype="PCM_24")
    answer = library.identify(tmp_path / "song.flac")
    assert (answer.singer, answer.said) == ("Cy", True)
    assert "taken to be that recording" in answer.warning


@pytest.mark.parametrize(
    ("seconds", "spread", "is_same"), [(0.05, 0.0, True), (0.2, 0.0, False), (0.05, 0.5, False)]
)
def test_length_and_voice_must_both_be_alike(tmp_path, seconds, spread, is_same):
    with made(tmp_path / "library") as library:
        entrant, _, _ = take("Ada", 0)
        other = heard("Ada", 0 if not spread else 1, seconds=100.0 + seconds)
        report = put(library, [(entrant, FoundFile("", 0, 0, "another print"), other)])
    assert report.added == (not is_same)


def test_one_sound_under_two_singers_in_one_call_is_refused_and_told(library, tmp_path):
    first = made_voices.write_voice(tmp_path / "a.wav", 800)
    second = _tagged(first, tmp_path / "b.wav")
    third = made_voices.write_voice(tmp_path / "c.wav", 600)
    report = library.enroll_all([Entrant(first, "Dee"), Entrant(second, "Eve"), Entrant(third, "Eve")])
    assert report.added == 1
    assert [(failure.path, failure.reason.split(",")[0]) for failure in report.failures] == [
        (str(first), f"has the same sound as {second}"),
        (str(second), f"has the same sound as {first}"),
    ]
    assert "Dee" not in library.singers


def test_one_sound_twice_under_one_singer_is_one_recording(library, tmp_path):
    first = made_voices.write_voice(tmp_path / "a.wav", 800)
    report = library.enroll("Dee", [first, _tagged(first, tmp_path / "b.wav")])
    assert (report.added, report.unchanged) == (1, 1)
    assert len(library.recordings_of("Dee")) == 1


def test_another_encoding_in_the_same_call_is_one_recording(library, tmp_path):
    path = made_voices.write_voice(tmp_path / "song.wav", 805, 3.1)
    soundfile.write(tmp_path / "song.flac", voice(805, 3.1, 0), SAMPLE_RATE, subtype="PCM_24")
    report = library.enroll("Dee", [path, tmp_path / "song.flac"])
    assert (report.added, report.unchanged) == (1, 1)


def test_another_encoding_under_another_singer_is_refused(library, tmp_path):
    path = made_voices.write_voice(tmp_path / "song.wav", 805, 3.1)
    library.enroll("Dee", [path])
    soundfile.write(tmp_path / "song.flac", voice(805, 3.1, 0), SAMPLE_RATE, subtype="PCM_24")
    (failure,) = library.enroll("Eve", [tmp_path / "song.flac"]).failures
    assert "it is enrolled as 'Dee', not 'Eve'" in failure.reason
