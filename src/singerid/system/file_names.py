"""Names of files made from names of songs and people, which may hold anything."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from singerid.text import printable

# What Windows, and programs everywhere, take for something else in a file's name.
_SPECIAL = re.compile(r'[<>:"/\\|?*\ufffe\uffff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
_MOST_BYTES = 150  # of 255 that most file systems allow: there is an ending, and room for more
_MARK_DIGITS = 8


def absolute(path: Path | str) -> Path:
    """The whole path of a file, dots taken out; links are not followed, as `Path.resolve` would."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def file_stem(name: str) -> str:
    """A name as the first part of a file's name that every system takes; two names may become one.

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
    """A stem for each key that no other key has, on systems that do not tell case apart either.

    Those that would share one get a mark that follows from the key alone, whatever others there are.

    Args:
        wanted: key (a path, say) -> what its file is to be called, without an ending.

    >>> distinct_stems({"a/song.mp3": "song", "b/song.mp3": "song", "c.mp3": "c"})
    {'a/song.mp3': 'song 6e1223ae', 'b/song.mp3': 'song aa3777c5', 'c.mp3': 'c'}
    """
    stems = {key: file_stem(name) for key, name in wanted.items()}
    counts = Counter(map(_folded, stems.values()))
    return {key: f"{stem} {_mark(key)}" if counts[_folded(stem)] > 1 else stem for key, stem in stems.items()}


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFC", stem.casefold())


def _mark(key: str) -> str:
    # Two surrogates of a pair and the character they make are told apart.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_DIGITS]
