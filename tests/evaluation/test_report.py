"""Output for people and programs: tables of scores, bars of timelines, lines of JSON and CSV."""

import csv
import io
import json

import pytest
from rich.console import Console

from singerid.errors import Failure
from singerid.evaluation.evaluate import Evaluation
from singerid.evaluation.outcome import LevelScores
from singerid.evaluation.report import evaluation_tables, score_text
from singerid.evaluation.scores import score
from singerid.identify.formats import FORMATS, Document
from singerid.identify.report import NO_VOICE, identification_table, timeline_bar, timeline_table
from singerid.identify.result import Named, Result, Span
from singerid.text import clock

RESULT = Result(
    path="songs/été\udcff.mp3",
    decision="known",
    singers=(Named("Ana", 0.81, 15.0),),
    voice_seconds=20.0,
    seconds=25.0,
    timeline=(Span(0, 10, ("Ana",), 0.9), Span(10, 15, ("Bo",), 0.6), Span(15, 20, ("Ana",), 0.7)),
    vote_share=2 / 3,
    clips=3,
)
NOBODY = Result("band.mp3", "no_voice", (), 0.0, 30.0, ())


def printed(renderable):
    console = Console(file=io.StringIO(), width=140)
    console.print(renderable)
    return console.file.getvalue()


def test_clock():
    assert [clock(s) for s in (0, 59.9, 60, 3599, 3600, 36_061)] == [
        "0:00",
        "0:59",
        "1:00",
        "59:59",
        "1:00:00",
        "10:01:01",
    ]


def test_timeline_bar_marks_where_the_named_singer_is_heard():
    assert timeline_bar(RESULT, cells=5) == "██·█ "  # to the file's end, where nobody sings
    assert timeline_bar(RESULT, cells=10) == "████··██  "
    assert timeline_bar(NOBODY, cells=5) == 5 * " "


def test_tables_of_an_identification():
    table = printed(identification_table([RESULT]))
    assert "Ana" in table
    assert "67%" in table
    (row,) = (line for line in printed(identification_table([RESULT, NOBODY])).splitlines() if "band" in line)
    assert NO_VOICE in row
    assert "%" not in row
    assert "\\udcff" in table  # a name that is not UTF-8 is escaped
    rows = printed(timeline_table(RESULT))
    assert "0:10" in rows
    assert "Bo" in rows


def test_json_lines_and_csv_hold_names_that_are_no_utf8():
    file = io.StringIO()
    FORMATS["json"].write([RESULT, Failure("x.mp3", "is empty"), NOBODY], Document(file))
    first, second, third = (json.loads(line) for line in file.getvalue().splitlines())
    assert first["path"] == RESULT.path
    assert first["timeline"][1] == {"start_s": 10, "end_s": 15, "singers": ["Bo"], "probability": 0.6}
    assert first["singers"] == [{"singer": "Ana", "probability": 0.81, "seconds": 15.0}]
    assert second == {"path": "x.mp3", "error": "is empty"}
    assert third == {"path": "band.mp3", "decision": "no_voice", "voice_seconds": 0.0, "seconds": 30.0}
    file.getvalue().encode("utf-8")
    table = io.StringIO()
    FORMATS["csv"].write([RESULT, Failure("x,y.mp3", "is empty"), NOBODY], Document(table))
    table.getvalue().encode("utf-8")
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    assert rows[0]["vote_share"] == "0.6667"
    assert rows[0]["clips"] == "3"
    assert (rows[0]["singer"], rows[0]["probability"]) == ("Ana", "0.81")
    assert (rows[2]["decision"], rows[2]["singer"], rows[2]["seconds"]) == ("no_voice", "", "30.0")
    assert rows[1]["path"] == "x,y.mp3"
    assert rows[1]["error"] == "is empty"


@pytest.fixture
def evaluation():
    clip = score([0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], ["Ana", "Bo"])
    track = score([0, 1], [0, 1], [0, 1], ["Ana", "Bo"])
    levels = LevelScores(clip, track)
    return Evaluation("mixture", {"best_f1": levels}, levels, ("Ana", "Bo"), (), short=2)


def test_tables_of_an_evaluation(evaluation):
    text = printed(evaluation_tables(evaluation))
    # Ana: precision 1, recall 1/2, F1 2/3; Bo: precision 2/3, recall 1, F1 4/5; accuracy 3/4.
    assert ".75" in text
    assert ".67" in text
    assert ".80" in text
    assert "baseline: clips" in text
    assert "4 clips of 2 tracks" in text
    assert "left out as shorter than a clip: 2 tracks" in text


def test_score_text_shows_the_interval(evaluation):
    assert score_text(evaluation.baseline.track, "accuracy") == "1.00 (1.00-1.00)"
    assert score_text(evaluation.baseline.clip, "accuracy").startswith(".75 (")
