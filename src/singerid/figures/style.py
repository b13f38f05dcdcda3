"""Shared by all figures: colours, markers, names and axes."""

import re
import unicodedata
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

TRAIN_COLOUR, VALID_COLOUR = "#888888", "#1b6ca8"

# Okabe and Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/: distinguishable with all
# common forms of colour blindness. Grey replaces their yellow, which is hard to see on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
# Eight colours and seven markers: the pairs repeat only after 56 classes, and neighbours differ in both.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def marker_of(index: int) -> dict[str, Any]:
    """Colour and shape of class number `index`, as keywords of `Axes.scatter`."""
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}


def shortened(name: str, length: int = 24) -> str:
    r"""A name cut to `length` characters, with "…" at the end if it is cut; `$` is escaped for Matplotlib.

    >>> shortened("Nina Simone", 6), shortened("A$AP")
    ('Nina …', 'A\\$AP')
    """
    cut = name if len(name) <= length else name[: length - 1] + "…"
    return cut.replace("$", r"\$")


def folded(name: str, letters: int = 28) -> str:
    r"""A name on several lines of at most `letters` letters, broken at spaces if possible; nothing is cut.

    >>> folded("Nina Simone", 6)
    'Nina\nSimone'
    """
    lines = [""]
    for word in re.findall(r"\S+\s*|\s+", name):
        if lines[-1] and width_of(lines[-1] + word.rstrip()) > letters:
            lines.append("")
        for letter in word:  # a word longer than a line is broken anywhere
            if not letter.isspace() and width_of(lines[-1] + letter) > letters:
                lines.append("")
            lines[-1] += letter
    return "\n".join(line.rstrip() for line in lines).replace("$", r"\$")


def width_of(text: str) -> int:
    """Approximate width of a text in letters; a Chinese character counts as two.

    >>> width_of("Ann"), width_of("椎名")
    (3, 4)
    """
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def label_hertz(axes: Axes, frequencies: NDArray[np.floating[Any]]) -> None:
    """Label the y axis of a spectrogram in kHz; band b is drawn from b to b + 1.

    Args:
        axes: axes with mel bands on y.
        frequencies: (n_mels,) centre of each band in Hz.
    """
    ticks = [tick for tick in (500.0, 1000.0, 2000.0, 4000.0, 8000.0) if tick < frequencies[-1]]
    positions = np.interp(ticks, frequencies, np.arange(len(frequencies)) + 0.5)
    axes.set_yticks(positions, [f"{tick / 1000:g}" for tick in ticks])
