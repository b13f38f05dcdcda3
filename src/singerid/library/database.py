"""A library's database: safe against kills, crashes and full disks, with one writer at a time.

It is one SQLite file with a write-ahead log and full synchronization; deleted data is overwritten. Readers
never wait for the writer. A transaction that was interrupted by a kill or a full disk changes nothing.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from singerid.errors import SingeridError
from singerid.library.schema import FORMAT, statements
from singerid.system.drives import is_network_drive
from singerid.system.files import LockedError, locked, writing
from singerid.text import printable, shell_word

FILE = "library.sqlite3"
DAMAGED = f"{FILE}.damaged-"
"""Beginning of the name of a damaged database that `check` has put aside."""
# How long a command waits for another one that is writing.
WAIT_SECONDS = 60.0
_BUSY_MS = 10_000
SCRUB = "scrub_pending"
"""Setting that says that the write-ahead log may still hold forgotten data."""


class UnusableDatabaseError(SingeridError):
    """A database that cannot be used now: locked by another writer, damaged, or on a full disk."""


def text(value: str) -> bytes:
    """A name or a path for `CAST(? AS TEXT)`: bytes that are not valid UTF-8 are kept as they are."""
    return value.encode("utf-8", "surrogateescape")


class BusyDatabaseError(UnusableDatabaseError):
    """Another process is writing to the database."""


class FullDiskError(UnusableDatabaseError):
    """The disk has no room for the data to be written."""


def is_library(folder: Path) -> bool:
    """Whether a folder holds a library."""
    return (folder / FILE).is_file()


def remove_damaged(folder: Path) -> None:
    """Remove damaged databases that were put aside, as they may hold forgotten voices."""
    with writing(folder):
        for path in folder.glob(f"{DAMAGED}*"):
            path.unlink()


class Database:
    """An open database; use it as a context manager, or `close` it.

    Args:
        folder: folder of the library.
        create: create the folder and the file if they do not exist.

    Attributes:
        path: path of the file.
        writable: whether the library can be changed.
        connection: the connection of SQLite; whoever changes the library uses `change`.

    Raises:
        SingeridError: there is no library, or it is damaged, of a newer version, or cannot be opened or made.
    """

    def __init__(self, folder: Path, create: bool = False) -> None:
        self.folder, self.path = folder, folder / FILE
        is_new = not self.path.exists()
        if is_new and not create:
            raise SingeridError(
                f'{folder}: is no library; make one: singerid enroll {shell_word(folder)} --as "NAME" FILES'
            )
        if is_new:
            with writing(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # voiceprints are biometric data
                with suppress(OSError):  # not every drive supports permissions
                    if not any(folder.iterdir()):
                        folder.chmod(0o700)
        self.writable = os.access(folder, os.W_OK) and (is_new or os.access(self.path, os.W_OK))
        with self.explained():
            self.connection = self._connect()
            try:
                self.prepare(is_new)
            except BaseException:
                self.connection.close()
                raise

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    # Reading

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.explained():
            try:
                return self.connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
            # A name or a path is not valid UTF-8. Only then read leniently, which is slow in a large library:
            self.connection.text_factory = _lenient
            try:
                return self.connection.execute(sql, values).fetchall()
            finally:
                self.connection.text_factory = str

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first value of the first row of a query; None: there is no row."""
        with self.explained():
            rows = self.rows(sql, values)
            return rows[0][0] if rows else None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Within, all queries see one state of the library, even if another process writes."""
        if self.connection.in_transaction:  # a transaction sees one state already
            yield
            return
        with self.explained():
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("ROLLBACK")

    def copy(self) -> bytes:
        """The whole database in its current state, as the bytes of a file."""
        with self.explained(), closing(sqlite3.connect(":memory:")) as copied:
            self.connection.backup(copied)
            content: bytes = copied.serialize()
            return content

    @property
    def version(self) -> tuple[int, int]:
        """A value that changes whenever any process or this connection has written to the database."""
        return int(self.value("PRAGMA data_version")), self.connection.total_changes

    def setting(self, key: str) -> str | None:
        """The value of a setting; None: it is not set."""
        found: str | None = self.value("SELECT value FROM settings WHERE key = ?", (key,))
        return found

    def has_table(self, name: str) -> bool:
        """Whether the table exists; a read-only library keeps its old format, which may lack tables."""
        return (
            self.value("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,)) is not None
        )

    # Writing

    @contextmanager
    def command(self, name: str, can_undo: bool = True) -> Iterator[int | None]:
        """Lock the library against other writers; the value is the journal entry for the changes.

        An entry without changes is removed at the end.

        Args:
            name: name of the command, shown in the journal.
            can_undo: whether there is a journal entry; without one (the value is None) there is no undo.

        Raises:
            SingeridError: another command has been writing for `WAIT_SECONDS`; the library cannot be written.
        """
        with self._alone():
            if not can_undo:
                yield None
                return
            now = datetime.now(UTC).isoformat(timespec="seconds")
            with self.changing() as entry_of:
                entry = entry_of.run("INSERT INTO journal (command, at) VALUES (?, ?)", (name, now)).lastrowid
            try:
                yield entry
            finally:
                # The changes of an interrupted command can be undone, too, so its entry stays.
                with suppress(SingeridError), self.changing() as change:
                    change.run(
                        "DELETE FROM journal WHERE id = ? "
                        "AND NOT EXISTS (SELECT 1 FROM changes WHERE entry = journal.id)",
                        (entry,),
                    )

    @contextmanager
    def changing(self, entry: int | None = None) -> Iterator["Change"]:
        """One transaction: all of it or nothing. Inside another transaction it is a part of that one.

        Args:
            entry: journal entry for the changes; None: they are not in the journal.
        """
        if not self.writable:
            raise SingeridError(
                f"{self.path}: is read-only; copy the library to a folder that you may write to"
            )
        is_part = self.connection.in_transaction
        if is_part:
            noted = self.connection.execute("SELECT entry FROM journal_now").fetchall()
            self.connection.execute("DELETE FROM journal_now")
            if entry is not None:
                self.connection.execute("INSERT INTO journal_now VALUES (?)", (entry,))
            yield Change(self.connection)
            self.connection.execute("DELETE FROM journal_now")
            self.connection.executemany("INSERT INTO journal_now VALUES (?)", noted)
            return
        with self.explained():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                if entry is not None:
                    self.connection.execute("INSERT INTO journal_now VALUES (?)", (entry,))
                yield Change(self.connection)
                if entry is not None:
                    self.connection.execute("DELETE FROM journal_now")
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, so that its changes are not stored yet."""
        return self.connection.in_transaction

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self.writable:
            raise SingeridError(
                f"{self.path}: is read-only; copy the library to a folder that you may write to"
            )
        if not self.path.exists():  # the lock would create the folder of a deleted library again
            raise UnusableDatabaseError(f"{self.folder}: the library is not there any more; put it back")
        busy = "another command is writing to this library; try again when it has ended"
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.folder, busy, WAIT_SECONDS))
            except LockedError as error:
                raise BusyDatabaseError(str(error)) from error
            yield

    def scrub(self) -> bool:
        """Empty the write-ahead log, which may hold forgotten data; False: a reader has it open."""
        with self.explained():
            busy, *_ = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                return False
            if self.setting(SCRUB) is not None:
                with self.changing() as change:
                    change.run("DELETE FROM settings WHERE key = ?", (SCRUB,))
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return True

    # Opening

    def _connect(self) -> sqlite3.Connection:
        if self.writable:
            return _opened(str(self.path.absolute()), uri=False)
        address = self.path.absolute().as_uri()
        connection = _opened(f"{address}?mode=ro", uri=True)
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            # A write-ahead log needs a file beside the database, which a read-only folder does not allow.
            connection.close()
            connection = _opened(f"{address}?immutable=1", uri=True)
        return connection

    def prepare(self, is_new: bool) -> None:
        """Set up the connection and, in a database that may be written, the tables; called once."""
        run = self.connection.execute
        run("PRAGMA foreign_keys = ON")
        if not self.writable:
            self._check_format()
            return
        run("PRAGMA secure_delete = ON")
        run("PRAGMA synchronous = FULL")
        # A write-ahead log needs shared memory, which a network drive does not provide.
        mode = "DELETE" if is_network_drive(self.folder) else "WAL"
        try:
            run(f"PRAGMA journal_mode = {mode}").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise
            run("PRAGMA journal_mode = DELETE").fetchone()
        if not self._is_empty():
            self._check_format()
        if self._format() < FORMAT:
            run("BEGIN IMMEDIATE")
            try:
                for statement in statements(self._format()):  # read again: another process may be faster
                    run(statement)
                run("COMMIT")
            except BaseException:
                run("ROLLBACK")
                raise
        self._check_format()
        if not is_new and self.setting(SCRUB) is not None:
            self.scrub()

    def _is_empty(self) -> bool:
        count = self.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        return bool(count == 0)

    def _format(self) -> int:
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    def _check_format(self) -> None:
        found = self._format()
        if found > FORMAT:
            raise SingeridError(
                f"{self.path}: is a library of a newer singerid (format {found}, this one knows "
                f"{FORMAT}); update singerid"
            )
        if found < 1 or not self._has_tables():
            raise SingeridError(f"{self.path}: belongs to another program; choose another folder")

    def _has_tables(self) -> bool:
        sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('singers', 'recordings', 'vectors')"
        return bool(self.connection.execute(sql).fetchone()[0] == 3)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn SQLite's errors into a SingeridError that names the file and the remedy."""
        try:
            yield
        except sqlite3.Error as error:
            raise _kind(error)(f"{printable(self.path)}: {_reason(error, self.folder)}") from error


