"""The report's forms: numbers as text, one page that needs nothing else, tables for a terminal."""

import csv
import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from singerid.config import SMOKE, ReproduceConfig, TrainingConfig
from singerid.errors import Failure
from singerid.evaluation.counts import Interval
from singerid.evaluation.significance import SeedMean
from singerid.reproduce.rendering import column_spans, csv_text, terminal_tables, write_report
from singerid.reproduce.report import Report, interval, lines, number
from singerid.reproduce.summary import Entry, Ours, Row, Summary
from singerid.reproduce.tables import TABLES, Column, Subject, published_f1

CONFIG = ReproduceConfig(tables=(1, 7))
COLUMNS = TABLES[1].columns(CONFIG)
FIRST = Column("mixture", "clip", 3.0)


def summary(number, values, comparable=True):
    """A table in whose first column some networks were run, with three seeds around a value."""
    table, rows = TABLES[number], []
    for model in table.models:
        entries = {}
        for column in COLUMNS:
            ours = against = None
            if column == FIRST and model in values:
                value = values[model]
                ours = Ours((value - 0.01, value, value + 0.04), Interval(value - 0.1, value + 0.1))
                if table.control not in (None, model):
                    against = SeedMean("f1_weighted", -0.004, Interval(-0.02, 0.03), 3, 9)
            entries[column] = Entry(ours, published_f1(number, model, column), comparable, against)
        rows.append(Row(model, "what it is", 584_141, 24_980, 584_141, entries))
    return Summary(table, COLUMNS, tuple(rows))


@pytest.fixture
def report():
    return Report(
        (summary(1, {"crnn": 0.5, "crnn_fgnl": 0.6}), summary(7, {"crnn_square": 0.4, "crnn_se": 0.45})),
        Subject("<b>my & your</b> choir; not artist20", ("a", "b"), False),
        CONFIG,
        (Failure("12 runs", "no vocals"),),
        4,
        16,
        False,
        {"singerid": "0.1"},
    )


def test_numbers_are_printed_as_the_paper_prints_them():
    assert [number(value) for value in (0.5249, 1.0, None, 0.0)] == ["0.52", "1.00", "", "0.00"]
    assert [number(value, "+") for value in (0.034, -0.034, -0.001, 0.001)] == [
        "+0.03",
        "-0.03",
        "+0.00",
        "+0.00",
    ]
    assert interval(Interval(0.123, 0.456)) == "0.12 to 0.46"
    assert interval(None) == ""


def test_lines_of_a_network():
    table = summary(1, {"crnn": 0.5, "crnn_fgnl": 0.6})
    told = {line.title: line.cells for line in lines(table, table.rows[1])}
    first = {title: cells[0].text for title, cells in told.items()}
    assert first == {
        "average": "0.61",
        "std": "0.03",
        "best": "0.64",
        "95 %": "0.50 to 0.70",
        "published average": "0.52",
        "published best": "0.54",
        "difference average": "+0.09",
        "difference best": "+0.10",
    }
    assert all(cell.text == "" for title in ("average", "difference best") for cell in told[title][1:])
    assert [cell.text for cell in told["published average"][3:6]] == ["0.72", "0.73", "0.73"]


def test_the_best_network_of_a_column_stands_out_and_only_where_there_is_a_race():
    def winners(values):
        table = summary(1, values)
        return [
            (row.model, line.label)
            for row in table.rows
            for line in lines(table, row)
            if any(cell.wins for cell in line.cells)
        ]

    assert winners({"crnn": 0.5, "crnn_fgnl": 0.6}) == [("crnn_fgnl", "average"), ("crnn_fgnl", "best")]
    assert len(winners({"crnn": 0.5, "crnn_fgnl": 0.501})) == 4  # equal to two decimals
    assert winners({"crnn": 0.5}) == []


def test_the_control_table_has_differences_and_nothing_published():
    table = summary(7, {"crnn_square": 0.4, "crnn_se": 0.45})
    titles = [[line.title for line in lines(table, row)] for row in table.rows]
    assert titles[0] == ["average", "std", "best", "95 %"]
    assert titles[1] == ["average", "std", "best", "95 %", "minus crnn_square", "95 %"]
    texts = [line.cells[0].text for line in lines(table, table.rows[1])]
    assert texts[-2:] == ["+0.00", "-0.02 to +0.03"]


def test_published_deviations_are_shown_where_there_are_some():
    table = Summary(TABLES[4], COLUMNS, ())
    entries = {column: Entry(None, published_f1(4, "crnnm", column), True) for column in COLUMNS}
    row = Row("crnnm", "", 1, 1, 1, entries)
    told = {line.title: [cell.text for cell in line.cells] for line in lines(table, row)}
    assert told["published std"][:3] == ["0.02", "0.02", "0.01"]
    assert set(told["average"]) == {""}


