"""Saving: the same bytes for the same data, text that stays text, nothing global touched."""

import matplotlib as mpl
import pytest

from singerid.errors import SingeridError
from singerid.figures import draw_curves, figure_svg, save_figure

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


@pytest.mark.parametrize(("ending", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_every_format_has_the_same_bytes_for_the_same_data(ending, magic, tmp_path):
    for name in ("first", "second"):
        save_figure(draw_curves(HISTORY, 2), tmp_path / "deep" / f"{name}.{ending}")
    first, second = ((tmp_path / "deep" / f"{name}.{ending}").read_bytes() for name in ("first", "second"))
    assert first.startswith(magic)
    assert first == second
    assert b"CreationDate" not in first


def test_other_endings_are_refused(tmp_path):
    for name in ("curves", "curves.jpg", "curves.svg.txt"):
        with pytest.raises(SingeridError, match="give it such an ending"):
            save_figure(draw_curves([]), tmp_path / name)


def test_an_empty_history_can_be_drawn():
    assert "<svg" in figure_svg(draw_curves([]))
