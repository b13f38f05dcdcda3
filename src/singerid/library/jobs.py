"""A queue of long jobs, stored in the database: jobs run one after another and survive a crash."""

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
    """A long job.

    Attributes:
        id: jobs are done in the order of their ids.
        kind: kind of job.
        state: its state.
        done: number of steps that are done.
        total: number of all steps; 0: not known yet.
        message: what is being done; after the end, the result for the user.
        made_at: when it was added, ISO 8601, UTC.
        ended_at: when it ended; "": it has not ended.
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
        """The JSON object that the server sends."""
        return asdict(self)


class Jobs:
    """The queue of a library. A read-only library of format 1 has none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: JobKind, arguments: Mapping[str, Any]) -> Job:
        """Add a job; raises SingeridError where the library cannot be written."""
        with self._database.changing() as change:
            row = change.run(
                "INSERT INTO jobs (kind, arguments, state, made_at) VALUES (?, ?, 'waiting', ?) "
                f"RETURNING {_COLUMNS}",
                (kind, json.dumps(dict(arguments)), _now()),
            ).fetchone()
        return Job(*row)

    def take(self) -> tuple[Job, dict[str, Any]] | None:
        """Start the next waiting job; return it and its arguments, None: no job waits."""
        if not self._database.value("SELECT 1 FROM jobs WHERE state = 'waiting'"):
            return None
        with self._database.changing() as change:
            row = change.run(
                "UPDATE jobs SET state = 'running', done = 0, message = '' WHERE id = "
                f"(SELECT min(id) FROM jobs WHERE state = 'waiting') RETURNING {_COLUMNS}, arguments"
            ).fetchone()
        return None if row is None else (Job(*row[:-1]), json.loads(row[-1]))

    def progress(self, job: int, done: int, total: int, message: str = "") -> bool:
        """Store the progress of a job; False: it was cancelled, so the work should stop."""
        with self._database.changing() as change:
            return (
                change.run(
                    "UPDATE jobs SET done = ?, total = ?, message = ? WHERE id = ? AND state = 'running'",
                    (done, total, message, job),
                ).rowcount
                > 0
            )

    def is_running(self, job: int) -> bool:
        """Whether a job is still running; False: it was cancelled."""
        found: str | None = self._database.value("SELECT state FROM jobs WHERE id = ?", (job,))
        return found == "running"

    def end(self, job: int, state: JobState, message: str) -> None:
        """Mark a running job as ended; a cancelled job stays cancelled."""
        with self._database.changing() as change:
            change.run(
                "UPDATE jobs SET state = ?, message = ?, ended_at = ? WHERE id = ? AND state = 'running'",
                (state, message, _now(), job),
            )

    def cancel(self, job: int) -> bool:
        """Cancel a waiting or running job; False: it has ended already."""
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
        """Cancel a job only if it is still waiting; return its arguments, None: it was not waiting."""
        with self._database.changing() as change:
            row = change.run(
                "UPDATE jobs SET state = 'cancelled', ended_at = ? WHERE id = ? AND state = 'waiting' "
                "RETURNING arguments",
                (_now(), job),
            ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def resume(self, died: bool = True) -> None:
        """Put running jobs back to waiting; only the one worker of the queue may call this.

        Args:
            died: whether the worker seems to have died of the job. If so, the number of deaths at the same
                step is counted in the job's arguments, see `deaths`. If not, the worker was stopped.
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
        """The arguments of each job that is waiting or running."""
        if not self._is_there:
            return []
        rows = self._database.rows("SELECT arguments FROM jobs WHERE state IN ('waiting', 'running')")
        return [json.loads(arguments) for (arguments,) in rows]

    def get(self, job: int) -> Job | None:
        """The job with this id; None: there is none."""
        if not self._is_there:
            return None
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job,))
        return Job(*rows[0]) if rows else None

    def latest(self, most: int = 100) -> list[Job]:
        """The jobs that were added last, the latest first."""
        if not self._is_there:
            return []
        sql = f"SELECT {_COLUMNS} FROM jobs ORDER BY id DESC LIMIT ?"
        return [Job(*row) for row in self._database.rows(sql, (most,))]

    @property
    def unfinished(self) -> int:
        """Number of jobs that are waiting or running."""
        if not self._is_there:
            return 0
        sql = "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'running')"
        return int(self._database.value(sql))

    @property
    def _is_there(self) -> bool:
        return self._database.has_table("jobs")


def step_of(done: int, message: str) -> str:
    """The key of a step, from the values that `progress` was called with."""
    return f"{done}: {message}"


def deaths(arguments: Mapping[str, Any], step: str | None = None) -> int:
    """How many times in a row a job's worker has died at this step, or at its latest step (None).

    >>> given = {"deaths": {"step": "4: a.mp3", "count": 2}}
    >>> deaths(given), deaths(given, step_of(4, "a.mp3")), deaths(given, step_of(5, "b.mp3"))
    (2, 2, 0)
    """
    last = arguments.get(_DEATHS)
    return int(last["count"]) if last and step in (None, last["step"]) else 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
