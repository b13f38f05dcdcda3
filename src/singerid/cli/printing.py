"""How commands print."""

import json
from collections.abc import Callable
from pathlib import Path

from singerid.system.streams import complain
from singerid.text import printable


def warn(message: str) -> None:
    """Print a warning on standard error."""
    complain(f"warning: {printable(message)}")


def warn_of(place: Path) -> Callable[[str], None]:
    """Prints warnings of a run, a store or a file on standard error."""
    return lambda message: warn(f"{printable(place)}: {message}")


def print_json(value: object) -> None:
    """Print a value as indented JSON on standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # File names that are no UTF-8 hold lone surrogates, which cannot be printed but escaped, as JSON allows.
    print(text.encode("utf-8", "backslashreplace").decode("utf-8"), flush=True)
