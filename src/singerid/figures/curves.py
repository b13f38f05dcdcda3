"""Figure: the learning curves of a training."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from singerid.figures.fonts import lay_out
from singerid.figures.style import TRAIN_COLOUR, VALID_COLOUR


def draw_curves(
    history: Sequence[Mapping[str, Any]], kept: int | None = None, title: str = "", what: str = "epoch"
) -> Figure:
    """A figure of losses, and of validation accuracy and F1, over epochs.

    Args:
        history: rows of metrics.csv.
        kept: number of the epoch whose state is reported; it is marked.
        title: title of the figure.
        what: label of the x axis: "epoch", or "setting" for a fitted model.
    """
    figure = Figure(figsize=(8, 3))
    losses, scores = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    losses.plot(epochs, [row["loss"] for row in history], color=TRAIN_COLOUR, label="training")
    losses.plot(epochs, [row["valid_loss"] for row in history], color=VALID_COLOUR, label="validation")
    losses.set(xlabel=what, ylabel="cross-entropy", ylim=(0, None))
    scores.plot(epochs, [row["valid_f1"] for row in history], color=VALID_COLOUR, label="weighted F1")
    scores.plot(
        epochs,
        [row["valid_accuracy"] for row in history],
        color=VALID_COLOUR,
        linestyle=":",
        label="accuracy",
    )
    for row in history:
        if row["epoch"] == kept:
            scores.plot(kept, row["valid_f1"], "o", color=VALID_COLOUR, label="kept (best F1)")
    scores.set(xlabel=what, ylabel="validation clips", ylim=(0, 1))
    for axes in (losses, scores):
        axes.legend(frameon=False, fontsize="small")
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if title:
        figure.suptitle(title)
    lay_out(figure)
    return figure
