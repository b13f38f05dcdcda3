"""How commands print."""

import json
from collections.abc import Callable
from pathlib import Path

from singerid.system.console import print_rich
from singerid.system.streams import closing, complain
from singerid.text import in_utf8, printable


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
    print(in_utf8(text), flush=True)


def print_kept(found: object, as_json: bool, kept: str) -> None:
    """Print what was found, and is kept in files: it stays done where it cannot be printed, see `closing`.

    Args:
        found: a value for JSON, else what Rich prints.
        as_json: which of both.
        kept: where the files are, in one line, which follows the tables.
    """
    with closing(kept):
        if as_json:
            print_json(found)
        else:
            print_rich(found)
            print(kept, flush=True)
