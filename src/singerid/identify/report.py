"""What `singerid identify` says of files to a person.

Apart from the tables of scores: an answer needs none of the libraries that those are computed with.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TextIO

from rich.text import Text

from singerid.errors import Failure
from singerid.identify.result import Result, Span
from singerid.system.console import print_rich
from singerid.system.tables import Picture, Table
from singerid.text import clock, printable

BAR_CELLS = 30  # at most
_LEAST_CELLS = 10
NO_VOICE = "(no voice)"


def write_tables(outcomes: Iterable[Result | Failure], file: TextIO) -> None:
    """A row a file and, of a single file, its timeline; what failed is told elsewhere."""
    every = list(outcomes)
    results = [outcome for outcome in every if isinstance(outcome, Result)]
    if results:
        print_rich(identification_table(results), file)
    if results and len(every) == 1 and results[0].timeline:
        print_rich(timeline_table(results[0]), file)


def identification_table(results: Sequence[Result]) -> Table:
    """One row a file: who sings, how sure that is, and where in the file the winner is heard."""
    table = Table("file", "singer", "votes", "confidence", "clips", "from start to end")
    for result in results:
        remark = " (short)" if result.short else ""
        sure = (f"{result.vote_share:.0%}", f"{result.confidence:.0%}") if result.singers else ("", "")
        table.add_row(
            printable(result.path),
            NO_VOICE if result.singer is None else printable(result.singer),
            *sure,
            f"{result.clips}{remark}",
            Picture(partial(timeline_bar, result), _LEAST_CELLS, BAR_CELLS),
        )
    return table


def timeline_table(result: Result) -> Table:
    """The timeline of one file, a row for every stretch of one singer."""
    table = Table("from", "to", "singer", "confidence")
    for span in result.timeline:
        style = "bold" if result.singer in span.singers else ""
        name = Text(printable(", ".join(span.singers)), style=style)
        table.add_row(clock(span.start_s), clock(span.end_s), name, f"{span.probability:.0%}")
    return table


def timeline_bar(result: Result, cells: int = BAR_CELLS) -> str:
    """A file from start to end: full cells where the winner is named, dots for others, blanks for nobody."""
    centres = ((cell + 0.5) * result.seconds / cells for cell in range(cells))
    return "".join(_cell(_at(result.timeline, seconds), result.singer) for seconds in centres)


def _cell(singers: Sequence[str], named: str | None) -> str:
    return " " if not singers else "█" if named in singers else "·"


def _at(timeline: Sequence[Span], seconds: float) -> Sequence[str]:
    """Who is heard at a time; empty: nobody is."""
    return next((span.singers for span in timeline if span.start_s <= seconds < span.end_s), ())
