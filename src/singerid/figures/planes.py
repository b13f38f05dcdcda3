"""Figure: clips as points in a plane, with several runs side by side (Figure 4 of the paper)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from singerid.figures.style import marker_of, shortened

PANELS_A_ROW, LEGEND_ROWS = 4, 24


@dataclass(frozen=True, eq=False)
class Plane:
    """One panel.

    Attributes:
        title: title of the panel, for example the name of the network.
        points: (clips, 2) coordinates.
        labels: (clips,) class of each clip.
        caption: text below the panel.
    """

    title: str
    points: NDArray[np.floating[Any]]
    labels: NDArray[np.int64]
    caption: str


def draw_planes(planes: Sequence[Plane], singers: Sequence[str], title: str = "") -> Figure:
    """A figure of scatter plots side by side, with a colour and a shape for each singer, and one legend.

    The axes have no ticks, because the directions and units of t-SNE have no meaning.
    """
    columns = min(len(planes), PANELS_A_ROW)
    rows = -(-len(planes) // columns)
    names = [shortened(name) for name in singers]
    legend_columns = -(-len(names) // LEGEND_ROWS)
    size = (
        3.2 * columns + 2.2 * legend_columns,
        max(4.1 * rows + 0.6, 0.2 * min(len(names), LEGEND_ROWS) + 0.6),
    )
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, plane in zip(panels, planes, strict=False):
        dot = float(np.clip(9000 / max(1, len(plane.points)), 6, 26))
        for index in range(len(singers)):
            own = plane.points[plane.labels == index]
            axes.scatter(*own.T, s=dot, linewidths=0, alpha=0.8, **marker_of(index))
        axes.set(xticks=[], yticks=[], title=shortened(plane.title), xlabel=plane.caption)
        axes.set_box_aspect(1)
    for axes in panels[len(planes) :]:
        axes.set_axis_off()
    handles = [panels[0].scatter([], [], s=24, linewidths=0, **marker_of(i)) for i in range(len(singers))]
    figure.legend(
        handles, names, loc="outside right center", frameon=False, fontsize="small", ncols=legend_columns
    )
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure
