"""One writer, readers that never wait, and one line for each error of the file."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from made_voices import dump, made, put, take
from singerid.errors import SingeridError
from singerid.library import database
from singerid.library.database import FILE, Database
from singerid.library.library import Library
from singerid.library.schema import FORMAT


@pytest.fixture
def library(tmp_path):
    with made(tmp_path / "library") as opened:
        yield opened


def _one_line(caught, *parts):
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    return message


def test_it_is_opened_so_that_nothing_is_lost_and_deleted_data_is_gone(library):
    def pragma(name):
        return library.core.database.value(f"PRAGMA {name}")

    assert pragma("journal_mode") == "wal"
    assert (pragma("synchronous"), pragma("secure_delete"), pragma("foreign_keys")) == (2, 1, 1)
    assert pragma("user_version") == FORMAT
    assert library.path.stat().st_mode & 0o777 == 0o700


def test_on_a_network_drive_there_is_no_log_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "is_network_drive", lambda _: True)
    with made(tmp_path / "library") as library:
        assert library.core.database.value("PRAGMA journal_mode") == "delete"
        assert library.core.database.value("PRAGMA secure_delete") == 1
        library.rename("Ada", "Eve")
        library.forget("Eve")
        assert library.singers == ("Bea", "Cy")


def test_a_second_writer_waits_for_the_first(library):
    done = []
    with Library.open(library.path) as other:

        def write():
            with Library.open(library.path) as third:
                third.rename("Ada", "Eve")
                done.append(True)

        with other.core.database.command("enroll"):
            thread = threading.Thread(target=write)
            thread.start()
            thread.join(0.3)
            assert not done
        thread.join(10)
    assert done
    assert "Eve" in library.singers


def test_a_second_writer_that_waited_long_says_so(library, monkeypatch):
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.05)
    with (
        Library.open(library.path) as other,
        other.core.database.command("enroll"),
        pytest.raises(SingeridError) as caught,
    ):
        library.rename("Ada", "Eve")
    _one_line(caught, "another command is writing to this library; try again when it has ended")
    assert "Ada" in library.singers


def test_another_program_that_locks_the_file_is_told(library):
    library.core.database.connection.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(library.core.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SingeridError) as caught:
        library.rename("Ada", "Eve")
    _one_line(caught, "another program is writing to it; try again")
    other.close()
    library.rename("Ada", "Eve")


def test_readers_read_while_a_writer_writes(library):
    before = dump(library)
    with Library.open(library.path) as reader, library.core.database.changing() as change:
        change.run("UPDATE singers SET name = 'Eve' WHERE name = 'Ada'")
        assert dump(reader) == before
        assert "Ada" in reader.singers
    with Library.open(library.path) as reader:
        assert "Eve" in reader.singers


def test_what_others_write_is_seen(library):
    assert len(library.recordings_of("Ada")) == 4
    with Library.open(library.path) as other:
        put(other, [take("Ada", 8)])
    assert len(library.recordings_of("Ada")) == 5


READ_ONLY = """
import os, sys
from pathlib import Path
sys.path[:0] = {path!r}
if os.geteuid() == 0:
    import torch, filelock, singerid.library.library  # before the user loses the right to read them
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
from singerid.errors import SingeridError
from singerid.library.library import Library
with Library.open({folder!r}) as library:
    print(len(library.overview()), library.core.database.writable)
    try:
        library.rename("Ada", "Eve")
    except SingeridError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders know no such permissions here")
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "in use"])
def test_a_read_only_folder_can_be_read_and_says_so_when_written_to(tmp_path, is_closed):
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "library"
        library = made(folder)
        if is_closed:
            library.close()
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        try:
            code = READ_ONLY.format(path=sys.path, folder=str(folder))
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        finally:
            folder.chmod(0o700)
            library.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "3 False",
        f"{folder}/{FILE}: is read-only; copy the library to a folder that you may write to",
    ]


def _newer(path):
    sqlite3.connect(path).execute(f"PRAGMA user_version = {FORMAT + 1}").connection.close()


