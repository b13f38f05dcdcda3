"""Figure: what a library's threshold means for enrolled singers and strangers, and what others would."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from singerid.figures.fonts import lay_out
from singerid.figures.style import COLOURS

_RIGHT, _STRANGER, _WRONG = COLOURS[0], COLOURS[1], COLOURS[7]
_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)


def draw_calibration(
    right: Sequence[float], wrong: Sequence[float], strangers: Sequence[float], threshold: float
) -> Figure:
    """A figure with histograms of log-odds and the detection error trade-off, both with the threshold.

    Args:
        right: log-odds of songs by enrolled singers whose best score is the right singer.
        wrong: log-odds of songs by enrolled singers whose best score is another singer.
        strangers: log-odds of songs by strangers.
        threshold: log-odds from which on a singer is named.
    """
    figure = Figure(figsize=(10, 4))
    first, second = figure.subplots(1, 2)
    _histograms(first, right, wrong, strangers, threshold)
    _trade_off(second, np.array(right), np.array(strangers), len(right) + len(wrong), threshold)
    lay_out(figure)
    return figure


def _histograms(
    axes: Axes,
    right: Sequence[float],
    wrong: Sequence[float],
    strangers: Sequence[float],
    threshold: float,
) -> None:
    every = [*right, *wrong, *strangers, threshold]
    bins = np.linspace(min(every) - 0.1, max(every) + 0.1, 40).tolist()
    for values, colour, name in (
        (strangers, _STRANGER, "strangers"),
        (right, _RIGHT, "enrolled, most like themselves"),
        (wrong, _WRONG, "enrolled, more like others"),
    ):
        if len(values):
            axes.hist(list(values), bins, color=colour, alpha=0.65, label=f"{name}: {len(values)} songs")
    axes.axvline(threshold, color="black", linestyle="--", label="named from here on")
    axes.set(xlabel="log-odds that the best singer sings", ylabel="songs")
    axes.legend(fontsize="small")


def _trade_off(
    axes: Axes, right: NDArray[np.float64], strangers: NDArray[np.float64], enrolled: int, threshold: float
) -> None:
    """DET curve. Both axes are scaled by normal quantiles, so that normal distributions give a line."""
    from scipy.stats import norm

    cuts = np.sort(np.concatenate((right, strangers, [threshold])))
    named = np.array([(strangers >= cut).mean() for cut in cuts])
    missed = np.array([1 - (right >= cut).sum() / enrolled for cut in cuts])
    least = 0.5 / max(len(strangers), enrolled)

    def place(share: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = norm.ppf(np.clip(share, least, 1 - least))
        return found

    axes.plot(place(named), place(missed), color=_RIGHT)
    at = np.array([(strangers >= threshold).mean()]), np.array([1 - (right >= threshold).sum() / enrolled])
    axes.plot(place(at[0]), place(at[1]), "o", color="black", label="the threshold")
    ticks = norm.ppf(_TICKS)
    labels = [f"{100 * tick:g}%" for tick in _TICKS]
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    axes.set(xlabel="strangers' songs that are named (FPIR)", ylabel="enrolled songs that are not (FNIR)")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
