"""How results are written: one module per format, known by name in `FORMATS`."""

from singerid.identify.formats.format import Document, Format, Outcome, results_of
from singerid.identify.formats.registry import FORMATS

__all__ = ["FORMATS", "Document", "Format", "Outcome", "results_of"]