def _of_another_program(path):
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE notes (text)").connection.close()


def _garbage(path):
    path.write_bytes(os.urandom(10_000))


def _truncated(path):
    path.write_bytes(path.read_bytes()[:5_000])


def _empty_header(path):
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_newer, f"of a newer singerid (format {FORMAT + 1}, this one knows {FORMAT}); update singerid"),
        (_of_another_program, "belongs to another program; choose another folder"),
        (_garbage, "is damaged (file is not a database); mend it: singerid library check"),
        (_truncated, "is damaged (database disk image is malformed); mend it: singerid library check"),
        (_empty_header, "is damaged (file is not a database); mend it: singerid library check"),
    ],
)
def test_a_file_that_is_no_library_is_one_line_with_the_remedy(library, harm, message):
    library.close()
    harm(library.core.database.path)
    with pytest.raises(SingeridError) as caught, Library.open(library.path) as opened:
        opened.overview()
    _one_line(caught, FILE, message)


def test_where_there_is_none_the_remedy_is_enroll(tmp_path):
    with pytest.raises(SingeridError) as caught:
        Library.open(tmp_path / "no where")
    _one_line(caught, "is no library; make one: singerid enroll", "'", '--as "NAME" FILES')


def test_no_library_is_made_among_other_things(tmp_path):
    (tmp_path / "song.mp3").touch()
    with pytest.raises(SingeridError) as caught:
        Library.open(tmp_path, create=True)
    _one_line(caught, "holds other things; give a new folder for the library")
    assert [path.name for path in tmp_path.iterdir()] == ["song.mp3"]


def test_a_library_that_was_killed_as_it_was_made_is_made(tmp_path):
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / FILE).touch()
    with Library.open(folder, create=True) as library:
        assert library.singers == ()


def test_a_full_disk_is_one_line_and_nothing_is_lost(library):
    before = dump(library)
    pages = library.core.database.value("PRAGMA page_count")
    library.core.database.connection.execute(f"PRAGMA max_page_count = {pages + 1}").fetchone()
    with pytest.raises(SingeridError) as caught:
        put(library, [take("Dee", number) for number in range(60)])
    _one_line(caught, "the disk is full; free some space and run the command again: nothing is lost")
    with Library.open(library.path) as again:
        assert len(again.core.contents.recordings) > 12, "those that had room are there"
        again.undo()
        assert dump(again) == before
        put(again, [take("Dee", number) for number in range(60)])


def test_a_transaction_that_fails_has_not_happened(library):
    before = dump(library)
    refused = pytest.raises(SingeridError, match="FOREIGN KEY")
    with refused, library.core.database.changing() as change:
        for statement in ("UPDATE singers SET name = 'Eve'", "UPDATE recordings SET singer = 99"):
            change.run(statement)
    assert dump(library) == before


def test_a_copied_folder_is_the_same_library(library, tmp_path):
    before = dump(library)
    library.close()
    with Library.open(shutil.copytree(library.path, tmp_path / "copy")) as copy:
        assert dump(copy) == before


def test_what_is_opened_twice_by_one_process_is_one_library(library):
    with Database(library.path) as first, Database(library.path) as second:
        with first.changing() as change:
            change.run("INSERT INTO settings (key, value) VALUES ('x', 'y')")
        assert second.setting("x") == "y"


def test_a_library_of_the_first_format_is_brought_up_to_date(tmp_path):
    with made(tmp_path / "L") as library:
        names = library.singers
    connection = sqlite3.connect(tmp_path / "L" / FILE)
    for table in ("nobody", "answers", "jobs"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    with Library.open(tmp_path / "L") as library:
        assert library.singers == names
        assert library.core.database.value("PRAGMA user_version") == FORMAT
        database = library.core.database
        with database.command("say") as entry, database.changing(entry) as change:
            change.run("INSERT INTO nobody (fingerprint, scheme) VALUES ('x', 1)")
        library.undo()
        assert database.rows("SELECT * FROM nobody") == []
    with Library.open(tmp_path / "L") as library:  # and once is enough
        assert library.singers == names
