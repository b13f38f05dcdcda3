"""Figure: a song over time, with each singer's probability."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from singerid.figures.fonts import lay_out
from singerid.figures.style import VALID_COLOUR, shortened


def draw_timeline(
    mel: NDArray[np.floating[Any]],
    probabilities: NDArray[np.floating[Any]],
    clip_frames: int,
    frame_seconds: float,
    singers: Sequence[str],
    truth: str = "",
) -> Figure:
    """A figure of a song over time: its log-mel spectrogram, and below it each singer's probability per clip.

    Args:
        mel: (n_mels, frames) spectrogram in dB.
        probabilities: (clips, singers).
        clip_frames: number of frames of a clip.
        frame_seconds: duration of a frame.
        singers: names, in the order of the probabilities.
        truth: the true singer, if known; the name is marked.
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
    names = [shortened(name) for name in singers]
    lower.set_yticks(range(len(names)), names)
    for label, singer in zip(lower.get_yticklabels(), singers, strict=True):
        if singer == truth:
            label.set(fontweight="bold", color=VALID_COLOUR)
    lower.set(xlabel="seconds", xlim=(0, end))
    lay_out(figure)
    return figure
