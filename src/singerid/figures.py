"""Pictures: matplotlib figures and how they are saved. Nothing here touches matplotlib's global state."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from singerid.errors import SingeridError
from singerid.files import atomic_write

TRAIN_COLOUR, VALID_COLOUR = "#888888", "#1b6ca8"
# Text stays text, and the same data give the same bytes.
_SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "singerid", "font.family": "sans-serif"}


def figure_svg(figure: Figure) -> str:
    """A figure as an SVG element, to stand in a page."""
    buffer = io.StringIO()
    with rc_context(_SVG):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def check_figure_name(path: Path) -> None:
    """Raise SingeridError unless the name ends in .svg or .png."""
    if path.suffix not in (".svg", ".png"):
        raise SingeridError(f"{path}: a picture is saved as .svg or .png; end its name so")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure atomically as SVG or, by the name's ending, PNG; raises SingeridError if it cannot."""
    check_figure_name(path)
    if path.suffix == ".svg":
        with atomic_write(path, "w") as file:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n' + figure_svg(figure))
    else:
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix.lstrip("."), bbox_inches="tight", dpi=150)


def draw_curves(history: Sequence[Mapping[str, Any]], kept: int | None = None, title: str = "") -> Figure:
    """Losses, and validation accuracy and F1, over epochs.

    Args:
        history: rows of metrics.csv.
        kept: number of the epoch whose state is reported; marked.
        title: above the picture.
    """
    figure = Figure(figsize=(8, 3))
    losses, scores = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    losses.plot(epochs, [row["loss"] for row in history], color=TRAIN_COLOUR, label="training")
    losses.plot(epochs, [row["valid_loss"] for row in history], color=VALID_COLOUR, label="validation")
    losses.set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
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
    scores.set(xlabel="epoch", ylabel="validation clips", ylim=(0, 1))
    for axes in (losses, scores):
        axes.legend(frameon=False, fontsize="small")
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if title:
        figure.suptitle(title)
    figure.tight_layout()
    return figure


def draw_confusions(
    clips: Sequence[Sequence[int]], tracks: Sequence[Sequence[int]], singers: Sequence[str], title: str = ""
) -> Figure:
    """Confusion matrices of clips and of tracks: rows are true singers, columns named ones.

    Cells hold counts and are shaded by their share of the row.
    """
    size = max(3.2, 0.42 * len(singers) + 1.8)
    figure = Figure(figsize=(2 * size, size))
    labels = [_shortened(name) for name in singers]
    for axes, matrix, level in zip(figure.subplots(1, 2), (clips, tracks), ("clips", "tracks"), strict=True):
        counts = np.asarray(matrix)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(labels)), labels, rotation=90)
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel="named", ylabel="true singer", title=level)
        for row, column in np.argwhere(counts > 0):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = str(counts[row, column])
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")
    if title:
        figure.suptitle(title)
    figure.tight_layout()
    return figure


def draw_timeline(
    mel: NDArray[np.floating[Any]],
    probabilities: NDArray[np.floating[Any]],
    clip_frames: int,
    frame_seconds: float,
    singers: Sequence[str],
    truth: str = "",
) -> Figure:
    """A song over time: its log-mel spectrogram, and below it every singer's probability in each clip.

    Args:
        mel: (n_mels, frames) in dB.
        probabilities: (clips, singers).
        clip_frames: frames of a clip.
        frame_seconds: duration of a frame.
        singers: names, in the order of the probabilities.
        truth: the true singer, where known; marked.
    """
    figure = Figure(figsize=(9, 2.2 + 0.28 * len(singers)))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1, max(1.0, len(singers) / 7)])
    end = mel.shape[1] * frame_seconds
    upper.imshow(mel, aspect="auto", origin="lower", cmap="magma", extent=(0, end, 0, mel.shape[0]))
    upper.set(ylabel="mel band")
    heard = len(probabilities) * clip_frames * frame_seconds
    lower.imshow(
        probabilities.T,
        aspect="auto",
        cmap="Blues",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=(0, heard, len(singers) - 0.5, -0.5),
    )
    names = [_shortened(name) for name in singers]
    lower.set_yticks(range(len(names)), names)
    for label, singer in zip(lower.get_yticklabels(), singers, strict=True):
        if singer == truth:
            label.set(fontweight="bold", color=VALID_COLOUR)
    lower.set(xlabel="seconds", xlim=(0, end))
    figure.tight_layout()
    return figure


def _shortened(name: str, length: int = 24) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
