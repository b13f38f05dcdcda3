"""Files beside recordings: written in place of tags, never over somebody else's, and undone."""

import json
from xml.etree import ElementTree

import pytest

import made_voices
import music_files
from singerid.errors import Failure
from singerid.library.library import Library
from singerid.tags.tagger import Tagger
from singerid.tags.undo import take_back


@pytest.fixture
def song(tmp_path):
    return music_files.write_song(tmp_path / "music" / "song.flac", made_voices.PITCHES["Ada"])


def _written(library, medium, *files, write=True):
    with Library.open(library) as opened, Tagger(opened, write=write, medium=medium) as tagger:
        return list(tagger.outcomes(files))


BESIDE = {"json": "song.flac.singerid.json", "nfo": "song.nfo"}


@pytest.mark.parametrize("medium", BESIDE)
def test_it_is_written_beside_the_recording_which_stays_as_it_is(medium, song, tag_library):
    content = song.read_bytes()
    [dry] = _written(tag_library, medium, song, write=False)
    assert dry.status == "would write"
    assert [path.name for path in song.parent.iterdir()] == ["song.flac"]
    [change] = _written(tag_library, medium, song)
    assert (change.status, change.added) == ("written", (BESIDE[medium],))
    assert {path.name for path in song.parent.iterdir()} == {"song.flac", BESIDE[medium]}
    assert song.read_bytes() == content
    assert _written(tag_library, medium, song)[0].status == "up to date"


@pytest.mark.parametrize("medium", BESIDE)
@pytest.mark.parametrize("given", ["recording", "sidecar"])
def test_it_is_taken_back_by_the_name_of_either_file(medium, given, song, tag_library):
    _written(tag_library, medium, song)
    beside = song.parent / BESIDE[medium]
    done = list(take_back(tag_library, [song if given == "recording" else beside]))
    assert done == [str(beside)]
    assert [path.name for path in song.parent.iterdir()] == ["song.flac"]


def test_json_holds_what_identify_says(song, tag_library):
    _written(tag_library, "json", song)
    found = json.loads((song.parent / BESIDE["json"]).read_text(encoding="utf-8"))
    assert found["path"] == "song.flac"
    assert found["decision"] == "known"
    assert found["singers"][0]["singer"] == "Ada"
    assert found["written_by"]["library"] == "my singers"


def test_nfo_holds_the_singers_for_media_centres(song, tag_library):
    with Library.open(tag_library) as library:
        library.rename("Ada", 'Ada <& "群星"')
    _written(tag_library, "nfo", song)
    root = ElementTree.parse(song.parent / BESIDE["nfo"]).getroot()
    assert root.tag == "musicvideo"
    assert root.findtext("performer/name") == 'Ada <& "群星"'
    assert root.findtext("performer/role") == "vocals"


@pytest.mark.parametrize("medium", BESIDE)
@pytest.mark.parametrize("content", ["<musicvideo><title>Mine</title></musicvideo>", "{}", "", "{broken"])
def test_what_somebody_else_wrote_is_never_replaced(medium, content, song, tag_library):
    place = song.parent / BESIDE[medium]
    place.write_text(content)
    [outcome] = _written(tag_library, medium, song)
    assert isinstance(outcome, Failure)
    assert f"singerid did not write {BESIDE[medium]} beside it" in outcome.reason
    assert place.read_text() == content


def test_an_nfo_of_another_file_is_not_replaced(song, tag_library):
    other = music_files.write_song(song.with_suffix(".mp3"), made_voices.PITCHES["Ada"])
    first, second = _written(tag_library, "nfo", song, other)
    assert first.status == "written"
    assert isinstance(second, Failure)


@pytest.mark.parametrize("medium", BESIDE)
def test_undo_removes_it_and_gives_the_one_before_back(medium, song, tag_library):
    place = song.parent / BESIDE[medium]
    _written(tag_library, medium, song)
    first = place.read_bytes()
    with Library.open(tag_library) as library:
        library.rename("Ada", "Adele")
    _written(tag_library, medium, song)
    second = place.read_bytes()
    assert first != second
    list(take_back(tag_library))
    assert place.read_bytes() == first
    assert list(take_back(tag_library, [song])) == [str(place)]
    assert [path.name for path in song.parent.iterdir()] == ["song.flac"]
    assert _written(tag_library, medium, song)[0].status == "written"


def test_undo_leaves_what_somebody_changed_since(song, tag_library):
    _written(tag_library, "json", song)
    place = song.parent / BESIDE["json"]
    place.write_text("{}")
    [outcome] = take_back(tag_library)
    assert isinstance(outcome, Failure)
    assert place.read_text() == "{}"


@pytest.mark.parametrize("medium", BESIDE)
def test_it_goes_when_the_library_does_not_say_so_any_more_and_comes_back_by_undo(medium, song, tag_library):
    _written(tag_library, medium, song)
    place = song.parent / BESIDE[medium]
    content = place.read_bytes()
    with Library.open(tag_library) as library:
        library.say(song, never="Ada")
    [change] = _written(tag_library, medium, song)
    assert (change.status, change.removed) == ("written", (BESIDE[medium],))
    assert not place.exists()
    assert list(take_back(tag_library)) == [str(place)]
    assert place.read_bytes() == content


def test_a_format_without_an_agreed_field_gets_one(tmp_path, tag_library):
    import soundfile

    song = tmp_path / "song.au"
    soundfile.write(song, *soundfile.read(made_voices.write_voice(tmp_path / "a.wav", 200.0)))
    assert _written(tag_library, "json", song)[0].status == "written"


def test_a_folder_that_cannot_be_written_is_told(song, tag_library, monkeypatch):
    from pathlib import Path

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)
    [outcome] = _written(tag_library, "json", song)
    assert isinstance(outcome, Failure)
    assert "make the file and its folder writable" in outcome.reason
    assert [path.name for path in song.parent.iterdir()] == ["song.flac"]
