"""Confusion matrices and two systems side by side."""

import numpy as np
import pytest

from singerid.figures import RivalLevel, draw_confusions, draw_rivals, figure_svg


def test_confusions_show_every_count_and_name():
    svg = figure_svg(draw_confusions([[17, 3], [0, 9]], [[2, 0], [1, 4]], ["Ana", "B" * 60]))
    for text in (">17<", ">3<", ">9<", ">Ana<", "B" * 23 + "…"):
        assert text in svg


def test_names_with_dollars_are_no_formulas():
    svg = figure_svg(draw_confusions([[1, 0], [0, 1]], [[1, 0], [0, 1]], ["A$AP", "Ke$ha and A$AP"]))
    for text in (">A$AP<", ">Ke$ha and A$AP<"):
        assert text in svg


def test_rivals_share_their_rows_and_show_both_f1():
    level = RivalLevel("tracks", ([[4, 1], [0, 5]], [[2, 3], [1, 4]]), ([0.25, 0.5], [0.75, 0.5]))
    figure = draw_rivals([level], ["Ana", "Bo"], ["one", "other"])
    first, second, scores = figure.axes
    assert [first.get_title(), second.get_title()] == ["one: tracks", "other: tracks"]
    assert [text.get_text() for text in second.texts] == ["2", "3", "1", "4"]
    points = [np.asarray(dots.get_offsets()) for dots in scores.collections[1:]]
    np.testing.assert_allclose(points[0], [[0.25, 0], [0.5, 1]])
    np.testing.assert_allclose(points[1], [[0.75, 0], [0.5, 1]])
    assert scores.get_ylim() == first.get_ylim()


LONG = ("W" * 40, "宇" * 40, "ab")


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("singers", [1, 2, 5])
def test_there_is_room_for_long_names_without_warnings(name, singers, recwarn):
    counts = np.eye(singers, dtype=int).tolist()
    figure_svg(draw_confusions(counts, counts, [name] * singers, name))
    level = RivalLevel("clips", (counts, counts), ([0.5] * singers,) * 2)
    figure_svg(draw_rivals([level, level], [name] * singers, (name, name)))
    assert [str(each.message) for each in recwarn] == []
