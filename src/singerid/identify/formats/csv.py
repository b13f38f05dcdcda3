"""A table as CSV (RFC 4180): one row per file, without timelines."""

import csv
from collections.abc import Iterable

from singerid.identify.formats.format import Document, Format, Outcome, fields_of
from singerid.identify.result import Result
from singerid.text import in_utf8

COLUMNS = (
    *("path", "decision", "singer", "probability", "vote_share", "clips", "voice_seconds", "seconds"),
    *("short", "warning", "error"),
)


def _write(outcomes: Iterable[Outcome], to: Document) -> None:
    plain, quoting = (
        csv.DictWriter(to.file, COLUMNS, extrasaction="ignore", lineterminator="\n", quoting=how)
        for how in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    )
    plain.writeheader()
    for outcome in outcomes:
        named = {}
        if isinstance(outcome, Result) and outcome.singers:
            named = {"singer": outcome.singer, "probability": outcome.confidence}
        row = {key: _cell(value) for key, value in (fields_of(outcome) | named).items()}
        # Python before 3.13 does not quote a carriage return if lines end in "\n": readers end the row there.
        (quoting if any("\r" in str(value) for value in row.values()) else plain).writerow(row)
        to.file.flush()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    return in_utf8(value) if isinstance(value, str) else value


CSV = Format(_write, ".csv")