def test_the_head_spans_all_columns():
    upper, middle = column_spans(COLUMNS)
    assert upper == (("mixture", 6), ("vocals", 6))
    assert middle == (("clip", 3), ("track", 3), ("clip", 3), ("track", 3))


def test_the_page_needs_nothing_else_and_escapes_names(report, tmp_path):
    page = write_report(report, tmp_path).read_text(encoding="utf-8")
    assert "<b>my & your</b> choir" not in page
    assert page.count("&lt;b&gt;my &amp; your&lt;/b&gt; choir; not artist20") >= 3  # title, lead, tables
    assert not re.findall(r"(?:src|href)=", page)
    assert "Why this control matters" in page
    assert "12 runs: no vocals" in page
    assert "4 of 16 runs are done; what was not run is empty" in page
    widths = set()
    for table in re.findall(r"<table>.*?</table>", page, re.S):
        for body in re.findall(r"<tbody>.*?</tbody>", table, re.S):
            rows = re.findall(r"<tr.*?</tr>", body, re.S)
            widths |= {len(re.findall(r"<td(?! class=\"edge\")", row)) for row in rows}
    assert widths == {len(COLUMNS)}


def test_markdown_has_a_full_grid(report, tmp_path):
    write_report(report, tmp_path)
    text = (tmp_path / "tables.md").read_text(encoding="utf-8")
    grid = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in grid} == {len(COLUMNS) + 4}
    assert text.startswith("# The paper's tables on ")
    assert "## Table 7: Same pools, same training, different attention (on <b>my & your</b> choir" in text
    assert "**0.61**" in text


def test_csv_has_a_row_for_each_network_and_column(report):
    rows = list(csv.DictReader(io.StringIO(csv_text(report.summaries))))
    assert len(rows) == (4 + 7) * 12
    row = next(r for r in rows if (r["table"], r["model"]) == ("1", "crnn_fgnl"))
    assert [row[name] for name in ("audio", "level", "clip_seconds", "seeds", "average", "low")] == [
        "mixture",
        "clip",
        "3.0",
        "3",
        "0.61",
        "0.5",
    ]
    assert (row["published_best"], row["difference_average"], row["minus_control"]) == ("0.54", "0.09", "")
    row = next(r for r in rows if r["model"] == "crnn_se")
    assert (row["control"], row["minus_control"], row["minus_control_high"]) == (
        "crnn_square",
        "-0.004",
        "0.03",
    )
    assert row["published_average"] == ""


def test_the_terminal_shows_what_was_run(report):
    console = Console(width=120, file=io.StringIO())
    console.print(terminal_tables(report))
    text = console.file.getvalue()
    assert "0.61" in text
    assert "published average" in text
    assert "vocals" not in text.split("Table 7")[0]
    assert max(map(len, text.splitlines())) <= 120
    assert "difference average" in text
    others = replace(report, summaries=(summary(1, {"crnn": 0.5}, comparable=False),))
    console = Console(width=120, file=io.StringIO())
    console.print(terminal_tables(others))
    assert "difference average" not in console.file.getvalue()


def test_titles_and_notes_say_what_the_numbers_are(report):
    assert report.table_title(TABLES[1]).startswith("Table 1: CRNN and CRNNM")
    assert any("differences are left empty" in note for note in report.notes)
    smoke = replace(report, config=SMOKE, plumbing=True)
    assert smoke.title.startswith("Plumbing only: the paper's tables")
    assert smoke.table_title(TABLES[1]).startswith("Plumbing only. Table 1")
    assert any("width 0.25, seeds 0, epochs 2" in note for note in smoke.notes)
    paper = replace(report, done=16, data=replace(report.data, has_artist20_singers=True))
    text = " ".join(paper.notes)
    assert "differences" not in text
    assert "Not the paper's settings" not in text
    assert "nothing is chosen on test" in text
    authors = " ".join(replace(report, config=replace(CONFIG, protocol="authors")).notes)
    assert "chosen on test, so it is too high" in authors
    assert "nothing is chosen" not in authors


def test_the_command_in_the_report_is_that_which_makes_it(report):
    other = replace(
        CONFIG,
        audio=("vocals",),
        clip_seconds=(2.5,),
        protocol="authors",
        training=TrainingConfig(epochs=7, augment="all"),
    )
    assert replace(report, config=other).command == (
        "singerid reproduce STORE OUT --table 1,7 --audio vocals --clip-seconds 2.5 --protocol authors "
        "--epochs 7 --augment all"
    )
    assert (
        replace(report, config=SMOKE, plumbing=True).command == "singerid reproduce OUT --smoke --table all"
    )
