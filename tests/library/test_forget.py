"""Forgetting a singer leaves nothing of the voice or the name in the folder, also where undo would look."""

import re
import sqlite3

import pytest

import made_voices
from made_voices import made, put, take
from singerid.library import database
from singerid.library.corrections import say_is
from singerid.library.database import SCRUB, Database
from singerid.library.library import Library

NAME = "Zenobia Quux"
PIECE = 64


def _pieces(library, singer=NAME):
    """All 64-byte pieces of a singer's vectors, as they stand in the database."""
    contents = library.core.contents
    number = contents.number_of(singer)
    own = [
        vectors
        for one, vectors in zip(contents.recordings, contents.vectors, strict=True)
        if one.singer == number
    ]
    assert own
    return [
        content[at : at + PIECE]
        for vectors in own
        for content in (vector.astype("<f4").tobytes() for vector in vectors)
        for at in range(0, len(content), PIECE)
    ]


def _found(folder, pieces):
    """How many of the pieces are in any file of the folder."""
    content = b"\0".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    return sum(piece in content for piece in pieces)


def _files_that_name(folder, name=NAME):
    """Files of the folder in which a name stands, plainly or as JSON escapes or Markdown."""
    word = re.compile(name.split()[0].encode(), re.IGNORECASE)
    return [path.name for path in folder.iterdir() if path.is_file() and word.search(path.read_bytes())]


@pytest.fixture
def library(tmp_path):
    """A library with one singer more, calibrated, with the singer's name in README.md."""
    with made(tmp_path / "library", ("Ada", "Bea", "Cy", NAME)) as opened:
        opened.calibrate(0.3)
        yield opened


def test_no_piece_of_a_vector_and_no_name_is_left_in_any_file(library):
    pieces = _pieces(library)
    assert _found(library.path, pieces) == len(pieces)
    assert {"README.md", "library.sqlite3-wal"} <= set(_files_that_name(library.path))
    assert (library.path / "calibration.json").exists()
    assert library.forget(NAME) == 4
    assert _found(library.path, pieces) == 0
    assert _files_that_name(library.path) == []
    assert not (library.path / "calibration.json").exists()
    assert not (library.path / "calibration.svg").exists()
    assert library.calibration is None
    assert NAME not in library.singers
    assert library.core.database.setting(SCRUB) is None
    library.close()
    assert _found(library.path, pieces) == 0


def test_without_secure_delete_pieces_would_be_left(tmp_path, monkeypatch):
    """The check above can fail: what is deleted stays in the file unless SQLite is told otherwise."""
    prepare = Database.prepare

    def careless(self, is_new):
        prepare(self, is_new)
        self.connection.execute("PRAGMA secure_delete = OFF").fetchone()

    monkeypatch.setattr(Database, "prepare", careless)
    with made(tmp_path / "library", ("Ada", NAME), 20) as library:
        pieces = _pieces(library)
        library.forget(NAME)
        assert _found(library.path, pieces) > len(pieces) / 2


def _merged(library):
    library.merge(NAME, "Ada")
    return "Ada"


def _renamed(library):
    library.rename(NAME, "Ada the Second")
    return "Ada the Second"


def _split(library):
    library.split(NAME, "Ada the Second")
    library.merge("Ada the Second", NAME)
    return NAME


@pytest.mark.parametrize("change", [_merged, _renamed, _split])
def test_undo_records_are_forgotten_too(library, change):
    pieces = _pieces(library)
    singer = change(library)
    library.forget(singer)
    assert _found(library.path, pieces) == 0
    assert _files_that_name(library.path) == []


def _say(library, singer, new):
    """A person says that a recording of one singer belongs to another."""
    with library.core.database.command("say") as entry:
        say_is(library.core, entry, [library.recordings_of(singer)[0]["id"]], new)


def test_what_is_left_in_the_journal_can_be_taken_back(library):
    """Undo never restores a forgotten singer, and never fails on rows that are gone."""
    _say(library, NAME, "Bea")
    _say(library, NAME, "Eve")
    _say(library, "Ada", NAME)
    put(library, [take("Dee", number) for number in range(3)])
    library.merge("Dee", "Cy")
    library.forget(NAME)
    while library.journal():
        library.undo()
    assert library.singers == ()
    assert library.core.contents.recordings == ()


def test_groups_and_what_was_said_of_them_do_not_stop_undo(own_library, tmp_path):
    files = [
        made_voices.write_voice(tmp_path / f"{number}.wav", 700 + number, 2 + 0.3 * number, number)
        for number in range(3)
    ]
    with Library.open(own_library) as library:
        found, _ = library.discover(files)
        library.say(found.voices[0].name, singer="Dee")
        library.forget("Ada")
        assert [entry.command for entry in library.undo(2)] == ["say", "discover"]
        assert library.singers == ("Bea", "Cy")


def test_a_copy_that_check_has_kept_is_forgotten_too(library):
    copy = library.path / f"{database.FILE}.damaged-20260101T000000"
    pieces = _pieces(library)
    library.core.database.connection.execute("VACUUM INTO ?", (str(copy),))
    library.forget(NAME)
    assert _found(library.path, pieces) == 0
    assert _files_that_name(library.path) == []


def test_while_somebody_reads_the_log_is_emptied_at_the_next_opening(library, tmp_path):
    pieces = _pieces(library)
    reader = sqlite3.connect(library.core.database.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM vectors").fetchone()
    library.core.database.connection.execute("PRAGMA busy_timeout = 100")
    library.forget(NAME)
    assert library.core.database.setting(SCRUB) is not None
    assert _found(library.path, pieces) > 0
    reader.close()
    with Library.open(library.path) as again:
        assert again.core.database.setting(SCRUB) is None
        assert _found(library.path, pieces) == 0


def test_the_last_singer_can_be_forgotten_and_questions_are_still_answered(own_library, sung):
    with Library.open(own_library) as library:
        for singer in ("Ada", "Bea", "Cy"):
            library.forget(singer)
        answer = library.identify(next(sung.tree.rglob("*.wav")))
        assert (answer.decision, answer.candidates, answer.nearest) == ("unknown", (), ())
        assert library.similar(next(sung.tree.rglob("*.wav"))) == []


def test_the_name_of_an_empty_singer_who_was_merged_is_forgotten_with_the_other(tmp_path):
    with made(tmp_path / "library", ("Ada", "Bea")) as library:
        recording = library.recordings_of("Ada")[0]["id"]
        with library.core.database.command("say") as entry:
            say_is(library.core, entry, [recording], NAME)
            say_is(library.core, entry, [recording], "Ada")  # said by mistake; the name stays behind
        library.merge(NAME, "Ada")
        assert _files_that_name(library.path)
        library.forget("Ada")
        library.close()
        assert _files_that_name(tmp_path / "library") == []
