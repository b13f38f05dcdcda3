"""Figure: what the responses of an FGNL block attend to, drawn over the spectrogram of a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from singerid.figures.style import label_hertz, shortened

Array = NDArray[np.floating[Any]]
COLUMNS = 4
QUERY_COLOUR = "#0072B2"
# From transparent to vermilion, so that the spectrogram stays visible where there is no attention.
_HEAT = LinearSegmentedColormap.from_list("attention", [(0.84, 0.37, 0.0, alpha) for alpha in (0.0, 0.95)])


@dataclass(frozen=True, eq=False)
class AttentionPicture:
    """Input of `draw_attention`.

    Attributes:
        song: name of the song; part of the title.
        place: the query position in words; part of the title.
        mel: (n_mels, frames) spectrogram of the clip in dB.
        frequencies: (n_mels,) centre of each band in Hz.
        start_s: start of the clip in the song, in seconds.
        frame_seconds: duration of a frame.
        query: row and column of the query position X_i in the first layer's map.
        layers: for each layer: its name, its weights (M, H, W), where 1 is even attention, and the
            (bands, frames) of the spectrogram that one position covers.
        shares: (layers, M) share of each response's attention that falls on each layer, 0 to 1.
        excitation: (clips, M) weight of each response in every clip of the song, or None.
        clip: number of the clip.
    """

    song: str
    place: str
    mel: Array
    frequencies: Array
    start_s: float
    frame_seconds: float
    query: tuple[int, int]
    layers: Sequence[tuple[str, Array, tuple[int, int]]]
    shares: Array
    excitation: Array | None
    clip: int


def draw_attention(picture: AttentionPicture) -> Figure:
    """A figure of the clip, the excitation weights over the song, and a panel per response and layer.

    All panels share one colour scale. It is logarithmic and starts at even attention: positions with less
    than an even share are not coloured.
    """
    responses = len(picture.layers[0][1])
    columns = min(responses, COLUMNS)
    groups = -(-responses // columns)
    rows = groups * len(picture.layers)
    figure = Figure(figsize=(max(7.5, 2.5 * columns + 1.2), 2.3 + 1.9 * rows), layout="constrained")
    upper, lower = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=[2.1, 1.9 * rows]))
    clip_axes, song_axes = upper.subplots(1, 2, width_ratios=[1, 1.5])
    _spectrogram(clip_axes, picture, "magma", 0.0)
    _mark(clip_axes, picture, "white")
    clip_axes.set(title="the clip", xlabel="seconds", ylabel="kHz")
    _draw_excitation(song_axes, picture)
    panels = lower.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    highest = max(float(weights.max()) for _, weights, _ in picture.layers)
    scale = LogNorm(1, max(10, highest))
    for row in range(rows):
        layer = row % len(picture.layers)
        name, weights, stride = picture.layers[layer]
        for column in range(columns):
            response = row // len(picture.layers) * columns + column
            axes = panels[row, column]
            if response >= responses:
                axes.set_axis_off()
                continue
            _spectrogram(axes, picture, "Greys", 0.45)
            height, width = weights.shape[1] * stride[0], weights.shape[2] * stride[1]
            end = picture.start_s + width * picture.frame_seconds
            axes.imshow(
                np.maximum(weights[response], 1),
                aspect="auto",
                origin="lower",
                cmap=_HEAT,
                norm=scale,
                interpolation="nearest",
                extent=(picture.start_s, end, 0, height),
            )
            _mark(axes, picture, QUERY_COLOUR)
            _frame(axes, picture)
            share = picture.shares[layer, response]
            axes.set_title(f"response {response + 1}: {share:.0%} on ${name}$", fontsize="small")
    for axes in panels[:, 0]:
        axes.set_ylabel("kHz")
    for axes in panels[-1]:
        axes.set_xlabel("seconds")
    images = [axes.images[-1] for axes in panels.flat if len(axes.images) > 1]
    bar = lower.colorbar(images[0], ax=panels, shrink=0.8, pad=0.02, format="{x:g}")
    bar.set_label("attention, in even shares")
    figure.suptitle(f"{shortened(picture.song, 60)}: {picture.place}", fontsize="medium")
    return figure


def _spectrogram(axes: Axes, picture: AttentionPicture, colours: str, lighten: float) -> None:
    low, high = float(picture.mel.min()), float(picture.mel.max())
    end = picture.start_s + picture.mel.shape[1] * picture.frame_seconds
    axes.imshow(
        picture.mel,
        aspect="auto",
        origin="lower",
        cmap=colours,
        vmin=low,
        vmax=high + lighten * (high - low),
        extent=(picture.start_s, end, 0, picture.mel.shape[0]),
    )
    _frame(axes, picture)
    label_hertz(axes, picture.frequencies)


def _frame(axes: Axes, picture: AttentionPicture) -> None:
    """Set the axes' limits to the whole clip, even if a map ends earlier."""
    end = picture.start_s + picture.mel.shape[1] * picture.frame_seconds
    axes.set(xlim=(picture.start_s, end), ylim=(0, picture.mel.shape[0]))


def _mark(axes: Axes, picture: AttentionPicture, colour: str) -> None:
    """Draw a frame around the part of the spectrogram that the query position covers."""
    bands, frames = picture.layers[0][2]
    band, frame = picture.query
    width = frames * picture.frame_seconds
    corner = picture.start_s + frame * width, band * bands
    axes.add_patch(Rectangle(corner, width, bands, fill=False, edgecolor=colour, linewidth=1.6))


def _draw_excitation(axes: Axes, picture: AttentionPicture) -> None:
    if picture.excitation is None:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no excitation:\nall responses have equal weight", ha="center", va="center")
        return
    clips, responses = picture.excitation.shape
    length = picture.mel.shape[1] * picture.frame_seconds
    image = axes.imshow(
        picture.excitation.T,
        aspect="auto",
        cmap="viridis",
        interpolation="nearest",
        extent=(0, clips * length, responses + 0.5, 0.5),
    )
    axes.set(title="weight of each response over the song", xlabel="seconds", ylabel="response")
    axes.set_yticks(range(1, responses + 1))
    corner = picture.start_s, 0.5
    axes.add_patch(
        Rectangle(corner, length, responses, fill=False, edgecolor="white", linewidth=2, clip_on=False)
    )
    axes.figure.colorbar(image, ax=axes, pad=0.02)
