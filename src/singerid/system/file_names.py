"""File names made from names of songs and people, which may contain any character."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from singerid.text import printable

# Characters with a special meaning in paths, on Windows or in common programs.
_SPECIAL = re.compile(r'[<>:"/\\|?*\ufffe\uffff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
_MOST_BYTES = 150  # most file systems allow 255; the rest is for a mark, an ending and more
_MARK_DIGITS = 8


def absolute(path: Path | str) -> Path:
    """The absolute path of a file without "." and ".."; unlike `Path.resolve`, it does not follow links."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def file_stem(name: str) -> str:
    """A file name, without ending, that every system accepts. Two different names may give the same one.

    >>> file_stem("AC/DC"), file_stem("..")
    ('AC_DC', '_')
    """
    safe = _SPECIAL.sub("_", printable(unicodedata.normalize("NFC", name))).strip().rstrip(". ")
    if safe.startswith("."):
        safe = f"_{safe[1:]}"
    if _RESERVED.match(safe):
        safe = f"_{safe}"
    return safe.encode("utf-8")[:_MOST_BYTES].decode("utf-8", "ignore").rstrip(". ") or "_"


def distinct_stems(wanted: Mapping[str, str]) -> dict[str, str]:
    """A distinct file name, without ending, for each key; names also differ where case is ignored.

    Keys whose names would collide get a mark at the end. The mark depends on the key alone, not on the other
    keys.

    Args:
        wanted: key (for example a path) -> wanted file name, without an ending.

    >>> distinct_stems({"a/song.mp3": "song", "b/song.mp3": "song", "c.mp3": "c"})
    {'a/song.mp3': 'song 6e1223ae', 'b/song.mp3': 'song aa3777c5', 'c.mp3': 'c'}
    """
    stems = {key: file_stem(name) for key, name in wanted.items()}
    counts = Counter(map(_folded, stems.values()))
    return {key: f"{stem} {_mark(key)}" if counts[_folded(stem)] > 1 else stem for key, stem in stems.items()}


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFC", stem.casefold())


def _mark(key: str) -> str:
    # "surrogatepass": a pair of surrogates and the character it encodes give different marks.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_DIGITS]
