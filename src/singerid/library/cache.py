"""What was made of recordings to be looked at: it lies beside the database and can be made again."""

import shutil
from pathlib import Path

from singerid.system.files import writing

_FOLDER = Path("serve", "cache")


def cache_of(library: Path) -> Path:
    """The folder for them; whoever writes there makes it."""
    return library / _FOLDER


def empty_cache(library: Path) -> None:
    """Remove all of it: it shows the sound of voices, one of which is to be forgotten."""
    folder = cache_of(library)
    with writing(folder):
        if folder.exists():
            shutil.rmtree(folder)
