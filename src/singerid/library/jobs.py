"""Long work that was asked for, in a queue that survives whoever works on it: one job after another."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from singerid.library.database import Database

JobKind = Literal["hear", "calibrate", "discover", "migrate"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
KINDS: tuple[JobKind, ...] = get_args(JobKind)

_DEATHS = "deaths"
_COLUMNS = "id, kind, state, done, total, message, made_at, ended_at"


@dataclass(frozen=True)
class Job:
    """A piece of long work.

    Attributes:
        id: jobs are done in the order of their ids.
        kind: what is to be done.
        state: what has become of it.
        done: steps that are done.
        total: of so many; 0: that is not known yet.
        message: of one that has ended what to tell, else what is being done.
        made_at: when it was asked for, ISO 8601, UTC.
        ended_at: when it ended; "": it has not.
    """

    id: int
    kind: JobKind
    state: JobState
    done: int
    total: int
    message: str
    made_at: str
    ended_at: str

    def to_json(self) -> dict[str, Any]:
        """As the server tells it."""
        return asdict(self)


class Jobs:
    """The queue of a library. One of the first format that cannot be written has none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: JobKind, arguments: Mapping[str, Any]) -> Job:
        """Ask for work; raises SingeridError where the library cannot be written."""
        with self._database.changing() as change:
            row = change.run(
                "INSERT INTO jobs (kind, arguments, state, made_at) VALUES (?, ?, 'waiting', ?) "
                f"RETURNING {_COLUMNS}",
                (kind, json.dumps(dict(arguments)), _now()),
            ).fetchone()
        return Job(*row)

    def take(self) -> tuple[Job, dict[str, Any]] | None:
        """The next job that waits, which is running from now on, and its arguments; None: none waits."""
        if not self._database.value("SELECT 1 FROM jobs WHERE state = 'waiting'"):
            return None
        with self._database.changing() as change:
            row = change.run(
                "UPDATE jobs SET state = 'running', done = 0, message = '' WHERE id = "
                f"(SELECT min(id) FROM jobs WHERE state = 'waiting') RETURNING {_COLUMNS}, arguments"
            ).fetchone()
        return None if row is None else (Job(*row[:-1]), json.loads(row[-1]))

    def progress(self, job: int, done: int, total: int, message: str = "") -> bool:
        """Tell how far a job is; False: it was cancelled, so nothing more is to be done."""
        with self._database.changing() as change:
            return (
                change.run(
                    "UPDATE jobs SET done = ?, total = ?, message = ? WHERE id = ? AND state = 'running'",
                    (done, total, message, job),
                ).rowcount
                > 0
            )

    def is_running(self, job: int) -> bool:
        """Whether it is; else somebody has cancelled it."""
        found: str | None = self._database.value("SELECT state FROM jobs WHERE id = ?", (job,))
        return found == "running"

    def end(self, job: int, state: JobState, message: str) -> None:
        """Tell that a running job has ended; one that was cancelled stays so."""
        with self._database.changing() as change:
            change.run(
                "UPDATE jobs SET state = ?, message = ?, ended_at = ? WHERE id = ? AND state = 'running'",
                (state, message, _now(), job),
            )

    def cancel(self, job: int) -> bool:
        """Let a job not be done, or no further; False: it has ended already."""
        with self._database.changing() as change:
            return (
                change.run(
                    "UPDATE jobs SET state = 'cancelled', ended_at = ? "
                    "WHERE id = ? AND state IN ('waiting', 'running')",
                    (_now(), job),
                ).rowcount
                > 0
            )

    def cancel_waiting(self, job: int) -> dict[str, Any] | None:
        """As `cancel`, of one that nobody works on; gives its arguments. None: it does not wait."""
        with self._database.changing() as change:
            row = change.run(
                "UPDATE jobs SET state = 'cancelled', ended_at = ? WHERE id = ? AND state = 'waiting' "
                "RETURNING arguments",
                (_now(), job),
            ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def resume(self, died: bool = True) -> None:
        """What was running waits again; called by who alone works on the queue.

        Args:
            died: its worker has died of it, as far as one can know: how often that was at the same step is
                counted in its arguments, see `deaths`. Else the worker was ended.
        """
        with self._database.changing() as change:
            rows = change.run(
                "SELECT id, arguments, done, message FROM jobs WHERE state = 'running'"
            ).fetchall()
            for job, arguments, done, message in rows if died else ():
                given = json.loads(arguments)
                step = step_of(done, message)
                given[_DEATHS] = {"step": step, "count": deaths(given, step) + 1}
                change.run("UPDATE jobs SET arguments = ? WHERE id = ?", (json.dumps(given), job))
            change.run("UPDATE jobs SET state = 'waiting' WHERE state = 'running'")

    def unfinished_arguments(self) -> list[dict[str, Any]]:
        """Of each job that waits or is running what it was asked for with."""
        if not self._is_there:
            return []
        rows = self._database.rows("SELECT arguments FROM jobs WHERE state IN ('waiting', 'running')")
        return [json.loads(arguments) for (arguments,) in rows]

    def get(self, job: int) -> Job | None:
        """A job by its id."""
        if not self._is_there:
            return None
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job,))
        return Job(*rows[0]) if rows else None

    def latest(self, most: int = 100) -> list[Job]:
        """The jobs that were asked for last, the latest first."""
        if not self._is_there:
            return []
        sql = f"SELECT {_COLUMNS} FROM jobs ORDER BY id DESC LIMIT ?"
        return [Job(*row) for row in self._database.rows(sql, (most,))]

    @property
    def unfinished(self) -> int:
        """How many wait or are running."""
        if not self._is_there:
            return 0
        sql = "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'running')"
        return int(self._database.value(sql))

    @property
    def _is_there(self) -> bool:
        return self._database.has_table("jobs")


def step_of(done: int, message: str) -> str:
    """What a step is known by, as `progress` was told of it."""
    return f"{done}: {message}"


def deaths(arguments: Mapping[str, Any], step: str | None = None) -> int:
    """How often in turn a job's worker has died at one step; at this one, or wherever (None).

    >>> given = {"deaths": {"step": "4: a.mp3", "count": 2}}
    >>> deaths(given), deaths(given, step_of(4, "a.mp3")), deaths(given, step_of(5, "b.mp3"))
    (2, 2, 0)
    """
    last = arguments.get(_DEATHS)
    return int(last["count"]) if last and step in (None, last["step"]) else 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
