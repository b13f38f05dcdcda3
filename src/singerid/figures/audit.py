"""Figure: the results of an audit, as groups of estimates with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from singerid.figures.style import COLOURS, shortened

EstimateKind = Literal["voice", "accompaniment", "both"]
_COLOURS = {"voice": COLOURS[0], "accompaniment": COLOURS[1], "both": "#333333"}
_ROW_INCHES = 0.27


@dataclass(frozen=True)
class EstimateRow:
    """One row of `draw_estimates`.

    Attributes:
        label: what was measured.
        value: the estimate, 0 to 1.
        low: lower end of its interval; None: there is no interval.
        high: upper end of its interval.
        kind: what it measures: the voice, the accompaniment, or both; sets the colour.
        chance: lower and upper end of the chance level, drawn behind the row; None: not drawn.
    """

    label: str
    value: float
    low: float | None
    high: float | None
    kind: EstimateKind = "both"
    chance: tuple[float, float] | None = None


@dataclass(frozen=True)
class EstimateGroup:
    """Rows under one title, and the label of their axis."""

    title: str
    measure: str
    rows: tuple[EstimateRow, ...]


def draw_estimates(groups: Sequence[EstimateGroup], title: str, caption: str) -> Figure:
    """A figure with groups of estimates below each other: points, 95 % intervals, and chance in grey.

    Args:
        groups: groups of at least one row.
        title: title of the figure.
        caption: small text below the groups; it is wrapped.
    """
    heights = [len(group.rows) + 2.4 for group in groups]
    text = fill(caption, 118, break_on_hyphens=False)
    lines = text.count("\n") + 1
    figure = Figure(figsize=(8, sum(heights) * _ROW_INCHES + 0.15 * lines + 0.5), layout="constrained")
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights).ravel()
    for axes, group in zip(panels, groups, strict=True):
        _draw_group(axes, group)
    figure.suptitle(title, fontsize="large")
    figure.supxlabel(text, fontsize="small", x=0.01, ha="left", color="#444444")
    return figure


def _draw_group(axes: Axes, group: EstimateGroup) -> None:
    for place, row in enumerate(group.rows):
        colour = _COLOURS[row.kind]
        if row.chance is not None:
            low, high = row.chance
            axes.barh(place, high - low, left=low, height=0.7, color="#dddddd", zorder=0)
        if row.low is not None and row.high is not None:
            axes.hlines(place, row.low, row.high, color=colour, linewidth=1.6)
        axes.plot(row.value, place, "o", color=colour, markersize=6, clip_on=False)
        axes.annotate(
            f"{row.value:.2f}",
            (1.02, place),
            xycoords=axes.get_yaxis_transform(),
            va="center",
            fontsize="small",
            color=colour,
        )
    axes.set_yticks(range(len(group.rows)), [shortened(row.label, 48) for row in group.rows])
    axes.set(xlim=(0, 1), ylim=(len(group.rows) - 0.4, -0.6))
    axes.set_title(group.title, loc="left", fontsize="medium")
    axes.set_xlabel(group.measure, fontsize="small")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
