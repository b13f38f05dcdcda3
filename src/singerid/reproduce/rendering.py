"""The report of the tables: terminal, Markdown, CSV and one HTML page that needs nothing else."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.text import Text

from singerid.figures.pages import render_page
from singerid.reproduce.report import Line, Report, lines
from singerid.reproduce.summary import Row, Summary
from singerid.reproduce.tables import Column
from singerid.system.files import atomic_write
from singerid.system.tables import Table

PAGE, MARKDOWN, CSV = "tables.html", "tables.md", "tables.csv"
REPORT = (PAGE, MARKDOWN, CSV)
_MARK = "<pre>singerid reproduce "  # in every page


def write_report(report: Report, folder: Path) -> Path:
    """Write the report as HTML, Markdown and CSV; raises SingeridError if it cannot.

    Returns:
        The page.
    """
    values = {
        "report": report,
        "lines": lines,
        "parameter_lines": _parameter_lines,
        "spans": [column_spans(summary.columns) for summary in report.summaries],
    }
    for name in (PAGE, MARKDOWN):  # the page first: `has_report` looks for it
        with atomic_write(folder / name, "w") as file:
            file.write(render_page(f"{name}.j2", **values))
    with atomic_write(folder / CSV, "w") as file:
        file.write(csv_text(report.summaries))
    return folder / PAGE


def has_report(folder: Path) -> bool:
    """Whether a folder holds a report that `write_report` has written."""
    try:
        return _MARK in (folder / PAGE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def column_spans(columns: Sequence[Column]) -> tuple[tuple[tuple[str, int], ...], ...]:
    """The two upper rows of a table's head: audio and level, each with the number of its columns."""
    by_audio = groupby(columns, lambda column: column.audio)
    by_level = groupby(columns, lambda column: (column.audio, column.level))
    return (
        tuple((audio, len(list(own))) for audio, own in by_audio),
        tuple((level, len(list(own))) for (_, level), own in by_level),
    )


def terminal_tables(report: Report) -> Group:
    """The tables for a terminal: only the columns in which something was run."""
    parts: list[Table | Text] = []
    for summary in report.summaries:
        parts += [Text(report.table_title(summary.table), style="bold"), _terminal_table(summary)]
        if summary.table.note:
            parts.append(Text(summary.table.note + "\n"))
    return Group(*parts, Text("\n".join(report.notes)))


def _terminal_table(summary: Summary) -> Table:
    shown = [
        index
        for index, column in enumerate(summary.columns)
        if any(row.entries[column].ours for row in summary.rows)
    ]
    columns = [summary.columns[index] for index in shown]
    heads = [f"{column.audio}\n{column.level}\n{column.clip_seconds:g} s" for column in columns]
    right = range(2, 3 + len(heads))
    table = Table("network", "F1", *heads, "parameters", right=right, box=SIMPLE_HEAD)
    for row in summary.rows:
        counts = _parameter_lines(row)
        told = [line for line in lines(summary, row) if any(line.cells[index].text for index in shown)]
        for number, line in enumerate(told):
            style = {
                "ours": "",
                "published": "cyan",
                "difference": "dim",
                "against": "yellow",
                "audit": "green",
            }[line.kind]
            cells = (_terminal_cell(line, index) for index in shown)
            count = counts[number] if number < len(counts) else ""
            table.add_row(row.model if number == 0 else "", line.title, *cells, count, style=style)
        table.add_section()
    return table


def _terminal_cell(line: Line, index: int) -> Text:
    cell = line.cells[index]
    return Text(cell.text.replace(" to ", "\n"), style="bold" if cell.wins else "")


def _parameter_lines(row: Row) -> tuple[str, ...]:
    """Parameters for 20 singers at full width, the published count, and those of the network that ran."""
    texts = [f"{row.parameters:,}"]
    if row.parameters_published is not None:
        texts.append(f"{row.parameters_published:,} published")
    if row.parameters_run not in (None, row.parameters):
        texts.append(f"{row.parameters_run:,} as run")
    return tuple(texts)


def csv_text(summaries: Sequence[Summary]) -> str:
    """All numbers to four decimals, a line for each network in each column; missing numbers are empty."""
    rows = [
        _csv_row(summary, row, column)
        for summary in summaries
        for row in summary.rows
        for column in summary.columns
    ]
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _csv_cell(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _csv_row(summary: Summary, row: Row, column: Column) -> dict[str, object]:
    entry = row.entries[column]
    ours, published, against = entry.ours, entry.published, entry.against
    return {
        "table": summary.table.number,
        "model": row.model,
        **asdict(column),
        "seeds": ours and len(ours.values),
        "average": ours and ours.average,
        "std": ours and ours.std,
        "best": ours and ours.best,
        "low": ours and ours.interval.low,
        "high": ours and ours.interval.high,
        "published_average": published and published.average,
        "published_std": published and published.std,
        "published_best": published and published.best,
        "difference_average": entry.difference("average"),
        "difference_best": entry.difference("best"),
        "control": summary.table.control,
        "minus_control": against and against.value,
        "minus_control_low": against and against.interval.low,
        "minus_control_high": against and against.interval.high,
        "parameters": row.parameters,
        "parameters_run": row.parameters_run,
        "parameters_published": row.parameters_published,
    }


def _csv_cell(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value
