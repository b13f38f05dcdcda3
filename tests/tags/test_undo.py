"""Undo restores earlier fields, the latest change first, and leaves the changes of others alone."""

import shutil
import sqlite3

import mutagen
import pytest
from mutagen.id3 import TXXX

import made_voices
import music_files
from singerid.errors import Failure, SingeridError
from singerid.library.library import Library
from singerid.tags.fields import Performer
from singerid.tags.journal import Journal
from singerid.tags.kinds import kind_of, open_tagged
from singerid.tags.tagger import Tagger
from singerid.tags.undo import take_back


@pytest.fixture
def songs(tmp_path):
    """One of each kind."""
    return [
        music_files.write_song(
            tmp_path / "music" / f"song.{ending}", made_voices.PITCHES["Ada"], title="A title"
        )
        for ending in ("mp3", "flac", "wma", "wv")
    ]


def _tagged(library, *files, **options):
    with Library.open(library) as opened, Tagger(opened, write=True, **options) as tagger:
        return list(tagger.outcomes(files))


def _fields(song):
    return open_tagged(song, kind_of(song)).fields()


def test_the_latest_command_is_taken_back_and_then_the_one_before(songs, tag_library):
    _tagged(tag_library, *songs)
    first = [_fields(song) for song in songs]
    with Library.open(tag_library) as library:
        library.rename("Ada", "Adele")
    _tagged(tag_library, *songs)
    assert all(field not in first for field in map(_fields, songs))
    assert list(take_back(tag_library)) == [str(song) for song in reversed(songs)]
    assert [_fields(song) for song in songs] == first
    list(take_back(tag_library))
    assert all(_fields(song) == {} for song in songs)
    with pytest.raises(SingeridError, match="nothing was written that could be taken back"):
        list(take_back(tag_library))


def test_all_of_some_files_is_taken_back(songs, tag_library):
    _tagged(tag_library, *songs)
    with Library.open(tag_library) as library:
        library.rename("Ada", "Adele")
    _tagged(tag_library, *songs)
    assert list(take_back(tag_library, songs[:1])) == [str(songs[0])] * 2
    assert _fields(songs[0]) == {}
    assert all(_fields(song) for song in songs[1:])


def test_own_fields_that_another_program_wrote_come_back_as_the_bytes_they_were(tmp_path, tag_library):
    song = music_files.write_song(tmp_path / "song.mp3", made_voices.PITCHES["Ada"], title="A title")
    tags = mutagen.File(song).tags
    tags.add(TXXX(encoding=1, desc="SINGERID_PROBABILITY", text=["of some other program"]))
    tags.save(song)
    before = _fields(song)
    assert before
    _tagged(tag_library, song)
    assert _fields(song) != before
    list(take_back(tag_library))
    assert _fields(song) == before


def test_what_somebody_changed_since_is_left_and_told(songs, tag_library):
    _tagged(tag_library, *songs)
    changed = open_tagged(songs[1], "FLAC")
    changed.set_performers([*changed.performers(), Performer("Al", "drums")])
    changed.save(songs[1], songs[1])
    outcomes = list(take_back(tag_library, everything=True))
    failed = [one for one in outcomes if isinstance(one, Failure)]
    assert [one.path for one in failed] == [str(songs[1])]
    assert "somebody else has changed what was written" in failed[0].reason
    assert mutagen.File(songs[1])["performer"] == ["Ada (vocals)", "Al (drums)"]
    assert all(_fields(song) == {} for song in songs if song != songs[1])


def test_other_fields_that_somebody_changed_since_stay(songs, tag_library):
    _tagged(tag_library, *songs)
    file = mutagen.File(songs[1])
    file["title"] = ["A better title"]
    file.save()
    assert not [one for one in take_back(tag_library) if isinstance(one, Failure)]
    assert dict(mutagen.File(songs[1]))["title"] == ["A better title"]
    assert _fields(songs[1]) == {}


def test_a_file_that_was_moved_is_found_by_its_sound(songs, tag_library, tmp_path):
    _tagged(tag_library, *songs)
    moved = tmp_path / "elsewhere.flac"
    shutil.move(songs[1], moved)
    told = list(take_back(tag_library))
    assert [one.path for one in told if isinstance(one, Failure)] == [str(songs[1])]
    assert list(take_back(tag_library, [moved])) == [str(moved)]
    assert _fields(moved) == {}


def test_a_file_that_was_never_written_is_told(songs, tag_library, tmp_path):
    _tagged(tag_library, *songs)
    other = music_files.write_song(tmp_path / "other.flac", 300)
    [outcome] = take_back(tag_library, [other])
    assert isinstance(outcome, Failure)
    assert "nothing was written into it" in outcome.reason


def test_undo_of_a_copy_does_not_touch_the_copy(songs, tag_library, tmp_path):
    """A copy has the same sound; it is not the file that was written, while that is there."""
    _tagged(tag_library, songs[1])
    copy = shutil.copyfile(songs[1], tmp_path / "copy.flac")
    [outcome] = take_back(tag_library, [copy])
    assert isinstance(outcome, Failure)
    assert _fields(songs[1])


@pytest.mark.parametrize("harm", ["pages", "no database", "fields"])
def test_a_damaged_journal_is_told_with_the_remedy_and_no_file_is_touched(harm, songs, tag_library):
    _tagged(tag_library, *songs)
    path = tag_library / "tags" / "journal.sqlite3"
    if harm == "fields":
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE entries SET before = '{'")
        connection.close()
    else:
        content = path.read_bytes()
        path.write_bytes(b"\xa5" * 5000 if harm == "no database" else content[:4096] + b"\xa5" * 4096)
        for beside in path.parent.glob("*-wal"):
            beside.unlink()
    before = [song.read_bytes() for song in songs]
    with pytest.raises(SingeridError, match=r"is damaged .*; move it away"):
        list(take_back(tag_library))
    assert [song.read_bytes() for song in songs] == before
    if harm != "fields":
        with pytest.raises(SingeridError, match=r"is damaged .*; move it away"):
            _tagged(tag_library, *songs)
    with Library.open(tag_library) as library:  # the library is not affected
        assert library.identify(songs[1]).singer == "Ada"
    path.unlink()
    assert [one.status for one in _tagged(tag_library, *songs)] == ["up to date"] * len(songs)


def test_a_journal_of_a_newer_version_is_refused(tag_library):
    with Journal(tag_library) as journal:
        path = journal.path
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SingeridError, match="newer singerid"):
        Journal(tag_library)
