"""Folders in which libraries keep what they have compiled or listed: of each, one that can be written.

A home folder and an environment may be read-only, as in many containers. Some libraries then stop
(Numba), others complain (Matplotlib).
"""

import atexit
import importlib.util
import os
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

from singerid.errors import SingeridError
from singerid.text import printable

_NOWHERE = Path(os.devnull) / "home"  # can be neither made nor written


def set_cache_folders() -> None:
    """Name a folder that can be written for what keeps files in a home folder that cannot.

    It must come before the libraries are imported. What the user has named stays, and Numba's is left to
    `import_librosa`. Where nothing can be written at all, they are left to their own ways.
    """
    _name_cache_home()
    home = _home()
    config, kept = (
        Path(os.environ.get(variable) or home / default)
        for variable, default in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache"))
    )
    if sys.platform in ("win32", "darwin"):
        config = kept = home
    for variable, name, defaults in (
        ("MPLCONFIGDIR", "matplotlib", (config / "matplotlib", kept / "matplotlib")),
        ("TRITON_CACHE_DIR", "triton", (home / ".triton" / "cache",)),
        ("PYTORCH_KERNEL_CACHE_PATH", "torch", (kept / "torch" / "kernels",)),
    ):
        if not os.environ.get(variable) and not all(map(_may_write, defaults)):
            with suppress(OSError):
                os.environ[variable] = _own_folder(name)


def import_librosa() -> ModuleType:
    """librosa, whose functions Numba compiles on their first use and keeps: it stops where it cannot.

    Raises:
        SingeridError: no folder can be written, or not the one that NUMBA_CACHE_DIR names.
    """
    _name_cache_home()
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        if not _can_write(Path(named)):
            raise SingeridError(
                f"{printable(named)}: cannot be written, and Numba is to keep there what it compiles; set "
                "NUMBA_CACHE_DIR to a folder that you may write to"
            )
    elif "numba" not in sys.modules or not sys.modules["numba"].config.CACHE_DIR:
        _name_numba_cache()
    import librosa

    module: ModuleType = librosa
    return module


def _name_cache_home() -> None:
    """Name a folder for caches to who has no home folder: without either, librosa cannot be imported."""
    if _home() == _NOWHERE and not os.environ.get("XDG_CACHE_HOME"):
        with suppress(OSError):
            os.environ["XDG_CACHE_HOME"] = _own_folder("cache")


def _name_numba_cache() -> None:
    """Name a folder where Numba finds none by itself: beside the code, else in the user's cache folder."""
    package = importlib.util.find_spec("librosa")
    code = Path(package.origin or ".").parent if package else Path()
    beside = {file.parent / "__pycache__" for file in code.rglob("*.py")} if package else set()
    if all(map(_can_write, beside)) or _can_write(_numba_user_folder()):
        return
    try:
        folder = _own_folder("numba")
    except OSError as error:
        raise SingeridError(
            "no folder can be written in which Numba could keep what it compiles; set NUMBA_CACHE_DIR to one"
        ) from error
    os.environ["NUMBA_CACHE_DIR"] = folder  # for the processes that this one starts, too
    if "numba" in sys.modules:  # it has read the environment already
        sys.modules["numba"].config.CACHE_DIR = folder


def _numba_user_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or _home()) / "numba" / "Cache"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "numba"
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "numba"


def _home() -> Path:
    """The home folder; `_NOWHERE` where none is known."""
    try:
        return Path.home()
    except RuntimeError:
        return _NOWHERE


def _may_write(folder: Path) -> bool:
    """Whether a folder may be made or written; nothing is made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _can_write(folder: Path) -> bool:
    """Whether a folder can be written; it is made, as Numba does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _own_folder(name: str) -> str:
    """A folder of this user's in the folder for temporary files, kept from one run to the next."""
    folder = _own_root() / name
    folder.mkdir(exist_ok=True)
    return str(folder)


@cache
def _own_root() -> Path:
    """`singerid-USER` among the temporary files or, where that is not this user's alone, a new folder.

    What is in these folders is run: nobody else may have put it there.
    """
    if hasattr(os, "getuid"):
        folder = Path(tempfile.gettempdir()) / f"singerid-{os.getuid()}"
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            status = folder.lstat()
            private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
            if private and status.st_uid == os.getuid() and _can_write(folder):
                return folder
    made = Path(tempfile.mkdtemp(prefix="singerid-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
