"""A label track of Audacity: one line per turn, "start, tab, end, tab, label", in seconds.

Audacity Manual, "Importing and Exporting Labels",
https://manual.audacityteam.org/man/importing_and_exporting_labels.html.
"""

from collections.abc import Iterable

from singerid.identify.formats.format import Document, Format, Outcome, results_of
from singerid.identify.voices import turns_of
from singerid.text import printable


def _write(outcomes: Iterable[Outcome], to: Document) -> None:
    for result in results_of(outcomes):
        for turn in turns_of(result):
            # A tab or an end of line would end the label: both are written as escapes.
            to.file.write(f"{turn.start_s:.6f}\t{turn.end_s:.6f}\t{printable(str(turn.voice))}\n")


AUDACITY = Format(_write, ".txt", about="song", needs_timeline=True)
