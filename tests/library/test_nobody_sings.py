"""A person's statement that nobody sings in a recording outweighs what is heard, for ever."""

import shutil
import sqlite3

import pytest

import made_voices
from singerid.errors import SingeridError
from singerid.library.check import check
from singerid.library.database import FILE
from singerid.library.enroll import Entrant
from singerid.library.entrants import entrants_of_tree
from singerid.library.library import Library


@pytest.fixture
def library(own_library):
    with Library.open(own_library) as opened:
        yield opened


@pytest.fixture
def song(tmp_path):
    """A song with Ada's voice that is in no library."""
    return made_voices.write_voice(tmp_path / "song.wav", 203, 2.6, 77)


def _is_nobody(library, path):
    answer = library.identify(path)
    return (answer.decision, answer.said, answer.singers) == ("no_voice", True, ())


def test_it_can_be_said_of_a_new_file_without_hearing_it(library, song, monkeypatch):
    with monkeypatch.context() as patch:
        patch.delattr("singerid.library.hearing.Hearing.__call__")
        assert library.say_nobody(song) == 1
    assert _is_nobody(library, song)
    assert library.identify(song).probability == 1.0
    assert not library.verify("Ada", song)[0]


def test_it_stays_when_a_file_is_moved_and_retagged(library, song, tmp_path):
    library.say_nobody(song)
    assert _is_nobody(library, shutil.move(song, tmp_path / "other.wav"))


def test_an_enrolled_recording_loses_its_singer(library, sung):
    path = sung.tree / "Ada/album 1/1.wav"
    library.say(path, singer="Ada")
    assert library.say_nobody(path) == 1
    assert len(library.recordings_of("Ada")) == 2
    assert _is_nobody(library, path)
    assert library.core.contents.statements == {}


def test_enrolling_it_again_changes_nothing(library, sung, song):
    path = sung.tree / "Ada/album 0/0.wav"
    library.say_nobody(path)
    library.say_nobody(song)
    before = made_voices.dump(library)
    report = library.enroll_all(entrants_of_tree(sung.tree, None, lambda *_: None))
    report.failures += library.enroll("Ada", [song]).failures
    report.failures += library.enroll_all([Entrant(path, stranger="somebody")]).failures
    assert len(report.failures) == 3
    assert all("a person said that nobody sings in it" in one.reason for one in report.failures)
    assert made_voices.dump(library) == before


def test_migration_keeps_it(library, sung, song):
    path = sung.tree / "Ada/album 0/0.wav"
    library.say_nobody(path)
    library.say_nobody(song)
    library.migrate("other")
    assert _is_nobody(library, path)
    assert _is_nobody(library, song)


@pytest.mark.parametrize("enrolled", [True, False])
def test_saying_who_sings_takes_it_back(library, sung, song, enrolled):
    path = sung.tree / "Ada/album 0/0.wav" if enrolled else song
    library.say_nobody(path)
    library.say(path, singer="Cy")
    assert library.identify(path).singer == "Cy"
    assert library.core.contents.nobody == frozenset()
    library.say_nobody(path)
    assert _is_nobody(library, path)


@pytest.mark.parametrize("enrolled", [True, False])
def test_saying_who_does_not_sing_takes_it_back(library, sung, song, enrolled):
    path = sung.tree / "Ada/album 0/0.wav" if enrolled else song
    library.say_nobody(path)
    library.say(path, never="Cy")
    assert library.identify(path).singer == "Ada"


@pytest.mark.parametrize("said", [{"singer": "Cy"}, {"never": "Cy"}])
def test_it_is_taken_back_by_a_recordings_id_too(library, sung, said):
    recording = library.recordings_of("Ada")[0]["id"]
    library.say_nobody(recording)
    library.say(recording, **said)
    assert library.core.contents.nobody == frozenset()


def test_it_stays_if_the_file_cannot_be_heard(library, tmp_path):
    noise = made_voices.write_noise(tmp_path / "noise.wav")
    library.say_nobody(noise)
    with pytest.raises(SingeridError, match="nobody is heard to sing in it"):
        library.say(noise, singer="Ada")
    assert _is_nobody(library, noise)


@pytest.mark.parametrize("enrolled", [True, False])
def test_it_can_be_undone(library, sung, song, enrolled):
    path = sung.tree / "Ada/album 0/0.wav" if enrolled else song
    before = made_voices.dump(library)
    library.say_nobody(path)
    assert made_voices.dump(library) != before
    (entry,) = library.undo()
    assert entry.command == "say"
    assert made_voices.dump(library) == before
    assert library.identify(path).singer == "Ada"


