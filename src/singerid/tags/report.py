"""What `singerid tag` tells a person about files."""

from collections import Counter
from collections.abc import Sequence

from singerid.system.tables import Table
from singerid.tags.plan import Change, Status
from singerid.text import counted, printable, settings_as

_SAID: dict[Status, str] = {
    "would write": "would be written",
    "written": "written",
    "held back": "held back",
    "up to date": "up to date",
    "nothing to write": "with nothing to write",
}
"""What is said of files with each status, in the order in which it is said."""


def change_table(changes: Sequence[Change]) -> Table:
    """A table of one row per file: who sings, how sure this is, what happens, and what changes."""
    table = Table("file", "singer", "sure", "what", "changes", right=(2,))
    for change in changes:
        table.add_row(
            printable(change.path),
            _names(change) or (change.decision or ""),
            ", ".join(f"{one.probability:.0%}" for one in change.singers),
            change.status,
            changes_text(change),
        )
    return table


def change_line(change: Change) -> str:
    """What happens to a file, in one line."""
    told = changes_text(change) or _names(change)
    return ": ".join(filter(None, (printable(change.path), change.status, told)))


def changes_text(change: Change) -> str:
    """What is written and removed: "+ Nina Simone (vocals)".

    >>> changes_text(Change("a.mp3", "written", added=("Ann (vocals)",), removed=("Bob (vocals)",)))
    '+ Ann (vocals); - Bob (vocals)'
    """
    parts = [f"+ {printable(text)}" for text in change.added]
    parts += [f"- {printable(text)}" for text in change.removed]
    if not parts and change.status in ("would write", "written", "held back"):
        parts = ["how sure it is"]
    return "; ".join(filter(None, (*parts, change.note)))


def _names(change: Change) -> str:
    return ", ".join(printable(one.singer) for one in change.singers)


def summary(changes: Sequence[Change]) -> str:
    """The number of files with each status.

    >>> summary([Change("a.mp3", "written"), Change("b.mp3", "held back"), Change("c.mp3", "written")])
    '2 files written, 1 file held back'
    """
    counts = Counter(change.status for change in changes)
    return ", ".join(
        f"{counted(counts[status], 'file')} {_SAID[status]}" for status in _SAID if counts[status]
    )


def by_command(message: str) -> str:
    """A message in which settings in backticks became options of `singerid tag`, for other programs to show.

    >>> by_command("other fields would change; `sidecar='json'` writes a file beside it")
    'other fields would change; singerid tag --sidecar json writes a file beside it'
    """

    def option(name: str, value: str | None) -> str:
        flag = f"singerid tag --{name.replace('_', '-')}"
        return flag if value in (None, "True") else f"{flag} {value}"

    return settings_as(message, option)
