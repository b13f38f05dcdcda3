"""What the library last said of files: kept, so that thousands can be looked at, chosen and sorted at once.

They are a cache: not journaled, and made anew when the library has changed (`answering`).
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Literal, NamedTuple

from singerid.data.names import folded_name
from singerid.library.database import Change, Database, text

Order = Literal["name", "decision", "probability", "newest"]
DECISIONS = ("known", "ambiguous", "unknown", "no_voice")
OUTDATED = ""
"""State of an answer that no library says so any more."""

_COLUMNS = "id, path, recording, size, changed_ns, heard_at, state, content"


@dataclass(frozen=True)
class Answer:
    """What was said of a file.

    Attributes:
        id: it stays while the file is in the list.
        path: the file.
        recording: its id in the library; None: the library does not have it, or has it no more.
        size: of the file, in bytes.
        changed_ns: time of its last change.
        heard_at: when it was listened to: ISO 8601, UTC.
        state: of the library that said it.
        content: as `identify --json` has it; "name" besides, where the file is not called as its path says.
    """

    id: int
    path: str
    recording: str | None
    size: int
    changed_ns: int
    heard_at: str
    state: str
    content: dict[str, Any]

    @property
    def name(self) -> str:
        """What people call the file."""
        return str(self.content.get("name") or PurePath(self.path).name)

    @property
    def result(self) -> dict[str, Any]:
        """The object of `identify --json`."""
        return {key: value for key, value in self.content.items() if key != "name"}


class _Brief(NamedTuple):
    """Of an answer what it is chosen and sorted by."""

    id: int
    name: str
    words: str
    decision: str
    singers: frozenset[str]
    probability: float
    heard_at: str


class Answers:
    """The answers that a library keeps. One of the first format that cannot be written keeps none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._briefs: list[_Brief] = []
        self._version: tuple[int, int] | None = None

    @property
    def _is_there(self) -> bool:
        return self._database.has_table("answers")

    def put(
        self,
        path: str,
        size: int,
        changed_ns: int,
        recording: str | None,
        content: dict[str, Any],
        state: str,
    ) -> int:
        """Keep what is said of a file, in place of what was said before; gives the answer's id."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._database.changing() as change:
            change.run(
                f"INSERT INTO answers ({_COLUMNS.removeprefix('id, ')}, decision) "
                "VALUES (CAST(? AS TEXT), ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (path) DO UPDATE SET recording = excluded.recording, size = excluded.size, "
                "changed_ns = excluded.changed_ns, heard_at = excluded.heard_at, state = excluded.state, "
                "content = excluded.content, decision = excluded.decision",
                (
                    *(text(path), recording, size, changed_ns, now, state),
                    *(json.dumps(content), content["decision"]),
                ),
            )
            found = change.run("SELECT id FROM answers WHERE path = CAST(? AS TEXT)", (text(path),))
            return int(found.fetchone()[0])

    def renew(self, renewed: Iterable[tuple[int, dict[str, Any], str]]) -> None:
        """Keep (id, content, state) of answers that were made anew of what was heard before."""
        rows = [(content["decision"], json.dumps(content), state, one) for one, content, state in renewed]
        with self._database.changing() as change:
            change.many("UPDATE answers SET decision = ?, content = ?, state = ? WHERE id = ?", rows)

    def remove(self, answer: int) -> bool:
        """Take an answer out of the list; False: it is not there."""
        with self._database.changing() as change:
            return change.run("DELETE FROM answers WHERE id = ?", (answer,)).rowcount > 0

    def get(self, answer: int) -> Answer | None:
        """An answer by its id."""
        return next(iter(self.of([answer])), None)

    def at(self, path: str) -> Answer | None:
        """The answer for a file."""
        if not self._is_there:
            return None
        sql = f"SELECT {_COLUMNS} FROM answers WHERE path = CAST(? AS TEXT)"
        return next(map(_read, self._database.rows(sql, (text(path),))), None)

    def of(self, answers: Sequence[int]) -> list[Answer]:
        """Answers by their ids, in that order; those that are not there are left out."""
        if not self._is_there:
            return []
        found = {}
        for first in range(0, len(answers), 500):
            part = answers[first : first + 500]
            sql = f"SELECT {_COLUMNS} FROM answers WHERE id IN ({', '.join('?' * len(part))})"
            found.update({row[0]: _read(row) for row in self._database.rows(sql, part)})
        return [found[one] for one in answers if one in found]

    def outdated(self, state: str, after: int = 0, most: int = 200) -> list[Answer]:
        """Answers of another state than this, by their ids from the one behind `after` on."""
        if not self._is_there:
            return []
        sql = f"SELECT {_COLUMNS} FROM answers WHERE state <> ? AND id > ? ORDER BY id LIMIT ?"
        return [_read(row) for row in self._database.rows(sql, (state, after, most))]

    def counts(self) -> dict[str, int]:
        """How many there are of each decision."""
        if not self._is_there:
            return dict.fromkeys(DECISIONS, 0)
        rows = dict(self._database.rows("SELECT decision, count(*) FROM answers GROUP BY decision"))
        return {decision: rows.get(decision, 0) for decision in DECISIONS}

    def choose(
        self, decision: str | None = None, singer: str | None = None, q: str = "", order: Order = "newest"
    ) -> tuple[list[int], dict[str, int]]:
        """Ids of answers in order, and how many of each decision are among those that fit.

        Args:
            decision: only of this; the counts are of all decisions.
            singer: only where this singer is named.
            q: only where the path or the name of a singer has all of these words in it.
            order: by which they are sorted; decisions as `DECISIONS`, probabilities from the least sure on.
        """
        words = _searched(q).split()
        who = None if singer is None else folded_name(singer)
        fitting = [
            brief
            for brief in self._all()
            if (who is None or who in brief.singers) and all(word in brief.words for word in words)
        ]
        counts = Counter(brief.decision for brief in fitting)
        chosen = [brief for brief in fitting if decision is None or brief.decision == decision]
        chosen.sort(key=lambda brief: (brief.name, brief.id))
        if order == "decision":
            chosen.sort(key=lambda brief: DECISIONS.index(brief.decision))
        elif order == "probability":
            chosen.sort(key=lambda brief: brief.probability)
        elif order == "newest":
            chosen.sort(key=lambda brief: (brief.heard_at, brief.id), reverse=True)
        return [brief.id for brief in chosen], {one: counts[one] for one in DECISIONS}

    def call(self, old: str, new: str | None) -> None:
        """Call a singer otherwise in all answers; None: the name is taken out of them for ever."""
        if not self._is_there:
            return
        with self._database.changing() as change:
            if new is None:
                change.run(
                    "DELETE FROM answers WHERE recording IN (SELECT recordings.id FROM recordings "
                    "JOIN singers ON singers.id = singer WHERE folded = CAST(? AS TEXT))",
                    (text(folded_name(old)),),
                )
            _call(change, old, new)

    def _all(self) -> list[_Brief]:
        """Of all answers in short; read again when anybody has written."""
        version = self._database.version
        if version != self._version:
            self._briefs = []
            if self._is_there:
                rows = self._database.rows(
                    "SELECT id, path, decision, heard_at, json_extract(content, '$.name'), "
                    "json_extract(content, '$.probability'), json_extract(content, '$.singers') FROM answers"
                )
                self._briefs = list(_briefs(rows))
            self._version = version
        return self._briefs


def without_name(content: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What was said of a file without these singers: whoever sang as one of them is a stranger."""
    gone = set(names)
    made = dict(content)
    made["singers"] = [one for one in content.get("singers", ()) if one["singer"] not in gone]
    for part in ("candidates", "nearest"):
        made[part] = [one for one in content.get(part, ()) if one["singer"] not in gone]
    spans = content.get("timeline", ())
    following = max((number for span in spans for number in span.get("unknown", ())), default=0) + 1
    numbers: dict[str, int] = {}
    timeline = []
    for span in spans:
        singers = span.get("singers", ())
        for who in singers:
            if who in gone and who not in numbers:
                numbers[who], following = following, following + 1
        strangers = [*span.get("unknown", ()), *(numbers[who] for who in singers if who in gone)]
        kept = [who for who in singers if who not in gone]
        rest = {key: value for key, value in span.items() if key not in ("singers", "unknown")}
        timeline.append(
            rest | ({"singers": kept} if kept else {}) | ({"unknown": sorted(strangers)} if strangers else {})
        )
    made["timeline"] = timeline
    if made["decision"] == "known" and not made["singers"]:
        made["decision"] = "unknown"
        made.pop("probability", None)
        made.pop("said", None)
    return {key: value for key, value in made.items() if value != []}


