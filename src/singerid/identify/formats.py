"""What `singerid identify` prints, by name: a table for people, lines of JSON and CSV for programs."""

import csv
import json
from collections.abc import Callable, Iterable
from typing import TextIO

from singerid.errors import Failure
from singerid.identify.result import Result
from singerid.registry import Registry

Outcome = Result | Failure
Write = Callable[[Iterable[Outcome], TextIO], None]
"""Writes the outcomes of files, each as it comes where the format allows it."""

CSV_COLUMNS = (
    *("path", "decision", "singer", "probability", "vote_share", "clips", "voice_seconds", "seconds"),
    *("short", "warning", "error"),
)


def write_json_lines(outcomes: Iterable[Outcome], file: TextIO) -> None:
    """One object a line, as it comes; {path, error} for a file that failed."""
    for outcome in outcomes:
        text = json.dumps(_fields(outcome), ensure_ascii=False)
        # ASCII escapes carry names that are no UTF-8.
        file.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
        file.flush()


def write_csv(outcomes: Iterable[Outcome], file: TextIO) -> None:
    """A table of outcomes as CSV, one row a file, as they come; the timeline is in the JSON form only."""
    writer = csv.DictWriter(file, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for outcome in outcomes:
        named = {}
        if isinstance(outcome, Result) and outcome.singers:
            named = {"singer": outcome.singer, "probability": outcome.confidence}
        writer.writerow({key: _cell(value) for key, value in (_fields(outcome) | named).items()})
        file.flush()


def _fields(outcome: Outcome) -> dict[str, object]:
    if isinstance(outcome, Failure):
        return {"path": outcome.path, "error": outcome.reason}
    return outcome.to_json()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


FORMATS: Registry[Write] = Registry(
    "format",
    {
        "table": "singerid.identify.report:write_tables",
        "json": write_json_lines,
        "csv": write_csv,
    },
)
