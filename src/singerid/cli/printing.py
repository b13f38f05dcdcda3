"""Printing of results and warnings, shared by the commands."""

import json
import logging

from singerid.system.console import print_rich
from singerid.system.streams import closing, complain
from singerid.text import in_utf8, printable


def warn(message: str) -> None:
    """Print a warning on standard error."""
    complain(f"warning: {printable(message)}")


def show_steps(package: str) -> None:
    """Show what a package logs about its steps, on standard error, for the rest of the program."""
    logging.getLogger(package).setLevel(logging.INFO)


def print_json(value: object) -> None:
    """Print a value as indented JSON on standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # File names that are not UTF-8 contain lone surrogates; they are printed as escapes, as JSON allows.
    print(in_utf8(text), flush=True)


def print_kept(found: object, as_json: bool, kept: str) -> None:
    """Print results that are saved in files; an error of printing is not a failure, see `closing`.

    Args:
        found: a value for JSON, or an object for Rich.
        as_json: print it as JSON.
        kept: a line that says where the files are; printed after the tables.
    """
    with closing(kept):
        if as_json:
            print_json(found)
        else:
            print_rich(found)
            print(kept, flush=True)
