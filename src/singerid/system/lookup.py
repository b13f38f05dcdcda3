"""Finding files and tracks by paths that were written on another system or by hand."""

import unicodedata
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path


class _Lookup(ABC):
    """Finds paths by written ones.

    Tried are, in this order: the path as it is; backslashes as separators; other Unicode forms (a table holds
    "é" as one character, a Mac's disk as two); and at last other cases, where only one path answers. What a
    folder holds is asked once.
    """

    def __init__(self) -> None:
        self._folders: dict[tuple[str, Callable[[str], str]], dict[str, list[str]]] = {}

    @abstractmethod
    def _is_there(self, path: str) -> bool:
        """Whether it is a path that may be found."""

    @abstractmethod
    def _names(self, folder: str) -> Iterable[str]:
        """What a folder holds, in any order; "" is the root."""

    def find(self, path: str) -> str | None:
        """The path that is meant, separated by "/"; None: there is none, or more than one."""
        return path if self._is_there(path) else self.find_listed(path)

    def find_listed(self, path: str) -> str | None:
        """As `find`, without asking for the path itself first: what no folder holds costs no access."""
        parts = path.replace("\\", "/").split("/")
        if ".." in parts or "\0" in path:
            return None
        for alike in (str, _composed, _folded):
            found = self._matches("", [part for part in parts if part not in ("", ".")], alike)
            if len(found) == 1:
                return found[0]
        return None

    def _matches(self, folder: str, parts: list[str], alike: Callable[[str], str]) -> list[str]:
        """Paths below a folder, which begin with it."""
        found = []
        for name in self._alike(folder, alike).get(alike(parts[0]), ()) if parts else ():
            path = f"{folder}/{name}" if folder else name
            if parts[1:]:
                found += self._matches(path, parts[1:], alike)
            elif self._is_there(path):
                found.append(path)
        return found

    def _alike(self, folder: str, alike: Callable[[str], str]) -> dict[str, list[str]]:
        """The names in a folder, by what those that are alike have in common."""
        if (folder, alike) not in self._folders:
            names: dict[str, list[str]] = defaultdict(list)
            for name in sorted(self._names(folder)) if alike is str else self._alike(folder, str):
                names[alike(name)].append(name)
            self._folders[folder, alike] = dict(names)
        return self._folders[folder, alike]


class FileLookup(_Lookup):
    """Finds the files below a folder by written paths, see `_Lookup`.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def _is_there(self, path: str) -> bool:
        try:
            return (self._root / path).is_file()
        except (OSError, ValueError):  # a name too long, a folder that may not be entered; a NUL
            return False

    def _names(self, folder: str) -> Iterable[str]:
        try:
            return [entry.name for entry in (self._root / folder).iterdir()]
        except OSError:
            return ()


class PathLookup(_Lookup):
    r"""Finds known paths by written ones, see `_Lookup`.

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
