"""The cache of data that was computed from recordings for display; it can always be computed again."""

import shutil
from pathlib import Path

from singerid.system.files import writing

_FOLDER = Path("serve", "cache")


def cache_of(library: Path) -> Path:
    """The folder of the cache. It may not exist yet: the code that writes to it creates it."""
    return library / _FOLDER


def empty_cache(library: Path) -> None:
    """Delete the cache. It is derived from the sound of voices, and `forget` must remove those."""
    folder = cache_of(library)
    with writing(folder):
        if folder.exists():
            shutil.rmtree(folder)
