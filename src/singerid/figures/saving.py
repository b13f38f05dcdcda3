"""Saving figures: the same data give the same bytes, and text stays text."""

import io
import logging
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from singerid.errors import SingeridError
from singerid.figures.fonts import boxes_accepted, boxes_text, give_fonts
from singerid.system.files import atomic_write
from singerid.text import printable

_log = logging.getLogger(__name__)
FORMATS = (".svg", ".png", ".pdf")
PNG_DPI = 150
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "singerid",
    "pdf.fonttype": 42,
    "font.family": "sans-serif",
}


def figure_svg(figure: Figure) -> str:
    """A figure as an SVG element for an HTML page; the viewer chooses the fonts."""
    buffer = io.StringIO()
    give_fonts(figure)
    with rc_context(_STYLE), boxes_accepted():
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def svg_document(figure: Figure) -> str:
    """A figure as the text of an SVG file."""
    return '<?xml version="1.0" encoding="utf-8"?>\n' + figure_svg(figure) + "\n"


def figure_bytes(figure: Figure, ending: str, path: Path | None = None) -> bytes:
    """A figure as the bytes of a PNG or PDF file; characters that no font has are logged as a warning.

    Args:
        figure: the figure; fallback fonts are added to its texts, see `give_fonts`.
        ending: ".png" or ".pdf".
        path: the file that the warning names.
    """
    missing = give_fonts(figure)
    if missing:
        _log.warning(boxes_text(missing) if path is None else f"{printable(path)}: {boxes_text(missing)}")
    undated: Any = {"CreationDate": None} if ending == ".pdf" else {}
    buffer = io.BytesIO()
    with rc_context(_STYLE), boxes_accepted():
        figure.savefig(buffer, format=ending[1:], bbox_inches="tight", dpi=PNG_DPI, metadata=undated)
    return buffer.getvalue()


def check_figure_name(path: Path) -> None:
    """Raise SingeridError unless the name ends in one of `FORMATS`."""
    if path.suffix not in FORMATS:
        raise SingeridError(f"{path}: a picture is saved as .svg, .png or .pdf; give it such an ending")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure atomically as SVG, PNG or PDF, depending on the file's ending.

    Characters that no font has are logged as a warning; not for SVG, which keeps texts as text.

    Args:
        figure: the figure; fallback fonts are added to its texts, see `give_fonts`.
        path: the file to write.

    Raises:
        SingeridError: the file has another ending, or it cannot be written.
    """
    check_figure_name(path)
    if path.suffix == ".svg":
        with atomic_write(path, "w") as file:
            file.write(svg_document(figure))
        return
    content = figure_bytes(figure, path.suffix, path)
    with atomic_write(path) as file:
        file.write(content)
