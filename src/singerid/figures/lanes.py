"""Figure: who sings when, as a song's spectrogram with a lane for each voice below it."""

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
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between two ticks
_DARK = "#333333"


@dataclass(frozen=True)
class Lane:
    """One voice of a song.

    Attributes:
        label: name of the voice.
        stretches: (start, end) in seconds of each stretch in which the voice sings.
        is_known: whether the voice has a singer's name; other voices are drawn hatched.
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
    """A figure of a song over time: its log-mel spectrogram, and below it a lane for each voice.

    Args:
        mel: (n_mels, columns) spectrogram in dB.
        column_seconds: duration of a column.
        frequencies: (n_mels,) centre of each band in Hz.
        seconds: length of the song.
        lanes: the voices from top to bottom; long labels fold and are not cut.
        title: title of the figure.
        without: text shown if there are no lanes.
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
    """Draw the lanes; the height of a lane depends on the number of lines of its label."""
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
