"""Tables for people."""

from collections.abc import Iterable

from rich.text import Text

from singerid.identify.formats.format import Document, Format, Outcome, results_of
from singerid.identify.report import decision_table, identification_table, timeline_table
from singerid.system.console import print_rich
from singerid.text import printable


def _write(outcomes: Iterable[Outcome], to: Document) -> None:
    """Write one row per file, and the timeline of a single file or of each. Failures are shown elsewhere."""
    every = list(outcomes)
    results = list(results_of(every))
    if not results:
        return
    by_library = results[0].calibrated is not None
    print_rich(decision_table(results) if by_library else identification_table(results), to.file)
    for result in results:
        if result.timeline and (to.timelines or len(every) == 1):
            if len(every) > 1:
                print_rich(Text(printable(result.path), overflow="fold"), to.file)
            print_rich(timeline_table(result), to.file)


TABLE = Format(_write, ".txt")
