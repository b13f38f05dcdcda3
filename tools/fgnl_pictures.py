"""Draw the pictures of docs/concepts.md: positions, layers, channels, and the whole block.

python tools/fgnl_pictures.py [--to docs/images]
"""

import argparse
from math import exp
from pathlib import Path

# Okabe and Ito's colours, as in `singerid.figures.style`.
BLUE, ORANGE, GREEN, PINK, AMBER = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"
INK, LINE, PAPER = "#222222", "#9aa0a6", "#ffffff"
CHANNELS = (BLUE, GREEN, PINK, AMBER)


class Picture:
    """An SVG of one size, drawn from top to bottom."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="system-ui, sans-serif" fill="{INK}" role="img">',
            f"<title>{title}</title>",
            f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0,0 8,4 0,8z" fill="{LINE}"/></marker></defs>',
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        ]

    def text(
        self, x: float, y: float, text: str, size: int = 17, anchor: str = "middle", fill: str = INK
    ) -> None:
        """A line of text; `_x` in it becomes a subscript x."""
        words = []
        for number, part in enumerate(text.split("_")):
            if number:
                low = f'<tspan dy="4" font-size="{size * 0.7:.0f}">{part[0]}</tspan>'
                part = f'{low}<tspan dy="-4">{part[1:]}</tspan>' if part[1:] else low
            words.append(part)
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">'
            f"{''.join(words)}</text>"
        )

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        fill: str = PAPER,
        line: str = LINE,
        thick: float = 1,
        round_: int = 0,
    ) -> None:
        """A rectangle."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{round_}" fill="{fill}" '
            f'stroke="{line}" stroke-width="{thick:g}"/>'
        )

    def step(self, x: float, y: float, w: float, text: str, fill: str = "#eef3f8") -> None:
        """A box with one line of text, 36 high."""
        self.box(x, y, w, 36, fill, LINE, 1, 6)
        self.text(x + w / 2, y + 24, text)

    def path(self, d: str, tip: bool = True, line: str = LINE, thick: float = 1.6) -> None:
        """A line; with `tip`, an arrow."""
        end = ' marker-end="url(#tip)"' if tip else ""
        self.parts.append(f'<path d="{d}" fill="none" stroke="{line}" stroke-width="{thick:g}"{end}/>')

    def grid(
        self, x: float, y: float, cell: float, rows: int, columns: int, near: tuple[tuple[float, float], ...]
    ) -> None:
        """A map of positions; those near one of the points (row, column) are shaded."""
        for row in range(rows):
            for column in range(columns):
                far = min((row - r) ** 2 + (column - c) ** 2 for r, c in near)
                share = exp(-far / 1.2)
                fill = f"rgba(213,94,0,{share:.2f})" if share > 0.03 else PAPER
                self.box(x + column * cell, y + row * cell, cell, cell, fill)

    def end(self) -> str:
        """The content of the SVG file."""
        return "\n".join([*self.parts, "</svg>", ""])


def positions() -> Picture:
    """One position looks at all positions of its own map."""
    picture = Picture(560, 250, "Positions: one position looks at all others")
    picture.text(280, 30, "one position (blue) weighs all positions", 18)
    x, y, cell = 130, 50, 50
    picture.grid(x, y, cell, 3, 6, ((0, 4.4), (2, 1)))
    asks = (x + 2.5 * cell, y + 1.5 * cell)
    for row, column in ((0, 4), (2, 1), (0, 5), (2, 0)):
        picture.path(f"M{asks[0]:g},{asks[1]:g} L{x + (column + 0.5) * cell:g},{y + (row + 0.5) * cell:g}")
    picture.box(x + 2 * cell, y + cell, cell, cell, "none", BLUE, 4)
    picture.text(118, 130, "pitch", anchor="end")
    picture.text(280, 226, "time; the stronger the colour, the greater the weight")
    return picture


