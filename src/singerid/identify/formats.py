"""What `singerid identify` prints for programs: lines of JSON, and CSV."""

import csv
import json
from collections.abc import Iterable
from typing import TextIO

from singerid.errors import Failure
from singerid.identify.result import Result

CSV_COLUMNS = ("path", "singer", "confidence", "vote_share", "clips", "short", "warning", "error")


def write_json_line(outcome: Result | Failure, file: TextIO) -> None:
    """One object of `singerid identify --json` on one line; {path, error} for a file that failed."""
    value = (
        {"path": outcome.path, "error": outcome.reason} if isinstance(outcome, Failure) else outcome.to_json()
    )
    # ASCII escapes carry names that are no UTF-8.
    text = json.dumps(value, ensure_ascii=False)
    file.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
    file.flush()


def write_csv(outcomes: Iterable[Result | Failure], file: TextIO) -> None:
    """A table of outcomes as CSV, one row a file, as they come; the timeline is in the JSON form only."""
    writer = csv.DictWriter(file, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            row: dict[str, object] = {"path": outcome.path, "error": outcome.reason}
        else:
            row = outcome.to_json()
        writer.writerow({key: _cell(value) for key, value in row.items()})
        file.flush()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value
