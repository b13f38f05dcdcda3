"""Who sings when: a song's spectrogram, and beneath it a lane for each voice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from singerid.figures.fonts import lay_out
from singerid.figures.style import COLOURS, folded, label_hertz
from singerid.text import clock, printable

_MOST_TICKS = 11
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between two
_DARK = "#333333"


@dataclass(frozen=True)
class Lane:
    """A voice.

    Attributes:
        label: whose.
        stretches: (start, end) in seconds of each stretch in which it sings.
        is_known: it has a name; what has none is hatched.
    """

    label: str
    stretches: Sequence[tuple[float, float]]
    is_known: bool = True


def draw_lanes(
    mel: NDArray[np.floating[Any]],
    column_seconds: float,
    frequencies: NDArray[np.floating[Any]],
    seconds: float,
    lanes: Sequence[Lane],
    title: str = "",
    without: str = "nobody sings",
) -> Figure:
    """A song over time: its log-mel spectrogram, and beneath it a lane for each voice.

    Args:
        mel: (n_mels, columns) in dB.
        column_seconds: duration of a column.
        frequencies: (n_mels,) centre of each band in Hz.
        seconds: length of the song.
        lanes: from top to bottom; labels fold and are not cut.
        title: stands above.
        without: stands in place of lanes where there are none.
    """
    labels = [folded(printable(lane.label)) for lane in lanes]
    lines = [1 + label.count("\n") for label in labels] or [1]
    height = 0.16 * sum(lines) + 0.18 * len(lines)
    figure = Figure(figsize=(10, 3.0 + height))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.2, height])
    end = mel.shape[1] * column_seconds
    upper.imshow(mel, aspect="auto", origin="lower", cmap="magma", extent=(0, end, 0, mel.shape[0]))
    upper.set_ylabel("kHz")
    label_hertz(upper, frequencies)
    if title:
        upper.set_title(folded(printable(title), 90), fontsize="medium", loc="left")
    if not lanes:
        lower.text(0.5, 0.5, without, ha="center", va="center", transform=lower.transAxes)
    _draw_voices(lower, lanes, labels, lines)
    lower.set(xlim=(0, max(seconds, 1e-3)), xlabel="time")
    step = next((tick for tick in _TICKS if seconds < _MOST_TICKS * tick), 0)
    lower.xaxis.set_major_locator(MultipleLocator(step or 3600 * -(-seconds // (3600 * _MOST_TICKS))))
    lower.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(value)))
    lay_out(figure)
    return figure


def _draw_voices(axes: Axes, lanes: Sequence[Lane], labels: Sequence[str], lines: Sequence[int]) -> None:
    """Lanes as high as their labels have lines."""
    heights = np.array([0.16 * count + 0.18 for count in lines])
    bottoms = np.cumsum(heights)
    middles = bottoms - heights / 2
    axes.set_ylim(bottoms[-1], 0)
    axes.set_yticks(middles[: len(labels)], labels)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    known = 0
    for lane, middle, above in zip(lanes, middles, bottoms - heights, strict=False):
        if above:
            axes.axhline(above, color="#dddddd", linewidth=0.8)
        look: dict[str, Any] = {"facecolor": "white", "edgecolor": _DARK, "hatch": "////"}
        if lane.is_known:
            look = {"facecolor": COLOURS[known % len(COLOURS)], "edgecolor": "none"}
            known += 1
        stretches = [(start, end - start) for start, end in lane.stretches]
        axes.broken_barh(stretches, (middle - 0.11, 0.22), linewidth=0.6, **look)
