"""The journal of commands, and `undo`: takes back one command at a time, the latest first."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from singerid.errors import SingeridError
from singerid.library.database import Change, Database, text
from singerid.library.finding import paths_of
from singerid.library.schema import JOURNALED
from singerid.text import counted, printable


class OvertakenError(SingeridError):
    """The command that was to be undone is no longer the latest one."""


@dataclass(frozen=True)
class Entry:
    """A command in the journal.

    Attributes:
        number: number of the entry.
        command: name of the command.
        at: when it began, ISO 8601, UTC.
        can_undo: whether this command, and those before it, can be undone.
        recordings: number of recordings that it added, removed or changed.
        singers: number of singers that it added, removed or changed.
        files: names of the files of those recordings, two at most.
    """

    number: int
    command: str
    at: str
    can_undo: bool
    recordings: int
    singers: int
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [
            counted(count, noun)
            for count, noun in ((self.recordings, "recording"), (self.singers, "singer"))
            if count
        ]
        if self.files:
            more = ", ..." if self.recordings > len(self.files) else ""
            parts.insert(0, ", ".join(map(printable, self.files)) + more)
        return f"{self.command} ({self.at[:16].replace('T', ' ')} UTC{', ' * bool(parts)}{', '.join(parts)})"


def entries(database: Database, most: int = -1) -> list[Entry]:
    """The latest `most` entries of the journal (negative: all), the latest first."""
    return [
        Entry(number, command, at, bool(can_undo), recordings, singers, _files_of(database, number))
        for number, command, at, can_undo, recordings, singers in database.rows(
            "SELECT id, command, at, can_undo, "
            "(SELECT count(DISTINCT key) FROM changes WHERE entry = journal.id AND part = 'recordings'), "
            "(SELECT count(DISTINCT key) FROM changes WHERE entry = journal.id AND part = 'singers') "
            # A command that was killed before it changed anything leaves an empty entry.
            "FROM journal WHERE can_undo = 0 OR EXISTS (SELECT 1 FROM changes WHERE entry = journal.id) "
            "ORDER BY id DESC LIMIT ?",
            (most,),
        )
    ]


def _files_of(database: Database, entry: int) -> tuple[str, ...]:
    """Names of the files of a command's recordings, in the order of the changes, two at most."""
    rows = database.rows(
        "SELECT json_extract(key, '$[0]') FROM changes WHERE entry = ? AND part = 'recordings' "
        "GROUP BY key ORDER BY min(number) LIMIT 2",
        (entry,),
    )
    places = paths_of(database, [recording for (recording,) in rows])
    return tuple(Path(path).name for path in places.values())


def undo(database: Database, count: int = 1, latest: int | None = None) -> list[Entry]:
    """Undo the latest commands; return their entries, the latest first.

    Each command is undone in one transaction: after a kill the remaining ones can still be undone.

    Args:
        database: database of the library.
        count: how many commands to undo.
        latest: number of the entry that the caller takes to be the latest; None: undo whichever is.

    Raises:
        OvertakenError: another entry is the latest by now; nothing was undone.
        SingeridError: there is nothing to undo, or the latest command cannot be undone.
    """
    done: list[Entry] = []
    with database.command("undo", can_undo=False):
        found = entries(database, count)
        if latest is not None and found and found[0].number != latest:
            raise OvertakenError(
                f"{printable(database.folder)}: {found[0]} was done meanwhile, so nothing was taken "
                "back; look at the latest command, and take that back if you mean it"
            )
        for entry in found:
            if not entry.can_undo:
                if done:
                    break
                raise SingeridError(
                    f"{database.folder}: {entry.command} cannot be taken back, and neither can "
                    "the commands before it"
                )
            with database.changing() as change:
                # Rows refer to each other, so foreign keys are valid only at the end.
                change.run("PRAGMA defer_foreign_keys = ON")
                rows = database.rows(
                    "SELECT part, key, before FROM changes WHERE entry = ? ORDER BY number DESC",
                    (entry.number,),
                )
                for part, key, before in rows:
                    _restore(change, part, json.loads(key), None if before is None else json.loads(before))
                change.run("DELETE FROM journal WHERE id = ?", (entry.number,))
            done.append(entry)
    if not done:
        raise SingeridError(f"{database.folder}: there is nothing to take back")
    return done


def _restore(change: Change, part: str, key: list[Any], before: dict[str, Any] | None) -> None:
    names, rest = JOURNALED[part]
    where = " AND ".join(f"{name} = ?" for name in names)
    if before is None:
        change.run(f"DELETE FROM {part} WHERE {where}", key)
        return
    columns = (*names, *rest)
    values = [text(value) if isinstance(value, str) else value for value in map(before.get, columns)]
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, bytes) else "?" for value in values)
    # Not REPLACE: it would delete the row first, and with it all rows that refer to it.
    update = ", ".join(f"{name} = excluded.{name}" for name in rest)
    conflict = f"DO UPDATE SET {update}" if update else "DO NOTHING"
    change.run(
        f"INSERT INTO {part} ({', '.join(columns)}) VALUES ({marks}) "
        f"ON CONFLICT ({', '.join(names)}) {conflict}",
        values,
    )
