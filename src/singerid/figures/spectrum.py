"""The mean spectrum of a voice as a small picture, in the colour of the text around it."""

from collections.abc import Sequence

WIDTH, HEIGHT = 240, 80
_EDGE = 2  # margin, so that the line is not cut off


def spectrum_svg(levels: Sequence[float]) -> str:
    """An SVG document of WIDTH by HEIGHT, drawn in `currentColor`.

    Args:
        levels: level of each band in dB, from low to high; at least two.

    >>> spectrum_svg([-80.0, 0.0]).count("<path")
    2
    """
    low, high = min(levels), max(levels)
    step = WIDTH / (len(levels) - 1)
    span = max(high - low, 1e-9)
    points = [
        f"{at * step:.1f} {_EDGE + (HEIGHT - 2 * _EDGE) * (high - level) / span:.1f}"
        for at, level in enumerate(levels)
    ]
    line = "M" + "L".join(points)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'preserveAspectRatio="none"><title>Mean spectrum of the voice</title>'
        f'<path d="{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z" fill="currentColor" fill-opacity=".2"/>'
        f'<path d="{line}" fill="none" stroke="currentColor" stroke-width="2"/></svg>\n'
    )
