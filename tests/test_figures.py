"""Pictures: the same bytes for the same data, text that stays text, nothing global touched."""

import matplotlib as mpl
import numpy as np
import pytest

from singerid.errors import SingeridError
from singerid.figures import draw_confusions, draw_curves, draw_timeline, figure_svg, save_figure

HISTORY = [
    {"epoch": e, "loss": 2 / e, "valid_loss": 2.1 / e, "valid_f1": 1 - 1 / e, "valid_accuracy": 0.5}
    for e in (1, 2, 3)
]


def test_svg_is_reproducible_and_holds_its_text():
    first = figure_svg(draw_curves(HISTORY, 2, "a title"))
    assert first == figure_svg(draw_curves(HISTORY, 2, "a title"))
    assert "a title" in first
    assert first.startswith("<svg")
    assert mpl.rcParams["svg.fonttype"] == "path"  # the default: no global state is changed


def test_confusions_show_every_count_and_name():
    svg = figure_svg(draw_confusions([[17, 3], [0, 9]], [[2, 0], [1, 4]], ["Ana", "B" * 60]))
    for text in (">17<", ">3<", ">9<", ">Ana<", "B" * 23 + "…"):
        assert text in svg


def test_timeline_marks_the_true_singer_and_saves_in_both_formats(tmp_path):
    rng = np.random.default_rng(0)
    figure = draw_timeline(
        rng.random((128, 100)), rng.dirichlet((1, 1), 3), 32, 0.032, ["Ana", "Bo"], truth="Bo"
    )
    bold = [label.get_text() for label in figure.axes[1].get_yticklabels() if label.get_weight() == "bold"]
    assert bold == ["Bo"]
    save_figure(figure, tmp_path / "deep" / "timeline.png")
    save_figure(figure, tmp_path / "timeline.svg")
    assert (tmp_path / "deep" / "timeline.png").read_bytes().startswith(b"\x89PNG")
    assert "Ana" in (tmp_path / "timeline.svg").read_text(encoding="utf-8")


def test_other_endings_are_refused(tmp_path):
    for name in ("curves", "curves.jpg", "curves.svg.txt"):
        with pytest.raises(SingeridError, match="end its name so"):
            save_figure(draw_curves([]), tmp_path / name)


def test_an_empty_history_can_be_drawn():
    assert "<svg" in figure_svg(draw_curves([]))