class Change:
    """An open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Execute a statement."""
        return self._connection.execute(sql, values)

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute a statement once for each row."""
        self._connection.executemany(sql, rows)


def _opened(address: str, uri: bool) -> sqlite3.Connection:
    # `isolation_level=None`: this module begins and ends all transactions. A connection may move from one
    # thread to another, as long as two threads do not use it at once.
    return sqlite3.connect(
        address, uri=uri, isolation_level=None, timeout=_BUSY_MS / 1000, check_same_thread=False
    )


def _lenient(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _kind(error: sqlite3.Error) -> type[UnusableDatabaseError]:
    said = str(error)
    if "locked" in said or "busy" in said:
        return BusyDatabaseError
    return FullDiskError if "full" in said else UnusableDatabaseError


def _reason(error: sqlite3.Error, folder: Path) -> str:
    said = str(error)
    if "locked" in said or "busy" in said:
        return "another program is writing to it; try again when it has ended"
    if "full" in said:
        return "the disk is full; free some space and run the command again: nothing is lost"
    if "readonly" in said:
        return "is read-only; copy the library to a folder that you may write to"
    if "malformed" in said or "not a database" in said:
        return f"is damaged ({said}); mend it: singerid library check {shell_word(folder)}"
    if "unable to open" in said:
        return "cannot be opened; check its permissions"
    return f"cannot be used ({said}); look at it: singerid library check {shell_word(folder)}"
