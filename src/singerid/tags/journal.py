"""The journal of what was written into files, so that it can be taken back: LIBRARY/tags/journal.sqlite3.

It is a separate file. If it is damaged, the library is not affected; if it is lost, files keep their tags.
A file's earlier fields are on the disk before the file is replaced.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from singerid.errors import Failure, SingeridError
from singerid.library.database import text
from singerid.system.drives import is_network_drive
from singerid.system.files import writing
from singerid.tags.fields import Fields
from singerid.text import one_line

FOLDER, FILE = "tags", "journal.sqlite3"
_FORMAT = 1

Stage = Literal["writing", "written", "taking back"]

_TABLES = """
CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES runs (id),
    path TEXT NOT NULL,
    kind TEXT NOT NULL,                  -- of tags, or of the file beside it
    fingerprint TEXT NOT NULL,           -- of its sound, by which a moved file is found
    stage TEXT NOT NULL,
    temporary TEXT NOT NULL,             -- the copy that is to replace the file; '' where all is done
    is_ready INTEGER NOT NULL DEFAULT 0, -- whether that copy was whole, so that it may have replaced the file
    before TEXT NOT NULL DEFAULT '{}',   -- fields as they stood in the file: JSON
    after TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE settled (                   -- files that need not be heard again while nothing changes
    path TEXT NOT NULL,
    medium TEXT NOT NULL,
    size INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL,
    state TEXT NOT NULL,                 -- of the library and of what was asked
    PRIMARY KEY (path, medium)
);
CREATE INDEX entries_by_path ON entries (path);
CREATE INDEX entries_by_fingerprint ON entries (fingerprint);
"""
_COLUMNS = "id, run, path, kind, fingerprint, stage, temporary, is_ready, before, after"


@dataclass(frozen=True)
class Entry:
    """One change of a file, done or still being done.

    Attributes:
        id: its number, ascending.
        run: number of the command that wrote it.
        path: the file, absolute.
        kind: kind of its tags, or of the sidecar file.
        fingerprint: fingerprint of its sound.
        stage: how far the change is.
        temporary: the copy that is to replace the file; "" once that is done.
        is_ready: whether that copy is complete.
        before: the file's fields before the change.
        after: the file's fields after the change.
    """

    id: int
    run: int
    path: Path
    kind: str
    fingerprint: str
    stage: Stage
    temporary: str
    is_ready: bool
    before: Fields
    after: Fields


class JournalError(SingeridError):
    """A journal that cannot be used: nothing is written without one.

    Attributes:
        failure: the journal's path, with the reason and the remedy.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.failure = Failure(str(path), reason)
        super().__init__(str(self.failure))


