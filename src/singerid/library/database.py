"""A library's database: opened so that it survives whatever happens, one writer at a time.

One file, SQLite: write-ahead log, synchronous, what is deleted is overwritten. Readers never wait for the
writer. A transaction that was cut off, by a kill or a full disk, has not happened.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from singerid.errors import SingeridError
from singerid.library.schema import FORMAT, statements
from singerid.system.drives import is_network_drive
from singerid.system.files import writing
from singerid.text import printable, shell_word

FILE = "library.sqlite3"
DAMAGED = f"{FILE}.damaged-"
"""How the name of a damaged database begins that `check` has put aside."""
_LOCK = ".lock"
# For whoever writes at the same time: how long a command waits for its end.
WAIT_SECONDS = 60.0
_BUSY_MS = 10_000
SCRUB = "scrub_pending"
"""Setting that says that what was forgotten may still stand in the write-ahead log."""


class UnusableDatabaseError(SingeridError):
    """A database that cannot be used now: somebody else writes to it, it is damaged, a disk is full."""


def text(value: str) -> bytes:
    """A name or a path as it is bound to `CAST(? AS TEXT)`: bytes that are no UTF-8 stay what they are."""
    return value.encode("utf-8", "surrogateescape")


class BusyDatabaseError(UnusableDatabaseError):
    """Somebody else writes to it now."""


class FullDiskError(UnusableDatabaseError):
    """There is no room for what is to be written."""


def is_library(folder: Path) -> bool:
    """Whether a folder holds a library."""
    return (folder / FILE).is_file()


def remove_damaged(folder: Path) -> None:
    """Remove damaged databases that were put aside: voices that are forgotten are in them."""
    with writing(folder):
        for path in folder.glob(f"{DAMAGED}*"):
            path.unlink()


class Database:
    """An open database; use as a context, or `close` it.

    Args:
        folder: the library's.
        create: make folder and file where there are none.

    Attributes:
        path: the file.
        writable: whether anything can be changed.

    Raises:
        SingeridError: there is none, or it is damaged, of a newer version, or cannot be opened or made.
    """

    def __init__(self, folder: Path, create: bool = False) -> None:
        self.folder, self.path = folder, folder / FILE
        is_new = not self.path.exists()
        if is_new and not create:
            raise SingeridError(
                f"{printable(folder)}: is no library; make one: singerid enroll {shell_word(folder)} "
                '--as "NAME" FILES'
            )
        if is_new:
            with writing(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # voiceprints are biometric data
                with suppress(OSError):  # not every drive knows permissions
                    if not any(folder.iterdir()):
                        folder.chmod(0o700)
        self.writable = os.access(folder, os.W_OK) and (is_new or os.access(self.path, os.W_OK))
        with self.explained():
            self._connection = self._connect()
            try:
                self._prepare(is_new)
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; what was committed is there."""
        self._connection.close()

    # Reading

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.explained():
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
            # Some name or path is no UTF-8. Only then, for this takes its time in a large library:
            self._connection.text_factory = _lenient
            try:
                return self._connection.execute(sql, values).fetchall()
            finally:
                self._connection.text_factory = str

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first value of the first row of a query; None: there is no row."""
        with self.explained():
            rows = self.rows(sql, values)
            return rows[0][0] if rows else None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Within, all queries see the library as it is now, whatever is written meanwhile."""
        if self._connection.in_transaction:  # which sees it so
            yield
            return
        with self.explained():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def copy(self) -> bytes:
        """The whole database as it is now, as the bytes of a file."""
        with self.explained(), closing(sqlite3.connect(":memory:")) as copied:
            self._connection.backup(copied)
            content: bytes = copied.serialize()
            return content

    @property
    def version(self) -> tuple[int, int]:
        """Another one whenever anybody has written to it, this connection too."""
        return int(self.value("PRAGMA data_version")), self._connection.total_changes

    def setting(self, key: str) -> str | None:
        """A setting; None: it is not set."""
        found: str | None = self.value("SELECT value FROM settings WHERE key = ?", (key,))
        return found

    def has_table(self, name: str) -> bool:
        """Whether there is a table; a library that cannot be written stays in the format that it had."""
        return (
            self.value("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,)) is not None
        )

    # Writing

    @contextmanager
    def command(self, name: str, can_undo: bool = True) -> Iterator[int | None]:
        """Keep other writers out; gives the entry of the journal that notes what is changed.

        An entry under which nothing was changed is taken out again.

        Args:
            name: of the command, for who takes it back.
            can_undo: whether it is noted at all; what is not cannot be taken back (None is given).

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
                # Of a command that was cut off, too, what was done can be taken back.
                with suppress(SingeridError), self.changing() as change:
                    change.run(
                        "DELETE FROM journal WHERE id = ? "
                        "AND NOT EXISTS (SELECT 1 FROM changes WHERE entry = journal.id)",
                        (entry,),
                    )

    @contextmanager
    def changing(self, entry: int | None = None) -> Iterator["Change"]:
        """One transaction: all of it or nothing. Within another one it is a part of that.

        Args:
            entry: of the journal, under which the changes are noted; None: they are not.
        """
        if not self.writable:
            raise SingeridError(
                f"{printable(self.path)}: is read-only; copy the library to a folder that you may write to"
            )
        is_part = self._connection.in_transaction
        if is_part:
            noted = self._connection.execute("SELECT entry FROM journal_now").fetchall()
            self._connection.execute("DELETE FROM journal_now")
            if entry is not None:
                self._connection.execute("INSERT INTO journal_now VALUES (?)", (entry,))
            yield Change(self._connection)
            self._connection.execute("DELETE FROM journal_now")
            self._connection.executemany("INSERT INTO journal_now VALUES (?)", noted)
            return
        with self.explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                if entry is not None:
                    self._connection.execute("INSERT INTO journal_now VALUES (?)", (entry,))
                yield Change(self._connection)
                if entry is not None:
                    self._connection.execute("DELETE FROM journal_now")
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is being made, of which nothing is kept yet."""
        return self._connection.in_transaction

    @contextmanager
    def _alone(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        if not self.writable:
            raise SingeridError(
                f"{printable(self.path)}: is read-only; copy the library to a folder that you may write to"
            )
        if not self.path.exists():  # the lock would make the folder of a library that was deleted anew
            raise UnusableDatabaseError(
                f"{printable(self.folder)}: the library is not there any more; put it back"
            )
        lock = FileLock(self.folder / _LOCK)
        with writing(self.folder):
            try:
                lock.acquire(timeout=WAIT_SECONDS)
            except Timeout as error:
                raise BusyDatabaseError(
                    f"{printable(self.folder)}: another command is writing to this library; try again "
                    "when it has ended"
                ) from error
        try:
            yield
        finally:
            lock.release()

    def scrub(self) -> bool:
        """Empty the write-ahead log of what was forgotten; False: a reader holds it open."""
        with self.explained():
            busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                return False
            if self.setting(SCRUB) is not None:
                with self.changing() as change:
                    change.run("DELETE FROM settings WHERE key = ?", (SCRUB,))
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
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
            # A write-ahead log needs a file beside it, which a read-only folder has no room for.
            connection.close()
            connection = _opened(f"{address}?immutable=1", uri=True)
        return connection

    def _prepare(self, is_new: bool) -> None:
        run = self._connection.execute
        run("PRAGMA foreign_keys = ON")
        if not self.writable:
            self._check_format()
            return
        run("PRAGMA secure_delete = ON")
        run("PRAGMA synchronous = FULL")
        # A network drive does not share the memory that a write-ahead log needs.
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
                for statement in statements(self._format()):  # of another one, if somebody was faster
                    run(statement)
                run("COMMIT")
            except BaseException:
                run("ROLLBACK")
                raise
        self._check_format()
        if not is_new and self.setting(SCRUB) is not None:
            self.scrub()

    def _is_empty(self) -> bool:
        count = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        return bool(count == 0)

    def _format(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _check_format(self) -> None:
        found = self._format()
        if found > FORMAT:
            raise SingeridError(
                f"{printable(self.path)}: is a library of a newer singerid (format {found}, this one knows "
                f"{FORMAT}); update singerid"
            )
        if found < 1 or not self._has_tables():
            raise SingeridError(
                f"{printable(self.path)}: is a database of something else; choose another folder"
            )

    def _has_tables(self) -> bool:
        sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('singers', 'recordings', 'vectors')"
        return bool(self._connection.execute(sql).fetchone()[0] == 3)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what SQLite raises into a SingeridError that names the file and the remedy."""
        try:
            yield
        except sqlite3.Error as error:
            raise _kind(error)(f"{printable(self.path)}: {_reason(error, self.folder)}") from error


class Change:
    """A transaction that is being made."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Execute a statement."""
        return self._connection.execute(sql, values)

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute a statement once for each row."""
        self._connection.executemany(sql, rows)


def _opened(address: str, uri: bool) -> sqlite3.Connection:
    # Transactions are begun and ended here alone. A thread may hand a connection on to another one (SQLite
    # keeps it whole), as long as they do not use it at once.
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
