"""Tables for the terminal: what an evaluation and an identification found."""

import csv
import json
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Group
from rich.table import Table
from rich.text import Text

from singerid.config import REPORTED_STATE
from singerid.errors import Failure, printable
from singerid.evaluation import Evaluation, LevelScores
from singerid.identify import Result, Span
from singerid.metrics import MEASURES, Interval, Scores

MEASURE_NAMES = {"f1_weighted": "weighted F1", "f1_macro": "macro F1", "accuracy": "accuracy"}
BAR_CELLS = 30
CSV_COLUMNS = ("path", "singer", "confidence", "vote_share", "clips", "short", "warning", "error")


def evaluation_tables(evaluation: Evaluation) -> Group:
    """Scores of every evaluated state and of the baseline, and the reported state singer by singer."""
    rows: list[tuple[str, LevelScores]] = list(evaluation.states.items())
    if evaluation.baseline:
        rows.append(("baseline", evaluation.baseline))
    scores = Table("", *(f"{name}: {level}" for name, _ in rows for level in ("clips", "tracks")))
    for measure in MEASURES:
        cells = (score_text(level, measure) for _, levels in rows for level in (levels.clip, levels.track))
        scores.add_row(MEASURE_NAMES[measure], *cells)
    shown = evaluation.states.get(REPORTED_STATE) or next(iter(evaluation.states.values()))
    return Group(scores, singer_table(shown), Text(_counts_text(shown, evaluation.short)))


def score_text(scores: Scores, measure: str) -> str:
    """A measure with its interval: .83 (.71-.92)."""
    interval: Interval = scores.intervals[measure]  # type: ignore[index]
    value = getattr(scores, measure)
    return interval_text(value, interval.low, interval.high)


def interval_text(value: float, low: float, high: float) -> str:
    """A value with its interval: .83 (.71-.92)."""
    return f"{decimal_text(value)} ({decimal_text(low)}-{decimal_text(high)})"


def singer_table(levels: LevelScores) -> Table:
    """Precision, recall and F1 of every singer."""
    table = Table("singer", "clips", "precision", "recall", "F1", "tracks", "precision", "recall", "F1")
    for column in table.columns[1:]:
        column.justify = "right"
    for clip, track in zip(levels.clip.singers, levels.track.singers, strict=True):
        cells = []
        for row in (clip, track):
            cells += [str(row.count), *(decimal_text(value) for value in (row.precision, row.recall, row.f1))]
        table.add_row(Text(printable(clip.singer)), *cells)
    return table


def _counts_text(levels: LevelScores, short: int) -> str:
    text = f"{levels.clip.count} clips of {levels.track.count} tracks; in brackets 95 % intervals over tracks"
    return text + (f"; {short} tracks are shorter than a clip and left out" if short else "")


def decimal_text(value: float) -> str:
    """A share between 0 and 1 with two decimals: .83, 1.00."""
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else f"{value:.2f}"


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