def test_it_can_be_said_of_a_recording_without_file_and_of_an_unnamed_voice(library, tmp_path):
    files = [made_voices.write_voice(tmp_path / f"{n}.wav", 700 + 3 * n, 2 + 0.3 * n, n) for n in range(3)]
    found, _ = library.discover(files)
    (voice,) = found.voices
    library.say_nobody(voice.recordings[0])
    assert _is_nobody(library, files[0])
    again, _ = library.discover(files)
    assert {one for each in again.voices for one in each.recordings} == set(voice.recordings[1:])
    assert library.say_nobody(voice.name) == 2
    assert library.discover(files)[0].voices == ()


def test_a_missing_file_is_one_line(library, tmp_path):
    before = made_voices.dump(library)
    for what, message in (
        (tmp_path / "gone.wav", "does not exist"),
        ("voice 7", "there is no such file and no such voice"),
    ):
        with pytest.raises(SingeridError, match=message):
            library.say_nobody(what)
    assert made_voices.dump(library) == before


def test_an_export_carries_it(library, sung, song, tmp_path):
    path = sung.tree / "Ada/album 0/0.wav"
    library.say_nobody(path)
    library.say_nobody(song)
    library.export(tmp_path / "export")
    with Library.open(tmp_path / "other", create=True) as other:
        other.import_from(tmp_path / "export")
        assert _is_nobody(other, path)
        assert _is_nobody(other, song)


def test_an_import_keeps_what_was_said_here(library, own_library, sung, tmp_path):
    first, second = sung.tree / "Ada/album 0/0.wav", sung.tree / "Ada/album 1/1.wav"
    shutil.copytree(own_library, tmp_path / "other")
    library.say_nobody(first)
    library.say_nobody(second)
    library.export(tmp_path / "export")
    with Library.open(tmp_path / "other") as other:
        other.say(first, singer="Ada")
        other.import_from(tmp_path / "export")
        assert other.identify(first).singer == "Ada"
        assert _is_nobody(other, second)
        other.export(tmp_path / "back")
    library.import_from(tmp_path / "back")
    assert _is_nobody(library, first)
    assert len(library.recordings_of("Ada")) == 1
    assert library.core.contents.statements == {}


def test_a_damaged_list_is_a_damaged_export(library, tmp_path):
    library.export(tmp_path / "export")
    content = (tmp_path / "export/library.json").read_text()
    (tmp_path / "export/library.json").write_text(content.replace('"nobody": []', '"nobody": [7]'))
    with pytest.raises(SingeridError, match="is damaged"), Library.open(tmp_path / "o", create=True) as other:
        other.import_from(tmp_path / "export")


def test_forgetting_a_singer_removes_it_for_the_singers_recordings(library, song):
    library.say_nobody(song)
    library.say(song, singer="Ada")
    fingerprint = library.core.contents.recordings[-1].fingerprint
    library.forget("Ada")
    rows = library.core.database.rows("SELECT key, before FROM changes")
    assert fingerprint not in repr(rows)


def test_checking_keeps_it(library, sung):
    path = sung.tree / "Ada/album 0/0.wav"
    library.say_nobody(path)
    assert check(library.path) == []
    assert _is_nobody(library, path)


def test_a_library_of_the_first_format_that_cannot_be_written_knows_of_none(own_library, song, monkeypatch):
    connection = sqlite3.connect(own_library / FILE)
    for table in ("nobody", "answers", "jobs"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    monkeypatch.setattr("singerid.library.database.os.access", lambda *_: False)
    with Library.open(own_library) as library:
        assert not library.core.database.has_table("nobody")
        assert library.core.contents.nobody == frozenset()
        assert library.identify(song).singer == "Ada"


def test_the_command_says_it(own_library, song, singerid):
    done = singerid("library", "say", own_library, song, "--nobody")
    assert (done.returncode, done.stdout) == (0, f"{song}: nobody sings (1 recording)\n")
    with Library.open(own_library) as library:
        assert _is_nobody(library, song)
    done = singerid("library", "say", own_library, song, "--nobody", "--is", "Ada")
    assert done.returncode == 2
    assert "--nobody: leave out --is and --is-not" in done.stderr
