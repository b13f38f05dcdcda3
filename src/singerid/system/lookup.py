"""Finding files and tracks by paths that were written by hand or on another system."""

import unicodedata
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path


class _Lookup(ABC):
    """Finds the existing path that a written path means.

    It tries, in this order: the path as written; with backslashes as separators; in other Unicode forms (a
    table may store "é" as one character and a Mac's disk as two); and last in other upper and lower case, if
    only one path matches. Each folder is listed only once.
    """

    def __init__(self) -> None:
        self._folders: dict[tuple[str, Callable[[str], str]], dict[str, list[str]]] = {}

    @abstractmethod
    def _is_there(self, path: str) -> bool:
        """Whether this path exists."""

    @abstractmethod
    def _names(self, folder: str) -> Iterable[str]:
        """The names in a folder, in any order; "" is the root."""

    def find(self, path: str) -> str | None:
        """The existing path that is meant, separated by "/"; None if there is none or more than one."""
        return path if self._is_there(path) else self.find_listed(path)

    def find_listed(self, path: str) -> str | None:
        """As `find`, but from folder listings alone: a path that no folder lists costs no disk access."""
        parts = path.replace("\\", "/").split("/")
        if ".." in parts or "\0" in path:
            return None
        for alike in (str, _composed, _folded):
            found = self._matches("", [part for part in parts if part not in ("", ".")], alike)
            if len(found) == 1:
                return found[0]
        return None

    def _matches(self, folder: str, parts: list[str], alike: Callable[[str], str]) -> list[str]:
        """Matching paths below a folder; each begins with the folder's path."""
        found = []
        for name in self._alike(folder, alike).get(alike(parts[0]), ()) if parts else ():
            path = f"{folder}/{name}" if folder else name
            if parts[1:]:
                found += self._matches(path, parts[1:], alike)
            elif self._is_there(path):
                found.append(path)
        return found

    def _alike(self, folder: str, alike: Callable[[str], str]) -> dict[str, list[str]]:
        """The names in a folder, grouped by their form under `alike`."""
        if (folder, alike) not in self._folders:
            names: dict[str, list[str]] = defaultdict(list)
            for name in sorted(self._names(folder)) if alike is str else self._alike(folder, str):
                names[alike(name)].append(name)
            self._folders[folder, alike] = dict(names)
        return self._folders[folder, alike]


class FileLookup(_Lookup):
    """Finds files below a folder by written paths, see `_Lookup`.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def _is_there(self, path: str) -> bool:
        try:
            return (self._root / path).is_file()
        except (OSError, ValueError):  # OSError: name too long, no access; ValueError: NUL in the name
            return False

    def _names(self, folder: str) -> Iterable[str]:
        try:
            return [entry.name for entry in (self._root / folder).iterdir()]
        except OSError:
            return ()


class PathLookup(_Lookup):
    r"""Finds known paths by written paths, see `_Lookup`.

    >>> PathLookup(["Ann/x/1.wav"]).find("ann\\x\\1.wav")
    'Ann/x/1.wav'

    Args:
        known: paths separated by "/".
    """

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__()
        self._known = frozenset(known)
        self._tree: dict[str, set[str]] = defaultdict(set)
        for path in self._known:
            folder = ""
            for name in path.split("/"):
                self._tree[folder].add(name)
                folder = f"{folder}/{name}" if folder else name

    def _is_there(self, path: str) -> bool:
        return path in self._known

    def _names(self, folder: str) -> Iterable[str]:
        return self._tree.get(folder, ())


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
