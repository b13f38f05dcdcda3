"""Writing harms no recording: what is refused stays untouched, what is written keeps all the rest."""

import errno
import os
import shutil
import stat
import sys

import mutagen
import pytest
import soundfile

import made_voices
import music_files
from singerid.errors import Failure, SingeridError
from singerid.library.library import Library
from singerid.sound.fingerprint import sound_fingerprint
from singerid.tags import tagger, writer
from singerid.tags.tagger import Tagger
from singerid.tags.undo import take_back


@pytest.fixture
def song(tmp_path):
    return music_files.write_song(
        tmp_path / "music" / "song.flac", made_voices.PITCHES["Ada"], title="A title"
    )


def _tagged(library, *files, write=True, **options):
    with Library.open(library) as opened, Tagger(opened, write=write, **options) as tagger:
        return list(tagger.outcomes(files))


def _is_refused(library, song, reason, **options):
    """The file is left as it is, with one line; and nothing lies beside it."""
    content, names = song.read_bytes(), sorted(song.parent.iterdir())
    [outcome] = _tagged(library, song, **options)
    assert isinstance(outcome, Failure), outcome
    assert reason in outcome.reason
    assert "\n" not in str(outcome)
    assert song.read_bytes() == content
    assert sorted(song.parent.iterdir()) == names


def test_without_write_nothing_is_changed_anywhere(song, tag_library):
    before = {path: path.read_bytes() for path in song.parent.iterdir()}
    [change] = _tagged(tag_library, song, write=False)
    assert (change.status, change.added) == ("would write", ("Ada (vocals)",))
    assert {path: path.read_bytes() for path in song.parent.iterdir()} == before
    assert not (tag_library / "tags").exists()


def test_an_uncalibrated_library_writes_nothing_but_with_force(song, own_library, tag_library):
    [change] = _tagged(own_library, song)
    assert change.status == "held back"
    assert mutagen.File(song).get("performer") is None
    [change] = _tagged(own_library, song, force=True)
    assert change.status == "written"


def test_a_library_calibrated_to_more_than_one_percent_writes_nothing(song, tag_library):
    with Library.open(tag_library) as library:
        library.calibrate(0.05)
    [change] = _tagged(tag_library, song)
    assert change.status == "held back"
    assert mutagen.File(song).get("performer") is None


def test_a_stranger_and_a_file_without_voice_are_left_as_they_are(tmp_path, tag_library):
    stranger = music_files.write_song(tmp_path / "stranger.flac", 1000.0)
    noise = made_voices.write_noise(tmp_path / "noise.wav")
    before = stranger.read_bytes(), noise.read_bytes()
    first, second = _tagged(tag_library, stranger, noise)
    assert (first.status, first.note) == ("nothing to write", "nobody whom the library knows")
    assert (second.status, second.note) == ("nothing to write", "nobody is heard to sing")
    assert (stranger.read_bytes(), noise.read_bytes()) == before


def test_permissions_times_and_extended_attributes_stay(song, tag_library):
    song.chmod(0o640)
    os.utime(song, ns=(1_000_000_000_000_000_007, 1_100_000_000_000_000_009))
    has_attributes = hasattr(os, "setxattr")
    if has_attributes:
        try:
            os.setxattr(song, "user.note", b"mine")
        except OSError:
            has_attributes = False  # this file system has none
    before = song.stat()
    assert _tagged(tag_library, song)[0].status == "written"
    after = song.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert after.st_mtime_ns == before.st_mtime_ns
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino  # another file has taken its name
    if has_attributes:
        assert os.getxattr(song, "user.note") == b"mine"


@pytest.mark.skipif(sys.platform == "win32", reason="other users are not told so there")
@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() != 0, reason="only root may give files away")
def test_the_owner_stays(song, tag_library):
    os.chown(song, 1234, 2345)
    _tagged(tag_library, song)
    assert (song.stat().st_uid, song.stat().st_gid) == (1234, 2345)


