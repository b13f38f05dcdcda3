"""What goes by name: models, encoders, separators, trackers, data sets, output formats.

A new entry is one file and one line. The line may be "package.module:name": such an entry is imported when
it is asked for, so that listing names costs nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Generic, TypeVar

from singerid.errors import SingeridError
from singerid.text import near_names

T = TypeVar("T")


class UnknownNameError(SingeridError):
    """A name that a registry does not know; the message lists the nearest ones."""


class Registry(Generic[T]):
    """Entries by name, in the order in which they were registered.

    Args:
        what: what an entry is, in the singular: "model".
        entries: names and entries, or where an entry is defined: "package.module:name".
        remedy: what else can be done about an unknown name; ends the error.

    >>> shapes = Registry("shape", {"circle": 1, "square": 4})
    >>> shapes["circle"], list(shapes)
    (1, ['circle', 'square'])
    >>> shapes["squares"]
    Traceback (most recent call last):
    singerid.registry.UnknownNameError: unknown shape 'squares'; near names: square
    """

    def __init__(self, what: str, entries: Mapping[str, T | str], remedy: str = "") -> None:
        self.what = what
        self._remedy = remedy
        self._entries: dict[str, T | str] = dict(entries)

    def __getitem__(self, name: str) -> T:
        """The entry of a name; raises UnknownNameError."""
        self.require(name)
        entry = self._entries[name]
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            loaded: T = getattr(import_module(module), attribute)
            self._entries[name] = entry = loaded
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def require(self, name: str) -> None:
        """Raise UnknownNameError unless the name is known; no entry is imported for it."""
        if name not in self._entries:
            remedy = f"; {self._remedy}" if self._remedy else ""
            raise UnknownNameError(
                f"unknown {self.what} {name!r}; near names: {near_names(name, self._entries)}{remedy}"
            )

    def items(self) -> Iterator[tuple[str, T]]:
        """Names and entries; all entries are imported for it."""
        return ((name, self[name]) for name in self)

    def register(self, name: str, entry: T) -> None:
        """Make an entry known by a name; raises ValueError where the name is taken."""
        if name in self._entries:
            raise ValueError(f"a {self.what} named {name!r} exists already; choose another name")
        self._entries[name] = entry

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Within, entries may be registered; afterwards the registry is as before."""
        before = dict(self._entries)
        try:
            yield
        finally:
            self._entries = before
