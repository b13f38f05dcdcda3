"""Correcting a library from the page: kept answers are renewed afterwards, and open pages are notified."""

from collections.abc import Iterator
from contextlib import contextmanager

from singerid.library.library import Library
from singerid.web.desk import Desk
from singerid.web.plain import meant_name


@contextmanager
def correcting(desk: Desk) -> Iterator[Library]:
    """The library, to be changed; its kept answers are renewed afterwards.

    If they cannot be renewed, the change is kept all the same: then there is a notice, and no error.
    """
    with desk.library() as library:
        yield library
        with library.core.afterwards():
            desk.answer_again(library, None)
        desk.take_notices(library)
    desk.tell("library", {})


def named(library: Library, name: str) -> str:
    """A singer's name as the library has it, from how the API shows it; an unknown name stays as it is."""
    known = library.core.contents
    return name if known.number_of(name) is not None else meant_name(name, known.names.values())