def layers() -> Picture:
    """The position also looks at the map of an earlier layer."""
    picture = Picture(560, 300, "Layers: the position looks at two layers")
    picture.grid(20, 80, 33, 4, 6, ((0, 4.4), (3, 1)))
    picture.grid(290, 60, 21, 8, 12, ((1, 9), (6, 2.5), (5, 7)))
    asks = (20 + 2.5 * 33, 80 + 1.5 * 33)
    for x, y in (
        (20 + 4.5 * 33, 96),
        (20 + 1.5 * 33, 80 + 3.5 * 33),
        (290 + 2.9 * 21, 60 + 6.5 * 21),
        (290 + 9.5 * 21, 60 + 1.5 * 21),
    ):
        picture.path(f"M{asks[0]:g},{asks[1]:g} L{x:g},{y:g}")
    picture.box(20 + 2 * 33, 80 + 33, 33, 33, "none", BLUE, 4)
    picture.text(119, 50, "X_i: fourth block", 18)
    picture.text(416, 40, "X_j: third block, finer", 18)
    picture.text(280, 282, "the weights of one position sum to one over both layers")
    return picture


def channels() -> Picture:
    """The channels that each response compares: the channels of the keys are rolled."""
    picture = Picture(560, 330, "Channels: keys are rolled, so that every channel meets every other")
    x, cell = 168, 52
    picture.text(x - 16, 60, "who asks: \N{GREEK SMALL LETTER THETA}", anchor="end")
    for c in range(4):
        picture.box(x + c * cell, 34, cell - 6, 40, CHANNELS[c], CHANNELS[c], 1, 4)
        picture.text(x + c * cell + 23, 61, str(c), 18, fill=PAPER)
    for k in range(4):
        y = 104 + k * 52
        text = "not rolled" if k == 0 else f"rolled by {k}"
        picture.text(x - 16, y + 27, f"\N{GREEK SMALL LETTER PHI}, {text}", anchor="end")
        for c in range(4):
            own = (c - k) % 4
            picture.box(x + c * cell, y, cell - 6, 40, CHANNELS[own], CHANNELS[own], 1, 4)
            picture.text(x + c * cell + 23, y + 27, str(own), 18, fill=PAPER)
        picture.path(f"M{x + 4 * cell + 4},{y + 20} h44")
        picture.text(x + 4 * cell + 60, y + 27, f"response Y_{k}", anchor="start")
    return picture


def block() -> Picture:
    """The whole block, from the layers to Z."""
    picture = Picture(560, 560, "The FGNL block: from X_i and X_j to Z")
    picture.step(60, 20, 150, "X_i", "#fdebdc")
    picture.step(350, 20, 150, "X_j", "#fdebdc")
    for x, name, says in (
        (20, "\N{GREEK SMALL LETTER THETA}", "asks"),
        (200, "\N{GREEK SMALL LETTER PHI}", "is compared"),
        (380, "g", "is passed on"),
    ):
        picture.step(x, 110, 160, f"{name}, then G")
        picture.text(x + 80, 168, says, 15)
    for x in (100, 135, 170):
        target = {100: 80, 135: 255, 170: 435}[x]
        picture.path(f"M{x},56 L{target},108")
    for x in (400, 450):
        target = {400: 295, 450: 475}[x]
        picture.path(f"M{x},56 L{target},108")
    picture.step(200, 196, 160, "roll by k")
    picture.path("M280,174 V194")
    picture.step(40, 262, 320, "product, softmax: weights")
    picture.path("M100,174 V260")
    picture.path("M280,232 V260")
    picture.step(40, 328, 480, "weighted sum: response Y_k, for k = 0, 1, 2, 3")
    picture.path("M200,298 V326")
    picture.path("M460,174 V326")
    picture.step(40, 394, 480, "MoSE: how much each response counts")
    picture.path("M280,364 V392")
    picture.step(40, 460, 300, "W_z: back to the channels of X_i")
    picture.path("M190,430 V458")
    picture.path("M60,38 H10 V530 H158", line=BLUE, thick=2)
    picture.path("M190,496 V514")
    picture.box(160, 514, 60, 34, "#eef3f8", LINE, 1, 17)
    picture.text(190, 538, "+", 22)
    picture.path("M220,531 H340")
    picture.step(342, 513, 150, "Z", "#fdebdc")
    return picture


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, default=Path("docs/images"))
    folder = parser.parse_args().to
    for draw in (positions, layers, channels, block):
        path = folder / f"fgnl-{draw.__name__}.svg"
        path.write_text(draw().end(), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
