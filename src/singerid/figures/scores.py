"""Figures: confusion matrices, and F1 by singer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from singerid.figures.fonts import lay_out
from singerid.figures.style import marker_of, shortened, width_of


def draw_confusions(clips: ArrayLike, tracks: ArrayLike, singers: Sequence[str], title: str = "") -> Figure:
    """A figure with confusion matrices of clips and of tracks: rows are true singers, columns named singers.

    Cells show counts and are shaded by their share of the row.
    """
    labels = [shortened(name) for name in singers]
    room = max(1.8, 0.9 + 0.09 * max(map(width_of, labels), default=0))  # for titles and the longest label
    size = max(3.2, 0.42 * max(3, len(singers)) + room)
    figure = Figure(figsize=(2 * size, size))
    for axes, matrix, level in zip(figure.subplots(1, 2), (clips, tracks), ("clips", "tracks"), strict=True):
        _matrix(axes, matrix, labels)
        axes.set(ylabel="true singer", title=level)
    if title:
        figure.suptitle(title)
    lay_out(figure)
    return figure


def _matrix(axes: Axes, matrix: ArrayLike, labels: Sequence[str]) -> None:
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("named")
    for row, column in np.argwhere(counts > 0):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")


@dataclass(frozen=True)
class RivalLevel:
    """One row of `draw_rivals`: clips, or tracks.

    Attributes:
        name: name of the level, "clips" or "tracks".
        confusions: each system's counts; rows are true singers, columns named singers.
        f1: each system's F1 of every singer; NaN is not drawn.
    """

    name: str
    confusions: tuple[ArrayLike, ...]
    f1: tuple[Sequence[float], ...]


def draw_rivals(levels: Sequence[RivalLevel], singers: Sequence[str], names: Sequence[str]) -> Figure:
    """A figure comparing two systems: confusion matrices and F1 of every singer, one row per level."""
    labels = [shortened(name, 18) for name in singers]
    room = max(1.2, 0.3 + 0.09 * max(map(width_of, labels), default=0))
    size = max(3.2, 0.32 * max(5, len(singers)) + room)
    figure = Figure(figsize=(3 * size, size * len(levels) + 0.6), layout="constrained")
    grid = figure.subplots(len(levels), 3, squeeze=False, sharey=True)
    for (first, second, scores), level in zip(grid, levels, strict=True):
        for axes, confusion, name in zip((first, second), level.confusions, names, strict=True):
            _matrix(axes, confusion, labels)
            axes.set_title(f"{shortened(name)}: {level.name}", fontsize="medium")
        first.set_ylabel("true singer")
        _draw_f1(scores, level, names, len(singers))
    return figure


def _draw_f1(axes: Axes, level: RivalLevel, names: Sequence[str], singers: int) -> None:
    rows = range(singers)
    first, second = (list(values) for values in level.f1)
    axes.hlines(rows, first, second, color="#bbbbbb", linewidth=2, zorder=1)
    for index, (values, name) in enumerate(zip(level.f1, names, strict=True)):
        style = marker_of(index)
        # The first system's marker is larger and hollow, so that both are visible if they are equal.
        if index == 0:
            axes.scatter(
                values, rows, s=60, facecolors="none", edgecolors=style["color"], label=shortened(name)
            )
        else:
            axes.scatter(values, rows, s=18, **style, label=shortened(name))
    axes.set(xlim=(-0.04, 1.04), xlabel=f"F1 of {level.name}")
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize="small")
