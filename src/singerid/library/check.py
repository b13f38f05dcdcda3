"""Checking a library for damage, and repairing it."""

import os
import shutil
import sqlite3
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from singerid.encoders.back_end import is_unit
from singerid.errors import SingeridError
from singerid.library.core import LibraryCore
from singerid.library.database import DAMAGED, FILE, SCRUB, Change, Database
from singerid.library.records import read_settings
from singerid.library.schema import statements
from singerid.text import counted, printable

_TABLES = (
    *("settings", "singers", "voices", "recordings", "statements", "rejections", "places", "vectors"),
    *("fresh", "waiting", "voiceless", "back_ends", "calibrations", "journal", "changes"),
    *("nobody", "answers", "jobs"),
)
_BLOBS = frozenset(("vector", "mean", "whitening"))
_LAST_ROW = 2**40
_INTERIOR = 5  # SQLite's interior table b-tree page, https://sqlite.org/fileformat2.html#b_tree_pages


def check(folder: Path) -> list[str]:
    """Check a library and repair it; return sentences that say what was found and done.

    A damaged database is replaced by a new one with everything that can be read; the damaged file is kept
    beside it.

    Raises:
        SingeridError: there is no library, it is of a newer version, or nothing of it can be read.
    """
    path = folder / FILE
    told = []
    if path.exists() and _is_damaged(path):
        told += _rescue(folder)
    with Database(folder) as database:
        with database.command("check", can_undo=False):
            told += _mend(database)
        core = LibraryCore(database)
        told += _sorted(core)
        if database.setting(SCRUB) is not None and not database.scrub():
            told.append("the log still holds forgotten data, because another program has the file open")
        missing = _missing(database)
    if missing:
        told.append(
            f"{counted(len(missing), 'file')} moved or deleted ({', '.join(map(printable, missing[:3]))}"
            f"{', ...' if len(missing) > 3 else ''}): give a moved file to enroll, discover or identify, and "
            "it is found again; the voices stay in the library"
        )
    return told


def _is_damaged(path: Path) -> bool:
    try:
        with sqlite3.connect(path) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchall()
            return bool(found != [("ok",)])
    except sqlite3.DatabaseError as error:
        return "locked" not in str(error) and "busy" not in str(error)
    finally:
        with suppress(NameError, sqlite3.Error):
            connection.close()


def _rescue(folder: Path) -> list[str]:
    """Make a new database from those rows of a damaged one that can be read."""
    path = folder / FILE
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    kept, made = folder / f"{DAMAGED}{stamp}", folder / f".tmp-{stamp}-{os.getpid()}"
    counts: dict[str, int] = {}
    new = sqlite3.connect(made, isolation_level=None)
    try:
        new.text_factory = bytes
        for statement in statements():
            new.execute(statement)
        source = path
        if not _can_be_read(path):
            source = made.with_name(f"{made.name}-schema")
            _with_schema(path, made, source)
        new.execute("BEGIN")
        for table in _TABLES:
            counts[table] = _copied(source, new, table)
        new.execute("COMMIT")
    finally:
        new.close()
        for left in folder.glob(f"{made.name}-*"):
            left.unlink()
    if not counts["recordings"] and not counts["singers"]:
        made.unlink()
        raise SingeridError(
            f"{path}: is damaged, and no recording can be read from it; restore a backup, "
            "or import an export: singerid library import"
        )
    for suffix in ("", "-wal", "-shm"):
        file = folder / f"{FILE}{suffix}"
        if file.exists():
            shutil.move(file, f"{kept}{suffix}")
    made.replace(path)
    return [
        f"the database was damaged: {counted(counts['recordings'], 'recording')} of "
        f"{counted(counts['singers'], 'singer')} could be read and are in a new one; "
        f"the damaged one is {printable(kept)}"
    ]


