"""The pictures of growth.py: each measured curve, beside a line that is proportional to the cause."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from singerid.figures import save_figure
from singerid.figures.style import COLOURS, MARKERS

Rows = Sequence[dict[str, Any]]


class Panel(NamedTuple):
    """One pair of axes: the columns to draw, each with a name, and the quantity on the vertical axis."""

    values: str
    columns: dict[str, str]
    guide: str  # the column whose first value a line of slope 1 starts from; "" for none


PICTURES: dict[str, tuple[str, str, tuple[Panel, ...]]] = {
    "length": (
        "seconds",
        "seconds of sound in one clip",
        (
            Panel(
                "processor time, s",
                {"forward_s": "crnn_fgnl, forward", "fgnl_s": "its FGNL block", "rest_s": "all but FGNL"},
                "rest_s",
            ),
            Panel("memory beyond the network, MB", {"memory_mb": "crnn_fgnl, forward"}, "memory_mb"),
        ),
    ),
    "singers": (
        "singers",
        "singers",
        (
            Panel("parameters", {"parameters": "crnn_fgnl"}, ""),
            Panel("processor time of a training step, s", {"step_s": "16 clips of 3 s"}, ""),
        ),
    ),
    "tracks": (
        "tracks",
        "tracks in the store",
        (
            Panel(
                "processor time, s",
                {"open_s": "open the store", "split_s": "split by album", "clips_s": "make the clips"},
                "open_s",
            ),
            Panel("processor time of a batch, ms", {"batch_ms": "16 clips read from the files"}, ""),
        ),
    ),
}


def draw(part: str, rows: Rows, folder: Path) -> Path:
    """Draw growth-PART.png below `folder`."""
    cause, label, panels = PICTURES[part]
    figure = Figure(figsize=(9, 3.4))
    for axes, panel in zip(figure.subplots(1, len(panels)), panels, strict=True):
        _draw_panel(axes, panel, cause, rows)
        axes.set_xlabel(label)
    figure.tight_layout()
    path = folder / f"growth-{part}.png"
    save_figure(figure, path)
    return path


def _draw_panel(axes: Axes, panel: Panel, cause: str, rows: Rows) -> None:
    x = [row[cause] for row in rows]
    for number, (column, name) in enumerate(panel.columns.items()):
        style = {"color": COLOURS[number], "marker": MARKERS[number]}
        axes.plot(x, [row[column] for row in rows], label=name, **style)
    if panel.guide:
        first = rows[0][panel.guide]
        axes.plot(x, [first * at / x[0] for at in x], color="#999999", linestyle=":", label="linear")
    axes.set(xscale="log", ylabel=panel.values)
    if panel.guide:
        axes.set_yscale("log")
    else:  # a curve that hardly grows should look flat
        axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
