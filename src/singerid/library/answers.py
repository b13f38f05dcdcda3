"""The library's latest answer for each file, stored so that thousands can be listed, filtered and sorted.

They are a cache: they are not journaled, and are recomputed when the library has changed (`answering`).
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
"""State of an answer that is out of date whatever the library's state is."""

_COLUMNS = "id, path, recording, size, changed_ns, heard_at, state, content"


@dataclass(frozen=True)
class Answer:
    """The stored answer for a file.

    Attributes:
        id: the same as long as the file is in the list.
        path: path of the file.
        recording: id of its recording in the library; None: the library does not have it (any more).
        size: size of the file in bytes.
        changed_ns: time of the file's last change in ns.
        heard_at: when the file was heard: ISO 8601, UTC.
        state: state of the library when it gave the answer.
        content: the object of `identify --json`, and "name" where people call the file something else.
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
        """The name of the file for people."""
        return str(self.content.get("name") or PurePath(self.path).name)

    @property
    def result(self) -> dict[str, Any]:
        """The object of `identify --json`."""
        return {key: value for key, value in self.content.items() if key != "name"}


class _Brief(NamedTuple):
    """The parts of an answer that are used to filter and sort."""

    id: int
    name: str
    words: str
    decision: str
    singers: frozenset[str]
    probability: float
    heard_at: str


class Answers:
    """The answers that a library keeps. A read-only library of format 1 keeps none."""

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
        """Store the answer for a file in place of an earlier one; return the answer's id."""
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
        """Store recomputed answers, each as (id, content, state)."""
        rows = [(content["decision"], json.dumps(content), state, one) for one, content, state in renewed]
        with self._database.changing() as change:
            change.many("UPDATE answers SET decision = ?, content = ?, state = ? WHERE id = ?", rows)

    def remove(self, answer: int) -> bool:
        """Remove an answer from the list; False: it is not there."""
        with self._database.changing() as change:
            return change.run("DELETE FROM answers WHERE id = ?", (answer,)).rowcount > 0

    def get(self, answer: int) -> Answer | None:
        """The answer with this id; None: there is none."""
        return next(iter(self.of([answer])), None)

    def at(self, path: str) -> Answer | None:
        """The answer for a file; None: there is none."""
        if not self._is_there:
            return None
        sql = f"SELECT {_COLUMNS} FROM answers WHERE path = CAST(? AS TEXT)"
        return next(map(_read, self._database.rows(sql, (text(path),))), None)

    def of(self, answers: Sequence[int]) -> list[Answer]:
        """The answers with these ids, in the same order; unknown ids are skipped."""
        if not self._is_there:
            return []
        found = {}
        for first in range(0, len(answers), 500):
            part = answers[first : first + 500]
            sql = f"SELECT {_COLUMNS} FROM answers WHERE id IN ({', '.join('?' * len(part))})"
            found.update({row[0]: _read(row) for row in self._database.rows(sql, part)})
        return [found[one] for one in answers if one in found]

    def outdated(self, state: str, after: int = 0, most: int = 200) -> list[Answer]:
        """At most `most` answers whose state is not `state` and whose id is above `after`, sorted by id."""
        if not self._is_there:
            return []
        sql = f"SELECT {_COLUMNS} FROM answers WHERE state <> ? AND id > ? ORDER BY id LIMIT ?"
        return [_read(row) for row in self._database.rows(sql, (state, after, most))]

    def counts(self) -> dict[str, int]:
        """The number of answers with each decision."""
        if not self._is_there:
            return dict.fromkeys(DECISIONS, 0)
        rows = dict(self._database.rows("SELECT decision, count(*) FROM answers GROUP BY decision"))
        return {decision: rows.get(decision, 0) for decision in DECISIONS}

    def choose(
        self, decision: str | None = None, singer: str | None = None, q: str = "", order: Order = "newest"
    ) -> tuple[list[int], dict[str, int]]:
        """Filter and sort answers: their ids, and the number of fitting answers with each decision.

        Args:
            decision: only answers with this decision; the counts are of all decisions.
            singer: only answers that name this singer.
            q: only answers where each of these words occurs in the file's name or path or in a singer's name.
            order: how they are sorted; decisions in the order of `DECISIONS`, probabilities lowest first.
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
        """Rename a singer in all answers; None: remove the name from all answers."""
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
        """All answers in brief; read again when any process has written to the database."""
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
    """An answer without these singers: their parts of the timeline become a stranger's."""
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
            # Two entries that now have the same name become one: the first, the longest or likeliest one.
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
    folded: dict[str, str] = {}  # each name is folded only once, as a singer has many songs
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