def _can_be_read(path: Path) -> bool:
    """Whether the database's schema can be read."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("SELECT count(*) FROM recordings LIMIT 0").fetchall()
        return bool(connection.execute("SELECT name FROM sqlite_schema").fetchall())
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def _copied(source: Path, target: sqlite3.Connection, table: str) -> int:
    """Copy the readable rows of a table; return their number."""
    columns = [row[1].decode() for row in target.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(columns)
    # Everything is read as bytes: names and paths may not be UTF-8, and must not change.
    marks = ", ".join(
        "?" if column in _BLOBS else "iif(typeof(?1) = 'blob', CAST(?1 AS TEXT), ?1)".replace("?1", f"?{at}")
        for at, column in enumerate(columns, 1)
    )
    old = sqlite3.connect(source, isolation_level=None)
    old.text_factory = bytes
    count, last, step = 0, -1, 1
    sql = f"SELECT rowid, {names} FROM {table} WHERE rowid > ? ORDER BY rowid"
    try:
        while last < _LAST_ROW:
            try:
                # A query for many rows fails one row before a damaged page. After it fails, rows are read one
                # by one, which also gets that row.
                for limit in (-1, 1):
                    with suppress(sqlite3.DatabaseError) if limit < 0 else nullcontext():
                        for rowid, *values in old.execute(f"{sql} LIMIT {limit}", (last,)):
                            last, step = rowid, 1
                            with suppress(sqlite3.IntegrityError):
                                target.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
                                count += 1
                        if limit < 0:
                            return count
            except sqlite3.DatabaseError:
                # Skip a damaged page: go on in growing steps, then bisect to the first readable row after it.
                unreadable = last
                while last < _LAST_ROW and not _is_readable(old, table, last):
                    unreadable, last, step = last, last + step, step * 2
                while last < _LAST_ROW and last - unreadable > 1:
                    middle = (last + unreadable) // 2
                    if _is_readable(old, table, middle):
                        last = middle
                    else:
                        unreadable = middle
        return count
    finally:
        old.close()


def _is_readable(database: sqlite3.Connection, table: str, after: int) -> bool:
    """Whether the row after this one can be read."""
    try:
        database.execute(f"SELECT * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT 1", (after,)).fetchall()
        return True
    except sqlite3.DatabaseError:
        return False


def _with_schema(damaged: Path, new: Path, target: Path) -> None:
    """Copy a database whose schema is damaged, with the schema of a new one in its place.

    The tables of a library are always made in the same order, so they begin at the same pages.
    """
    fresh, content = new.read_bytes(), bytearray(damaged.read_bytes())
    size = int.from_bytes(fresh[16:18], "big")
    content += bytes(-len(content) % size)
    pages = [1]
    if fresh[100] == _INTERIOR:
        cells = int.from_bytes(fresh[103:105], "big")
        starts = [int.from_bytes(fresh[112 + 2 * at : 114 + 2 * at], "big") for at in range(cells)]
        pages += [int.from_bytes(fresh[start : start + 4], "big") for start in (*starts, 108)]
    for page in pages:
        content[(page - 1) * size : page * size] = fresh[(page - 1) * size : page * size]
    content[28:40] = (len(content) // size).to_bytes(4, "big") + bytes(8)  # no page is free
    target.write_bytes(content)


def _mend(database: Database) -> list[str]:
    """Remove rows that refer to missing rows, and invalid vectors."""
    told = []
    settings = read_settings(database)
    sounds = settings.sounds if settings else ()
    with database.changing() as change:
        orphans = sum(
            change.run(f"DELETE FROM {table} WHERE {column} NOT IN (SELECT id FROM {other})").rowcount
            for table, column, other in (
                ("vectors", "recording", "recordings"),
                ("places", "recording", "recordings"),
                ("statements", "recording", "recordings"),
                ("statements", "singer", "singers"),
                ("rejections", "recording", "recordings"),
                ("rejections", "voice", "voices"),
                ("changes", "entry", "journal"),
            )
        )
        if orphans:
            told.append(f"{counted(orphans, 'row')} belonged to nothing and were removed")
        lost = change.run(
            "UPDATE recordings SET role = 'heard', singer = NULL "
            "WHERE singer IS NOT NULL AND singer NOT IN (SELECT id FROM singers)"
        ).rowcount
        if lost:
            told.append(
                f"{counted(lost, 'recording')} had a singer that does not exist; they have no singer now"
            )
        change.run("UPDATE recordings SET voice = NULL WHERE voice NOT IN (SELECT id FROM voices)")
        bad = _bad_vectors(change, sounds)
        change.many("DELETE FROM recordings WHERE id = ?", [(recording,) for recording in bad])
        if bad:
            told.append(
                f"{counted(len(bad), 'recording')} had no vector or a damaged one and were removed; "
                "enroll them again"
            )
        gone = change.run(
            "DELETE FROM settings WHERE key = 'back_end' AND value NOT IN (SELECT id FROM back_ends)"
        ).rowcount
        uncalibrated = change.run(
            "DELETE FROM settings WHERE key = 'calibration' AND value NOT IN (SELECT id FROM calibrations)"
        ).rowcount
        if gone or uncalibrated:
            told.append("the back end or the calibration was missing; calibrate again")
        change.run("DELETE FROM journal_now")
    return told


def _bad_vectors(change: Change, sounds: tuple[str, ...]) -> list[str]:
    """Recordings without a vector, or with one of an unusual size or not of unit length."""
    bad: set[str] = set()
    for sound in sounds:
        sizes = change.run(
            "SELECT length(vector), count(*) FROM vectors WHERE sound = ? GROUP BY 1 ORDER BY 2 DESC",
            (sound,),
        ).fetchall()
        usual = sizes[0][0] if sizes else 0
        for recording, vector in change.run(
            "SELECT recording, vector FROM vectors WHERE sound = ?", (sound,)
        ):
            if len(vector) != usual or len(vector) % 4:
                bad.add(recording)
                continue
            if not is_unit(np.frombuffer(vector, "<f4")):
                bad.add(recording)
        lacking = change.run(
            "SELECT id FROM recordings WHERE id NOT IN (SELECT recording FROM vectors WHERE sound = ?) "
            "AND id NOT IN (SELECT recording FROM waiting)",
            (sound,),
        )
        bad |= {row[0] for row in lacking}
    return sorted(bad)


def _sorted(core: LibraryCore) -> list[str]:
    """Fit back end and exemplars where a killed command has left none."""
    contents = core.contents
    if not contents.singers or contents.back_ends:
        return []
    core.fit(set(contents.singers))
    return ["the back end was missing and was fitted again"]


def _missing(database: Database) -> list[str]:
    rows = database.rows("SELECT recording, path FROM places ORDER BY recording, rowid")
    places: dict[str, list[str]] = {}
    for recording, path in rows:
        places.setdefault(recording, []).append(path)
    return [paths[-1] for paths in places.values() if not any(map(os.path.exists, paths))]
