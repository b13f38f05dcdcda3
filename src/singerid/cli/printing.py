"""How commands print."""

import json
import sys
from pathlib import Path

from singerid.text import printable


def warn(message: str) -> None:
    """Print a warning on standard error."""
    print(f"singerid: warning: {message}", file=sys.stderr)


def belongs_on_card(run: Path, store: Path | None, changed: bool) -> bool:
    """Whether scores belong on the run's model card; a warning where they are of other recordings.

    Args:
        run: folder of the run.
        store: that was named for this time only; None: the run's own, whose changes the card tells.
        changed: the store's recordings are not those that the run learned on.
    """
    if not changed:
        return True
    if store is None:
        warn(f"{printable(run)}: the recordings of its store have changed since it was trained")
        return True
    warn(
        f"{printable(run)}: the recordings of {printable(store)} are not those that it learned on; "
        "its model card is left as it is"
    )
    return False


def print_rich(renderable: object) -> None:
    """Print for a person on standard output; where that is no terminal, wide enough for any table."""
    from rich.console import Console

    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(renderable)


def print_json(value: object) -> None:
    """Print a value as indented JSON on standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # File names that are no UTF-8 hold lone surrogates, which cannot be printed but escaped, as JSON allows.
    print(text.encode("utf-8", "backslashreplace").decode("utf-8"))
