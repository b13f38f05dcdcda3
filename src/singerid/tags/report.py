"""What `singerid tag` says of files to a person."""

from collections import Counter
from collections.abc import Sequence

from singerid.system.tables import Table
from singerid.tags.plan import Change, Status
from singerid.text import counted, printable

_ORDER: tuple[Status, ...] = ("would write", "written", "held back", "up to date", "nothing to write")


def change_table(changes: Sequence[Change]) -> Table:
    """One row a file: who sings, how sure that is, what happens, and what changes."""
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
    """A file in one line."""
    told = changes_text(change) or _names(change)
    return ": ".join(filter(None, (printable(change.path), change.status, told)))


def changes_text(change: Change) -> str:
    """What is written and taken out: "+ Nina Simone (vocals)"."""
    parts = [f"+ {printable(text)}" for text in change.added]
    parts += [f"- {printable(text)}" for text in change.removed]
    if not parts and change.status in ("would write", "written", "held back"):
        parts = ["how sure it is"]
    return "; ".join(filter(None, (*parts, change.note)))


def _names(change: Change) -> str:
    return ", ".join(printable(one.singer) for one in change.singers)


def summary(changes: Sequence[Change]) -> str:
    """How many files of each kind there are, and how to go on."""
    counts = Counter(change.status for change in changes)
    told = [f"{counted(counts[status], 'file')} {status}" for status in _ORDER if counts[status]]
    further = "; --write writes" if counts["would write"] else ""
    return ", ".join(told) + further
