"""What `singerid identify` says of files: tables for a person, lines of JSON and CSV for a program.

Apart from the tables of scores: an answer needs none of the libraries that those are computed with.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.table import Table
from rich.text import Text

from singerid.errors import Failure, printable
from singerid.identify import Result, Span

BAR_CELLS = 30
CSV_COLUMNS = ("path", "singer", "confidence", "vote_share", "clips", "short", "warning", "error")


def identification_table(results: Sequence[Result]) -> Table:
    """One row a file: who sings, how sure that is, and where in the file the winner is heard."""
    table = Table("file", "singer", "votes", "confidence", "clips", "from start to end")
    for result in results:
        remark = " (short)" if result.short else ""
        table.add_row(
            Text(printable(result.path), overflow="fold"),
            Text(printable(result.singer)),
            f"{result.vote_share:.0%}",
            f"{result.confidence:.0%}",
            f"{result.clips}{remark}",
            Text(timeline_bar(result)),
        )
    return table


def timeline_table(result: Result) -> Table:
    """The timeline of one file, a row for every stretch of one singer."""
    table = Table("from", "to", "singer", "confidence")
    for span in result.timeline:
        name = Text(printable(span.singer), style="bold" if span.singer == result.singer else "")
        table.add_row(clock(span.start_s), clock(span.end_s), name, f"{span.confidence:.0%}")
    return table


def timeline_bar(result: Result, cells: int = BAR_CELLS) -> str:
    """A file from start to end: full cells where the winner is the one named, dots elsewhere."""
    end = result.timeline[-1].end_s
    centres = ((cell + 0.5) * end / cells for cell in range(cells))
    return "".join("█" if _at(result.timeline, t).singer == result.singer else "·" for t in centres)


def _at(timeline: Sequence[Span], seconds: float) -> Span:
    return next(span for span in timeline if seconds < span.end_s)


def clock(seconds: float) -> str:
    """Seconds as 1:05 or 2:00:07."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


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