def _renamed(content: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    def name(who: str) -> str:
        return new if who == old else who

    made = dict(content)
    for part in ("singers", "candidates", "nearest"):
        if part in made:
            # Two that are one now are told once, by the first, which is the longest or likeliest.
            called = [one | {"singer": name(one["singer"])} for one in made[part]]
            once = {one["singer"]: one for one in reversed(called)}
            made[part] = (
                called if part == "nearest" else [one for one in called if once[one["singer"]] is one]
            )
    if "timeline" in made:
        made["timeline"] = [
            span | ({"singers": list(dict.fromkeys(map(name, span["singers"])))} if "singers" in span else {})
            for span in made["timeline"]
        ]
    return made


def _call(change: Change, old: str, new: str | None) -> None:
    quoted = json.dumps(old)
    rows = change.run("SELECT id, content FROM answers WHERE instr(content, ?)", (quoted,)).fetchall()
    for one, content in rows:
        made = json.loads(content)
        made = without_name(made, [old]) if new is None else _renamed(made, old, new)
        change.run(
            "UPDATE answers SET content = ?, decision = ?, state = ? WHERE id = ?",
            (json.dumps(made), made["decision"], OUTDATED, one),
        )


def _read(row: tuple[Any, ...]) -> Answer:
    one, path, recording, size, changed_ns, heard_at, state, content = row
    return Answer(one, path, recording, size, changed_ns, heard_at, state, json.loads(content))


def _briefs(rows: Iterable[tuple[Any, ...]]) -> Iterator[_Brief]:
    folded: dict[str, str] = {}  # a singer has many songs
    for one, path, decision, heard_at, name, probability, singers in rows:
        names = [who["singer"] for who in json.loads(singers)] if singers else []
        for who in names:
            if who not in folded:
                folded[who] = folded_name(who)
        yield _Brief(
            one,
            _searched(name or PurePath(path).name),
            _searched("\n".join((name or "", path, *names))),
            decision,
            frozenset(folded[who] for who in names),
            2.0 if probability is None else probability,
            heard_at,
        )


def _searched(words: str) -> str:
    return unicodedata.normalize("NFC", words).casefold()