class Journal:
    """An open journal; use as a context, or `close` it.

    Args:
        library: the library's folder.

    Raises:
        JournalError: it is damaged or of a newer version, or cannot be opened.
        SingeridError: it cannot be made.
    """

    def __init__(self, library: Path) -> None:
        folder = library / FOLDER
        self.path = folder / FILE
        with writing(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        with self._explained():
            self._connection = sqlite3.connect(self.path, isolation_level=None)
            # Names that are not UTF-8 stay as they are.
            self._connection.text_factory = lambda content: content.decode("utf-8", "surrogateescape")
            try:
                self._prepare(is_network_drive(folder))
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _prepare(self, is_far: bool) -> None:
        run = self._connection.execute
        if run("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
            raise sqlite3.DatabaseError("its pages are inconsistent")
        run(f"PRAGMA journal_mode = {'DELETE' if is_far else 'WAL'}").fetchone()
        run("PRAGMA synchronous = FULL")
        found = run("PRAGMA user_version").fetchone()[0]
        if found > _FORMAT:
            raise JournalError(self.path, "was written by a newer singerid; update singerid")
        if found == 0:
            self._connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {_FORMAT};COMMIT;")

    # Writing

    def new_run(self) -> int:
        """A number for a command that is going to write."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return int(self._run("INSERT INTO runs (at) VALUES (?)", (at,)).lastrowid or 0)

    def begin(self, run: int, path: Path, kind: str, fingerprint: str) -> "Step":
        """A step that is going to write a file."""
        return Step(self, "writing", None, (run, text(str(path)), kind, fingerprint))

    def begin_undo(self, entry: Entry) -> "Step":
        """A step that is going to take an entry back."""
        return Step(self, "taking back", entry.id, ())

    def end(self, entry: int, stage: Stage, is_done: bool) -> None:
        """Conclude an entry whose change was done, or was not done."""
        if is_done == (stage == "writing"):
            sql = "UPDATE entries SET stage = 'written', temporary = '', is_ready = 0 WHERE id = ?"
        else:
            sql = "DELETE FROM entries WHERE id = ?"
        self._run(sql, (entry,))

    # Reading

    def entries(
        self, paths: Sequence[Path] | None = None, fingerprint: str | None = None, run: int | None = None
    ) -> list[Entry]:
        """Entries that were written and not taken back, latest first.

        Args:
            paths: only entries of these files; None: of all files.
            fingerprint: only entries of files with this sound; None: with any sound.
            run: only entries of this command; None: of any command.
        """
        found = self._entries("stage = 'written'")
        wanted = None if paths is None else set(paths)
        return [
            entry
            for entry in found
            if (wanted is None or entry.path in wanted)
            and fingerprint in (None, entry.fingerprint)
            and run in (None, entry.run)
        ]

    def unfinished(self) -> list[Entry]:
        """Entries whose change was cut off."""
        return self._entries("temporary != ''")

    def _entries(self, where: str) -> list[Entry]:
        rows = self._run(f"SELECT {_COLUMNS} FROM entries WHERE {where} ORDER BY id DESC").fetchall()
        with self._explained():
            return [
                Entry(
                    *(number, run, Path(path), kind, fingerprint, stage, temporary, bool(ready)),
                    json.loads(before),
                    json.loads(after),
                )
                for number, run, path, kind, fingerprint, stage, temporary, ready, before, after in rows
            ]

    # Files that are up to date

    def is_settled(self, path: Path, medium: str, size: int, changed_ns: int, state: str) -> bool:
        """Whether a file was already processed in its present form."""
        rows = self._run(
            "SELECT 1 FROM settled WHERE path = CAST(? AS TEXT) AND medium = ? AND size = ? "
            "AND changed_ns = ? AND state = ?",
            (text(str(path)), medium, size, changed_ns, state),
        )
        return rows.fetchone() is not None

    def settle(self, path: Path, medium: str, size: int, changed_ns: int, state: str) -> None:
        """Note that a file was processed in its present form."""
        self._run(
            "INSERT OR REPLACE INTO settled VALUES (CAST(? AS TEXT), ?, ?, ?, ?)",
            (text(str(path)), medium, size, changed_ns, state),
        )

    def unsettle(self, path: Path, medium: str | None = None) -> None:
        """Have a file processed again; for a sidecar file, whose recording its name does not tell, all files.

        Args:
            path: the file.
            medium: "json" or "nfo" for a sidecar file; None: `path` is a recording.
        """
        if medium is not None:
            self._run("DELETE FROM settled WHERE medium = ?", (medium,))
        self._run("DELETE FROM settled WHERE path = CAST(? AS TEXT)", (text(str(path)),))

    def _run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        with self._explained():
            return self._connection.execute(sql, values)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:  # ValueError: invalid JSON
            said = one_line(error)
            remedy = (
                f"is damaged ({said}); move it away: then tags can be written again, but what was written "
                "before cannot be taken back"
            )
            if isinstance(error, sqlite3.OperationalError):
                remedy = f"cannot be used ({said}); free some space, or wait for the program that uses it"
            raise JournalError(self.path, remedy) from error


class Step:
    """A change of one file, recorded in the journal step by step."""

    def __init__(self, journal: Journal, stage: Stage, entry: int | None, values: tuple[Any, ...]) -> None:
        self._journal, self._stage, self._entry, self._values = journal, stage, entry, values

    def begin(self, temporary: Path) -> None:
        """Record the copy that is going to be made."""
        name = text(str(temporary))
        run = self._journal._run
        if self._entry is None:
            self._entry = run(
                "INSERT INTO entries (run, path, kind, fingerprint, stage, temporary) "
                "VALUES (?, CAST(? AS TEXT), ?, ?, 'writing', CAST(? AS TEXT))",
                (*self._values, name),
            ).lastrowid
        else:
            run(
                "UPDATE entries SET stage = 'taking back', temporary = CAST(? AS TEXT) WHERE id = ?",
                (name, self._entry),
            )

    def ready(self, before: Fields, after: Fields) -> None:
        """Record that the copy is complete; from now on it may replace the file."""
        if self._stage == "writing":
            self._journal._run(
                "UPDATE entries SET is_ready = 1, before = ?, after = ? WHERE id = ?",
                (json.dumps(before), json.dumps(after), self._entry),
            )
        else:
            self._journal._run("UPDATE entries SET is_ready = 1 WHERE id = ?", (self._entry,))

    def end(self, is_done: bool) -> None:
        """Record whether the file was replaced."""
        if self._entry is not None:
            self._journal.end(self._entry, self._stage, is_done)