def test_a_file_of_somebody_else_is_left(song, tag_library, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    real = writer.Path.stat

    def of_another(self, **options):
        status = real(self, **options)
        if self.name.startswith(".tmp-"):
            fields = list(status)
            fields[4] += 1
            return os.stat_result(fields, {"st_mtime_ns": status.st_mtime_ns})
        return status

    monkeypatch.setattr(writer.Path, "stat", of_another)
    monkeypatch.setattr(writer.os, "chown", refused)
    _is_refused(tag_library, song, "belongs to somebody else")


def test_of_a_symbolic_link_the_target_is_written(song, tag_library, tmp_path):
    link = tmp_path / "link.flac"
    link.symlink_to(song)
    assert _tagged(tag_library, link)[0].status == "written"
    assert link.is_symlink()
    assert mutagen.File(song)["performer"] == ["Ada (vocals)"]
    assert list(take_back(tag_library, [link])) == [str(song)]
    assert mutagen.File(song).get("performer") is None


def test_a_file_with_hard_links_is_refused_unless_they_may_be_broken(song, tag_library):
    other = song.with_name("other name.flac")
    os.link(song, other)
    _is_refused(tag_library, song, "`break_hard_links=True`")
    [change] = _tagged(tag_library, song, break_hard_links=True)
    assert change.status == "written"
    assert mutagen.File(song)["performer"] == ["Ada (vocals)"]
    assert mutagen.File(other).get("performer") is None


def test_a_read_only_file_is_refused(song, tag_library):
    song.chmod(0o444)
    _is_refused(tag_library, song, "is read-only; make it writable")
    with Library.open(tag_library) as library, Tagger(library, write=False) as preview:
        [failure] = preview.outcomes([song])
    assert failure.reason == "is read-only; make it writable"


@pytest.mark.skipif(sys.platform == "win32", reason="locks are others there")
def test_a_file_that_another_program_has_locked_is_refused(song, tag_library):
    import fcntl

    with song.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        _is_refused(tag_library, song, "another program uses it")
    assert _tagged(tag_library, song)[0].status == "written"


_SYSTEM = {
    "full disk": (errno.ENOSPC, "free some space"),
    "read-only folder": (errno.EROFS, "make the file and its folder writable"),
    "drive that vanishes": (errno.ENOTCONN, "that its drive is connected"),
    "something else": (errno.EMFILE, "run the command again"),
}


@pytest.mark.parametrize("what", _SYSTEM)
@pytest.mark.parametrize("step", ["copyfile", "copystat", "fsync", "replace"])
def test_what_the_system_refuses_leaves_the_file_as_it_is(what, step, song, tag_library, monkeypatch):
    number, remedy = _SYSTEM[what]

    def failing(*_, **__):
        raise OSError(number, os.strerror(number))

    place = {"copyfile": writer.shutil, "copystat": writer.shutil, "fsync": writer.os, "replace": writer.Path}
    with monkeypatch.context() as patch:
        patch.setattr(place[step], step, failing)
        _is_refused(tag_library, song, remedy)
    assert _tagged(tag_library, song)[0].status == "written"


def test_a_disk_that_is_full_while_mutagen_writes(song, tag_library, monkeypatch):
    def failing(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mutagen.flac.FLAC.save", failing)
        _is_refused(tag_library, song, "free some space")


def _after_hearing(monkeypatch, what):
    """Do something to the file between hearing and writing."""
    real = tagger.write_tags

    def later(path, *arguments):
        what(path)
        return real(path, *arguments)

    monkeypatch.setattr(tagger, "write_tags", later)


def _append(path):
    with path.open("ab") as file:
        file.write(bytes(100))


def _other_sound(path):
    """The same length and the same time of change."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-1000:-990] = bytes(10)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("what", [_append, _other_sound], ids=["appended", "other sound"])
def test_a_file_that_changed_since_it_was_heard_is_left(what, song, tag_library, monkeypatch):
    _after_hearing(monkeypatch, what)
    [outcome] = _tagged(tag_library, song)
    assert isinstance(outcome, Failure)
    assert "changed since it was heard" in outcome.reason
    assert mutagen.File(song).get("performer") is None
    assert [path.name for path in song.parent.iterdir()] == ["song.flac"]


def test_a_file_that_goes_away_is_told(song, tag_library, monkeypatch):
    _after_hearing(monkeypatch, os.unlink)
    [outcome] = _tagged(tag_library, song)
    assert isinstance(outcome, Failure)
    assert "that its drive is connected" in outcome.reason


def test_what_would_sound_otherwise_is_not_written(song, tag_library, monkeypatch):
    """For the case that mutagen makes an error."""
    real = writer.save_tagged

    def harmful(tagged, original, copy):
        real(tagged, original, copy)
        content = bytearray(copy.read_bytes())
        content[-1000:-990] = bytes(10)
        copy.write_bytes(content)

    monkeypatch.setattr(writer, "save_tagged", harmful)
    fingerprint = sound_fingerprint(song)
    monkeypatch.setattr(writer, "sound_fingerprint", lambda _: fingerprint)
    _is_refused(tag_library, song, "would not decode to the same sound")


def test_what_would_lose_other_fields_is_not_written(song, tag_library, monkeypatch):
    real = writer.save_tagged

    def harmful(tagged, original, copy):
        tagged.set_texts("title", [])
        real(tagged, original, copy)
        tagged.set_texts("title", ["A title"])

    monkeypatch.setattr(writer, "save_tagged", harmful)
    _is_refused(tag_library, song, "other fields of it would be changed")


def test_tags_that_cannot_be_parsed_are_left(tmp_path, tag_library):
    song = music_files.write_song(tmp_path / "music" / "song.mp3", made_voices.PITCHES["Ada"])
    music_files.write_raw(song, b"ID3\x03\x00\x00\xff\xff\xff\xff" + bytes(20))
    _is_refused(tag_library, song, "repair them with a tag editor")


def test_comments_without_a_name_are_left(tmp_path, tag_library):
    song = music_files.write_song(
        tmp_path / "music" / "song.flac", made_voices.PITCHES["Ada"], remark="0123456789"
    )
    content = song.read_bytes()
    assert content.count(b"remark=0123456789") == 1
    song.write_bytes(content.replace(b"remark=0123456789", b"remark:0123456789"))
    _is_refused(tag_library, song, "repair them with a tag editor")


def test_a_format_without_an_agreed_field_is_left(tmp_path, tag_library):
    wav = made_voices.write_voice(tmp_path / "a.wav", made_voices.PITCHES["Ada"])
    song = tmp_path / "music" / "song.au"
    song.parent.mkdir()
    soundfile.write(song, *soundfile.read(wav))
    _is_refused(tag_library, song, "`sidecar='json'`")


def test_a_file_that_is_no_sound_stops_nothing(song, tag_library, tmp_path):
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no sound" * 100)
    missing = tmp_path / "missing.mp3"
    first, second, third = _tagged(tag_library, broken, missing, song)
    assert isinstance(first, Failure)
    assert isinstance(second, Failure)
    assert third.status == "written"


def test_a_second_command_at_the_same_time_is_refused(song, tag_library):
    with (
        Library.open(tag_library) as opened,
        Tagger(opened, write=True),
        pytest.raises(SingeridError, match="another command is writing tags"),
    ):
        Tagger(opened, write=True)


def test_a_file_that_was_changed_is_heard_again_and_others_are_not(song, tag_library, tmp_path):
    other = shutil.copyfile(song, tmp_path / "other.flac")
    _tagged(tag_library, song, other)
    file = mutagen.File(song)
    file["title"] = ["Another title, and a longer one"]
    file.save()
    os.utime(song)
    first, second = _tagged(tag_library, song, other)
    assert (first.status, first.decision) == ("up to date", "known")
    assert (second.status, second.decision) == ("up to date", None)
    with Library.open(tag_library) as library:
        library.rename("Ada", "Adele")
    first, second = _tagged(tag_library, song, other)
    assert {one.added for one in (first, second)} == {("Adele (vocals)",)}
    assert {one.removed for one in (first, second)} == {("Ada (vocals)",)}
    assert mutagen.File(song)["performer"] == ["Adele (vocals)"]


def test_what_somebody_removed_is_not_put_back(song, tag_library):
    _tagged(tag_library, song)
    file = mutagen.File(song)
    del file["performer"]
    file.save()
    [change] = _tagged(tag_library, song)
    assert change.status == "up to date"
    assert change.note == "somebody removed Ada; `force=True` puts it back"
    assert mutagen.File(song).get("performer") is None
    [change] = _tagged(tag_library, song, force=True)
    assert change.status == "written"
    assert mutagen.File(song)["performer"] == ["Ada (vocals)"]


def test_what_is_not_said_any_more_is_taken_out_again(song, tag_library):
    _tagged(tag_library, song)
    with Library.open(tag_library) as library:
        library.say(song, never="Ada")
    [change] = _tagged(tag_library, song)
    assert (change.status, change.removed) == ("written", ("Ada (vocals)",))
    assert not [key for key in mutagen.File(song) if "singerid" in key or key == "performer"]
