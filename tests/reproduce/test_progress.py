"""How long it will take, against sums by hand; a line per run if there is no terminal."""

import pytest

from singerid.reproduce.progress import Pace, ReproduceDisplay
from singerid.reproduce.results import CellResult
from singerid.reproduce.tables import Cell
from singerid.runs.history import Epoch


def cell(model, seed=0):
    return Cell(model, "mixture", 3.0, seed)


def done(seconds=2.0, epochs=10):
    return CellResult(epochs, seconds, {"best_f1": {"clip": 0.5, "track": 0.75}}, ())


def test_epochs_left_cost_what_epochs_of_that_network_cost():
    pace = Pace()
    left = {cell("crnn"): 100, cell("crnn", 21): 300, cell("crnnm"): 10}
    assert pace.seconds(left) is None
    pace.note("crnn", 2.0)
    pace.note("crnn", 4.0)
    assert pace.seconds(left) == pytest.approx(400 * 3 + 10 * 3)  # crnnm: as the others
    pace.note("crnnm", 7.0)
    assert pace.seconds(left) == pytest.approx(400 * 3 + 10 * 7)
    assert pace.seconds({cell("crnn_nl"): 2}) == pytest.approx(2 * (3 + 7) / 2)
    pace.note("crnn", 5.0, epochs=2)
    assert pace.seconds({cell("crnn"): 1}) == pytest.approx((2 + 4 + 5 + 5) / 4)


def test_a_line_a_run_with_the_time_left(capsys):
    first, second, third = cell("crnn"), cell("crnn", 21), cell("crnn_fgnl")
    with ReproduceDisplay({first: done()}, {second: 10, third: 5}, show=True) as shown:
        for number in range(1, 11):
            shown.epoch(second, Epoch(number, 1.0, 1.0, 0.5, 0.5, 6.0))
        shown.finish(second, done(6.0))
        shown.side_by_side(2)
        shown.finish(third, None)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "2 of 3 runs done: crnn-mixture-3s-seed21: F1 0.50 of clips, 0.75 of tracks; about 0:20 left",
        "3 of 3 runs done: crnn_fgnl-mixture-3s-seed0: failed; about 0:00 left",
    ]


def test_a_cluster_tells_of_whole_runs_and_works_side_by_side(capsys):
    first, second, third = cell("crnn"), cell("crnn", 21), cell("crnn", 42)
    with ReproduceDisplay({}, {first: 30, second: 30, third: 30}, show=True) as shown:
        shown.side_by_side(2)
        shown.finish(second, done(1.0, 30))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("about 0:30 left")


def test_silent_where_nobody_looks(capsys):
    with ReproduceDisplay({}, {cell("crnn"): 1}, show=False) as shown:
        shown.finish(cell("crnn"), done())
    assert capsys.readouterr() == ("", "")
