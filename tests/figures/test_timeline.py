"""A song over time."""

import numpy as np

from singerid.figures import draw_timeline, figure_svg


def test_timeline_marks_the_true_singer():
    rng = np.random.default_rng(0)
    figure = draw_timeline(
        rng.random((128, 100)), rng.dirichlet((1, 1), 3), 32, 0.032, ["Ana", "Bo"], truth="Bo"
    )
    bold = [label.get_text() for label in figure.axes[1].get_yticklabels() if label.get_weight() == "bold"]
    assert bold == ["Bo"]
    assert "Ana" in figure_svg(figure)
