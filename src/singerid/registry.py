"""Registries of entries by name: models, encoders, separators, trackers, data sets, output formats.

A new entry takes one file and one line in its registry. An entry given as "package.module:name" is imported
only when it is used, so that listing the names is fast.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Generic, TypeVar

from singerid.errors import SingeridError
from singerid.text import near_names

T = TypeVar("T")


class UnknownNameError(SingeridError):
    """A name that a registry does not have; the message lists similar names."""


class Registry(Generic[T]):
    """Entries by name, in the order in which they were registered.

    Args:
        what: the kind of entry, in the singular, for example "model".
        entries: name -> entry, or "package.module:name" where the entry is defined.
        remedy: what else a user can do about an unknown name; the last part of the error.

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
        """The entry with this name; raises UnknownNameError."""
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
        """Raise UnknownNameError unless the name is known; imports no entry."""
        if name not in self._entries:
            remedy = f"; {self._remedy}" if self._remedy else ""
            raise UnknownNameError(f"unknown {self.what} {name!r}; {near_names(name, self._entries)}{remedy}")

    def items(self) -> Iterator[tuple[str, T]]:
        """Names and entries; imports all entries."""
        return ((name, self[name]) for name in self)

    def register(self, name: str, entry: T) -> None:
        """Add an entry under a name; raises ValueError if the name is taken."""
        if name in self._entries:
            raise ValueError(f"a {self.what} named {name!r} exists already; choose another name")
        self._entries[name] = entry

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Context at whose end the registry is restored: entries added inside it are removed."""
        before = dict(self._entries)
        try:
            yield
        finally:
            self._entries = before
