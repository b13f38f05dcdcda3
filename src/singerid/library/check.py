"""Looking whether a library is whole, and mending what is not."""

import os
import shutil
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from singerid.errors import SingeridError
from singerid.library.core import LibraryCore
from singerid.library.database import DAMAGED, FILE, SCRUB, Change, Database
from singerid.library.records import read_settings
from singerid.library.schema import statements
from singerid.text import counted, printable

_TABLES = (
    *("settings", "singers", "voices", "recordings", "statements", "rejections", "places", "vectors"),
    *("fresh", "waiting", "voiceless", "back_ends", "calibrations", "journal", "changes"),
)
_BLOBS = frozenset(("vector", "mean", "whitening"))
_MOST_HOLES = 10_000  # damaged places of a table that are passed over


def check(folder: Path) -> list[str]:
    """Look whether a library is whole and mend what is not; gives what was found and done, in words.

    A damaged file is kept beside the one that is made of what can be read of it.

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
            told.append("what was forgotten still stands in the log, for another program holds the file open")
        missing = _missing(database)
    if missing:
        told.append(
            f"{counted(len(missing), 'file')} not where they were ({', '.join(map(printable, missing[:3]))}"
            f"{', ...' if len(missing) > 3 else ''}): they are found again when they are given to enroll, "
            "discover or identify; what is known of their voices stays"
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
    """Make a new database of the rows of a damaged one that can be read."""
    path = folder / FILE
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    kept, made = folder / f"{DAMAGED}{stamp}", folder / f".tmp-{stamp}-{os.getpid()}"
    counts: dict[str, int] = {}
    new = sqlite3.connect(made, isolation_level=None)
    try:
        new.text_factory = bytes
        for statement in statements():
            new.execute(statement)
        new.execute("BEGIN")
        for table in _TABLES:
            counts[table] = _copied(path, new, table)
        new.execute("COMMIT")
    finally:
        new.close()
    if not counts["recordings"] and not counts["singers"]:
        made.unlink()
        raise SingeridError(
            f"{printable(path)}: is damaged, and no recording can be read of it; bring back a backup, "
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


def _copied(source: Path, target: sqlite3.Connection, table: str) -> int:
    """Copy the rows of a table that can be read; gives their number."""
    columns = [row[1].decode() for row in target.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(columns)
    # All is read as bytes; names and paths may be no UTF-8, and stay what they are.
    marks = ", ".join(
        "?" if column in _BLOBS else "iif(typeof(?1) = 'blob', CAST(?1 AS TEXT), ?1)".replace("?1", f"?{at}")
        for at, column in enumerate(columns, 1)
    )
    count, last = 0, -1
    old = sqlite3.connect(source, isolation_level=None)
    old.text_factory = bytes
    try:
        for _ in range(_MOST_HOLES):
            try:
                for rowid, *values in old.execute(
                    f"SELECT rowid, {names} FROM {table} WHERE rowid > ? ORDER BY rowid", (last,)
                ):
                    last = rowid
                    with suppress(sqlite3.IntegrityError):
                        target.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
                        count += 1
                return count
            except sqlite3.DatabaseError:
                last += 1
        return count
    finally:
        old.close()


def _mend(database: Database) -> list[str]:
    """Take out rows that hang on nothing, and vectors that cannot be any."""
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
            told.append(f"{counted(orphans, 'row')} belonged to nothing and were taken out")
        lost = change.run(
            "UPDATE recordings SET role = 'heard', singer = NULL "
            "WHERE singer IS NOT NULL AND singer NOT IN (SELECT id FROM singers)"
        ).rowcount
        if lost:
            told.append(f"{counted(lost, 'recording')} had a singer that is gone; they are nobody's now")
        change.run("UPDATE recordings SET voice = NULL WHERE voice NOT IN (SELECT id FROM voices)")
        bad = _bad_vectors(change, sounds)
        change.many("DELETE FROM recordings WHERE id = ?", [(recording,) for recording in bad])
        if bad:
            told.append(
                f"{counted(len(bad), 'recording')} had no vector or a damaged one and were taken out; "
                "enroll them again"
            )
        gone = change.run(
            "DELETE FROM settings WHERE key = 'back_end' AND value NOT IN (SELECT id FROM back_ends)"
        ).rowcount
        uncalibrated = change.run(
            "DELETE FROM settings WHERE key = 'calibration' AND value NOT IN (SELECT id FROM calibrations)"
        ).rowcount
        if gone or uncalibrated:
            told.append("back end or calibration were gone; calibrate again")
        change.run("DELETE FROM journal_now")
    return told


def _bad_vectors(change: Change, sounds: tuple[str, ...]) -> list[str]:
    """Recordings that lack a vector, or one of which is of another size than most or no number."""
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
            if len(vector) != usual or len(vector) % 4 or not np.isfinite(np.frombuffer(vector, "<f4")).all():
                bad.add(recording)
        lacking = change.run(
            "SELECT id FROM recordings WHERE id NOT IN (SELECT recording FROM vectors WHERE sound = ?) "
            "AND id NOT IN (SELECT recording FROM waiting)",
            (sound,),
        )
        bad |= {row[0] for row in lacking}
    return sorted(bad)


def _sorted(core: LibraryCore) -> list[str]:
    """Bring back end and exemplars up to date, which a command that was killed may have left behind."""
    contents = core.contents
    if not contents.singers or contents.back_ends:
        return []
    core.fit(set(contents.singers))
    return ["the back end was not there and was fitted again"]


def _missing(database: Database) -> list[str]:
    rows = database.rows("SELECT recording, path FROM places ORDER BY recording, rowid")
    places: dict[str, list[str]] = {}
    for recording, path in rows:
        places.setdefault(recording, []).append(path)
    return [paths[-1] for paths in places.values() if not any(map(os.path.exists, paths))]
