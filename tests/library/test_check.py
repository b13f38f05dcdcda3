"""What `check` finds, repairs and reports in a damaged or half-written library."""

import shutil

import numpy as np
import pytest

import made_voices
from made_voices import dump, made, put, take
from singerid.errors import SingeridError
from singerid.library.check import check
from singerid.library.database import DAMAGED, FILE
from singerid.library.library import Library


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A library of a few hundred recordings, whose tables have many pages."""
    folder = tmp_path_factory.mktemp("large") / "library"
    with made(folder, [f"Singer {number}" for number in range(20)], 15) as library:
        library.rename("Singer 1", "Eve")
    return folder


@pytest.fixture
def library(tmp_path):
    with made(tmp_path / "library") as opened:
        yield opened


def _harm(path, page, size=4096):
    """Overwrite the middle of a page."""
    with path.open("r+b") as file:
        file.seek(page * size + size // 8)
        file.write(b"\xa5" * (size * 3 // 4))


def test_a_whole_library_is_left_as_it_is(library):
    before = dump(library)
    assert check(library.path) == []
    assert dump(library) == before


@pytest.fixture(scope="module")
def contents(large):
    with Library.open(large) as library:
        return library.core.contents


def _page_of_the_schema(path):
    """A page of the schema table, which the first page refers to."""
    return int.from_bytes(path.read_bytes()[108:112], "big") - 1


@pytest.mark.parametrize("part", ["schema", 0.55, 0.75, 0.95])
def test_the_readable_part_of_a_damaged_file_is_kept_and_reported(large, contents, tmp_path, part):
    folder, before = shutil.copytree(large, tmp_path / "library"), contents
    path = folder / FILE
    pages = path.stat().st_size // 4096
    _harm(path, _page_of_the_schema(path) if part == "schema" else int(pages * part))
    told = check(folder)
    assert "the database was damaged: " in told[0]
    assert len(list(folder.glob(f"{DAMAGED}*"))) >= 1
    with Library.open(folder) as library:
        after = library.core.contents
        assert len(after.recordings) > 200
        assert f"{len(after.recordings)} recordings" in told[0] or "and were removed" in " ".join(told)
        assert part != "schema" or len(after.recordings) == len(before.recordings)
        known = {one.id: at for at, one in enumerate(before.recordings)}
        for at, one in enumerate(after.recordings):
            assert np.array_equal(after.vectors[at], before.vectors[known[one.id]])
        put(library, [take("New", 0)])
        library.undo()
    assert check(folder) == []


def test_a_file_that_cannot_be_read_at_all_is_one_line_with_the_remedy(library):
    library.close()
    (library.path / FILE).write_bytes(b"garbage" * 5000)
    with pytest.raises(SingeridError, match=r"no recording can be read from it; restore a backup"):
        check(library.path)
    assert (library.path / FILE).read_bytes() == b"garbage" * 5000
    assert [path.name for path in library.path.iterdir() if path.name.startswith(".tmp")] == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM vectors WHERE rowid = 3", "1 recording had no vector or a damaged one"),
        ("UPDATE vectors SET vector = x'0000c07f' WHERE rowid = 3", "1 recording had no vector or a damaged"),
        ("DELETE FROM singers WHERE name = 'Ada'", "4 recordings had a singer that does not exist"),
        ("DELETE FROM recordings WHERE rowid < 3", "belonged to nothing and were removed"),
        ("DELETE FROM back_ends", "back end or the calibration was missing"),
        ("UPDATE settings SET value = 'x' WHERE key = 'calibration'", "the calibration was missing"),
    ],
)
def test_inconsistent_rows_are_repaired_once(library, statement, message):
    library.calibrate(0.3)
    connection = library.core.database.connection
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(statement)
    library.close()
    told = check(library.path)
    assert any(message in sentence for sentence in told), told
    assert check(library.path) == []
    with Library.open(library.path) as again:
        assert again.overview()
        while again.journal():
            again.undo()
        assert again.core.database.rows("SELECT id FROM recordings") == []


def test_missing_files_are_reported(own_library, tmp_path):
    path = made_voices.write_voice(tmp_path / "song.wav", 205)
    with Library.open(own_library) as library:
        library.enroll("Ada", [path])
    path.unlink()
    (sentence,) = check(own_library)
    assert sentence.startswith(f"1 file moved or deleted ({path})")


def test_where_there_is_no_library_nothing_is_made(tmp_path):
    with pytest.raises(SingeridError, match="is no library"):
        check(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []
