"""Scatter plots side by side: every point in its place, singers distinguishable, one legend."""

import numpy as np
import pytest

from singerid.figures import Plane, draw_planes
from singerid.figures.style import marker_of


@pytest.mark.parametrize("panels", [1, 2, 6])
def test_points_are_drawn_in_their_panel_and_in_the_singer_s_colour(panels):
    rng = np.random.default_rng(1)
    planes = [
        Plane(f"run {i}", rng.random((30, 2)), rng.integers(0, 3, 30), f"caption {i}") for i in range(panels)
    ]
    figure = draw_planes(planes, ["Ana", "Bo", "Cy"], "a title")
    for axes, plane in zip(figure.axes, planes, strict=False):
        assert (axes.get_title(), axes.get_xlabel()) == (plane.title, plane.caption)
        for singer in range(3):
            dots = axes.collections[singer]
            np.testing.assert_allclose(dots.get_offsets(), plane.points[plane.labels == singer])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Ana", "Bo", "Cy"]


def test_fifty_six_singers_have_marks_of_their_own():
    marks = {(mark["color"], mark["marker"]) for mark in map(marker_of, range(56))}
    assert len(marks) == 56


@pytest.mark.parametrize("count", [20, 50])
def test_nothing_overlaps_however_many_singers(count):
    rng = np.random.default_rng(2)
    planes = [
        Plane(
            name, rng.random((100, 2)), rng.integers(0, count, 100), "silhouette: 0.12\nof this plane: 0.34"
        )
        for name in ("crnn", "crnn_fgnl_light")
    ]
    figure = draw_planes(planes, [f"singer number {i}" for i in range(count)], "two\nlines")
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    boxes += [figure.legends[0].get_window_extent(), figure._suptitle.get_window_extent()]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
