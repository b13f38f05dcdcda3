"""Correcting a library from the page: afterwards kept answers are renewed, and who looks is told."""

from collections.abc import Iterator
from contextlib import contextmanager

from singerid.library.library import Library
from singerid.web.desk import Desk


@contextmanager
def correcting(desk: Desk) -> Iterator[Library]:
    """The library, to be changed; what is kept of its answers follows when that is done."""
    with desk.library() as library:
        yield library
        desk.answer_again(library, None)
    desk.tell("library", {})
