"""Finding files and tracks by paths that were written on another system or by hand."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path


class FileLookup:
    """Finds the files below a folder by written paths.

    Tried are, in this order: the path as it is; backslashes as separators; other Unicode forms (a table holds
    "é" as one character, a Mac's disk as two); and at last other cases, where only one file answers.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listings: dict[Path, tuple[str, ...]] = {}

    def find(self, path: str) -> str | None:
        """The path of a file below the root as it is on disk, separated by "/"; None: there is none."""
        if self._is_file(self._root / path):
            return path
        parts = path.replace("\\", "/").split("/")
        if ".." in parts or "\0" in path:
            return None
        for alike in (_composed, _folded):
            found = self._matches(self._root, [part for part in parts if part not in ("", ".")], alike)
            if len(found) == 1:
                return found[0]
        return None

    def _matches(self, folder: Path, parts: list[str], alike: Callable[[str], str]) -> list[str]:
        if not parts:
            return []
        wanted, rest = alike(parts[0]), parts[1:]
        found = []
        for name in self._names(folder):
            if alike(name) == wanted:
                if rest:
                    found += [f"{name}/{below}" for below in self._matches(folder / name, rest, alike)]
                elif self._is_file(folder / name):
                    found.append(name)
        return found

    def _names(self, folder: Path) -> tuple[str, ...]:
        if folder not in self._listings:
            try:
                self._listings[folder] = tuple(sorted(entry.name for entry in folder.iterdir()))
            except OSError:
                self._listings[folder] = ()
        return self._listings[folder]

    @staticmethod
    def _is_file(path: Path) -> bool:
        try:
            return path.is_file()
        except (OSError, ValueError):  # a name too long, a folder that may not be entered; a NUL
            return False


class PathLookup:
    r"""Finds known paths by written ones, as `FileLookup` finds files.

    >>> PathLookup(["Ann/x/1.wav"]).find("ann\\x\\1.wav")
    'Ann/x/1.wav'

    Args:
        known: paths separated by "/".
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._alike: list[tuple[Callable[[str], str], dict[str, list[str]]]] = []
        for alike in (_composed, _folded):
            paths: dict[str, list[str]] = defaultdict(list)
            for path in sorted(self._known):
                paths[alike(path)].append(path)
            self._alike.append((alike, paths))

    def find(self, path: str) -> str | None:
        """The known path that is meant; None: there is none, or more than one."""
        if path in self._known:
            return path
        written = "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))
        for alike, paths in self._alike:
            found = paths.get(alike(written), [])
            if len(found) == 1:
                return found[0]
        return None


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
