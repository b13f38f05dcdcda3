"""Undo takes back all changes of a command, the latest command first, also after restarts."""

import re

import pytest

import made_voices
from made_voices import dump, put, take, write_voice
from singerid.errors import SingeridError
from singerid.library.library import Library


def _enroll(library, folder):
    new = [take("Dee", number) for number in range(2)] + [take("Ada", 9)]
    # Also a recording that had no singer so far and has one now.
    put(library, [*new, take("Eve", 0)])


def _rename(library, folder):
    library.rename("Ada", "ADA")


def _merge(library, folder):
    library.merge("Bea", "Ada")


def _split(library, folder):
    library.split("Cy")


def _say_is(library, folder):
    assert library.say(folder / "new.wav", singer="Newcomer") == 1


def _say_is_of_another(library, folder):
    library.say(_path_of(library, "Ada"), singer="Cy")


def _say_is_not(library, folder):
    library.say(_path_of(library, "Ada"), never="Ada")


def _discover(library, folder):
    found, _ = library.discover(sorted((folder / "unknown").iterdir()))
    assert found.voices


def _import(library, folder):
    with made_voices.made(folder / "other", ("Fay", "Ada"), 5) as other:
        other.core.keep_settings(library.core.settings)
        other.export(folder / "export")
    assert library.import_from(folder / "export")[0] >= 9


def _calibrate(library, folder):
    library.calibrate(0.2)


COMMANDS = {
    "enroll": _enroll,
    "rename": _rename,
    "merge": _merge,
    "split": _split,
    "say is": _say_is,
    "say is, of another's": _say_is_of_another,
    "say is-not": _say_is_not,
    "discover": _discover,
    "import": _import,
    "calibrate": _calibrate,
}


def _path_of(library, singer):
    return library.recordings_of(singer)[0]["path"]


@pytest.fixture
def library(own_library):
    with Library.open(own_library) as opened:
        # The library already has statements by people.
        opened.say(_path_of(opened, "Bea"), singer="Bea")
        yield opened


@pytest.fixture
def folder(tmp_path):
    write_voice(tmp_path / "new.wav", 600)
    for number in range(3):
        write_voice(tmp_path / "unknown" / f"{number}.wav", 900 + number, 2 + 0.3 * number, number)
    return tmp_path


# Vectors of made-up takes have another size than those of the small test encoder.
@pytest.fixture(autouse=True)
def size(monkeypatch):
    monkeypatch.setattr(made_voices, "SIZE", 96)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_is_taken_back_leaves_no_trace(library, folder, command):
    before = dump(library)
    command(library, folder)
    assert dump(library) != before
    library.undo()
    assert dump(library) == before


def test_all_commands_are_taken_back_one_by_one_by_other_processes(library, folder):
    before = []
    for command in COMMANDS.values():
        before.append(dump(library))
        command(library, folder)
    for number, content in enumerate(reversed(before)):
        with Library.open(library.path) as again:  # as a later process would
            again.undo()
            assert dump(again) == content, list(COMMANDS)[-1 - number]


def test_the_journal_names_files(library, folder):
    library.say(folder / "new.wav", singer="Newcomer")
    (entry,) = library.journal()[:1]
    assert entry.files == ("new.wav",)
    assert re.fullmatch(r"say \(\d{4}-\d\d-\d\d \d\d:\d\d UTC, new\.wav, 1 recording, 1 singer\)", str(entry))
    library.merge("Bea", "Ada")
    (entry,) = library.journal()[:1]
    assert len(entry.files) == min(2, entry.recordings)


def test_several_are_taken_back_at_once(library, folder):
    before = dump(library)
    for command in COMMANDS.values():
        command(library, folder)
    done = library.undo(len(COMMANDS))
    assert [entry.command for entry in done] == [
        *("calibrate", "import", "discover", "say", "say", "say", "split", "merge", "rename", "enroll")
    ]
    assert dump(library) == before


def test_answers_are_the_same_again(library, folder):
    before = [library.identify(folder / "new.wav").to_json(), library.overview()]
    library.merge("Bea", "Ada")
    library.say(folder / "new.wav", singer="Ada")
    library.undo(2)
    assert [library.identify(folder / "new.wav").to_json(), library.overview()] == before


def test_undo_of_the_first_enrolment_gives_an_empty_library_that_can_get_other_settings(sung, tmp_path):
    files = sorted((sung.tree / "Ada").rglob("*.wav"))
    with Library.open(tmp_path / "library", create=True) as library:
        library.enroll("Ada", files, encoder="small")
        library.undo()
        assert library.singers == ()
        assert library.enroll("Ada", files, encoder="other").added == 3


def test_with_nothing_left_one_line_says_so(library):
    library.undo(2)  # what the fixtures did
    with pytest.raises(SingeridError, match="there is nothing to take back"):
        library.undo()


def test_a_command_that_changed_nothing_is_no_entry(library, sung):
    count = len(library.journal())
    library.enroll("Ada", sorted((sung.tree / "Ada").rglob("*.wav")))
    with pytest.raises(SingeridError, match="nobody in the library is called"):
        library.rename("Nobody", "Somebody")
    assert len(library.journal()) == count


def test_the_changes_of_an_interrupted_command_can_be_taken_back(library):
    before = dump(library)

    def broken():
        yield take("Dee", 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put(library, broken())
    assert "Dee" in Library.open(library.path).singers
    library.undo()
    assert dump(library) == before


def test_migrate_and_earlier_commands_cannot_be_taken_back(library):
    library.migrate("other")
    with pytest.raises(SingeridError, match="migrate cannot be taken back, and neither can the"):
        library.undo()
    library.rename("Ada", "Eve")
    assert [entry.command for entry in library.undo(5)] == ["rename"]
