"""Heard recordings by their path, on the disk: a million of them take no more memory than ten."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields

from singerid.library.heard_rows import HeardRow
from singerid.system.messages import packed, unpacked

_COLUMNS = [one.name for one in fields(HeardRow)]


class RowsByPath:
    """Rows that are written once and then looked up by path.

    They are in a database without a name: SQLite keeps it in a temporary file that no other program finds,
    and removes it when it is closed. Only the thread that made it may use it.

    Args:
        rows: all of them; several may have one path.
    """

    def __init__(self, rows: Iterable[HeardRow]) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE rows (path TEXT NOT NULL, content BLOB NOT NULL)")
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO rows VALUES (?, ?)",
            ((row.path, packed([getattr(row, name) for name in _COLUMNS])) for row in rows),
        )
        self._database.execute("CREATE INDEX by_path ON rows (path)")
        self._database.execute("COMMIT")

    def of(self, path: str) -> Iterator[HeardRow]:
        """The rows of a path, in the order in which they were given."""
        found = self._database.execute("SELECT content FROM rows WHERE path = ? ORDER BY rowid", (path,))
        for (content,) in found.fetchall():
            yield HeardRow(**dict(zip(_COLUMNS, unpacked(content), strict=True)))
