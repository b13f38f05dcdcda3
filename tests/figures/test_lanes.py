"""Who sings when, as a picture: one lane per voice, with its full label."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from singerid.figures import Lane, draw_lanes
from singerid.figures.style import COLOURS, folded, width_of

MEL = np.random.default_rng(0).normal(size=(128, 200)).astype(np.float32)
FREQUENCIES = np.linspace(0, 8000, 128)


def draw(lanes, seconds=60.0, title=""):
    return draw_lanes(MEL, seconds / 200, FREQUENCIES, seconds, lanes, title)


def test_a_lane_shows_when_its_voice_sings():
    figure = draw([Lane("Ann", [(1, 5), (10, 12.5)]), Lane("unknown 1", [(5, 6)], is_known=False)])
    known, stranger = figure.axes[1].collections
    assert [tuple(path.get_extents().intervalx) for path in known.get_paths()] == [(1, 5), (10, 12.5)]
    assert [tuple(path.get_extents().intervalx) for path in stranger.get_paths()] == [(5, 6)]
    assert (known.get_hatch(), stranger.get_hatch()) == (None, "////")
    assert to_hex(known.get_facecolor()[0]).upper() == COLOURS[0]
    assert to_hex(stranger.get_facecolor()[0]) == "#ffffff"
    assert figure.axes[1].get_xlim() == (0, 60)


def test_eight_singers_have_eight_colours_and_labels_that_do_not_meet():
    names = [f"singer {number}" for number in range(7)] + [
        "A very long name of a band and its orchestra " * 4
    ]
    figure = draw([Lane(name, [(3.0 * place, 3.0 * place + 2)]) for place, name in enumerate(names)])
    colours = {to_hex(lane.get_facecolor()[0]).upper() for lane in figure.axes[1].collections}
    assert colours == set(COLOURS)
    figure.draw_without_rendering()
    found = [label.get_window_extent() for label in figure.axes[1].get_yticklabels()]
    assert len(found) == 8
    for first in found:
        assert sum(first.overlaps(other) for other in found) == 1  # itself
    shown = "".join(label.get_text() for label in figure.axes[1].get_yticklabels())
    assert shown.split() == "".join(folded(name) for name in names).split()
    assert "…" not in shown


@pytest.mark.parametrize(
    ("seconds", "first"),
    [(8, ["0:00", "0:01"]), (60, ["0:00", "0:10"]), (240, ["0:00", "0:30"]), (5400, ["0:00", "10:00"])],
)
def test_time_is_told_in_minutes_and_seconds(seconds, first):
    axes = draw([], seconds).axes[1]
    ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= seconds]
    assert [axes.xaxis.get_major_formatter()(tick, None) for tick in ticks[:2]] == first
    assert 3 <= len(ticks) <= 12


def test_a_day_and_a_moment_can_be_drawn():
    for seconds in (0.01, 100_000.0):
        ticks = draw([Lane("Ann", [(0, seconds)])], seconds).axes[1].get_xticks()
        assert len(ticks) < 20


def test_a_song_without_a_voice_says_so():
    assert [text.get_text() for text in draw([]).axes[1].texts] == ["nobody sings"]


def test_names_fold_and_nothing_is_cut():
    for name in ("Nina Simone", "a" * 100, "椎名林檎" * 20, "one  two\tthree " * 9, "$100 bill", " ", ""):
        lines = folded(name, 12).replace(r"\$", "$").split("\n")
        assert max(map(width_of, lines)) <= 12
        assert "".join("".join(lines).split()) == "".join(name.split())
    assert folded("a $ b") == r"a \$ b"  # no formula
