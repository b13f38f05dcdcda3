"""Writable cache folders for the libraries that need one: Numba, Matplotlib, Triton, PyTorch.

The home folder and the Python environment may be read-only, as in many containers. Some libraries then stop
(Numba), others print warnings (Matplotlib).
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

_NOWHERE = Path(os.devnull) / "home"  # stands for "no home folder"; it can be neither made nor written


def set_cache_folders() -> None:
    """Point libraries to a writable cache folder where their default folder cannot be written.

    Call this before the libraries are imported. Folders that the user has chosen by environment variables
    stay. Numba's folder is set by `import_librosa`. If no folder can be written at all, nothing is set.
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
    """Import librosa and return it, after making sure that Numba has a cache folder it can write to.

    Numba compiles librosa's functions on first use and caches them; without a writable folder it fails.

    Raises:
        SingeridError: no folder can be written, or the one named by NUMBA_CACHE_DIR cannot.
    """
    _name_cache_home()
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        if not _can_write(Path(named)):
            raise SingeridError(
                f"{named}: cannot be written, and Numba needs it to cache compiled code; set "
                "NUMBA_CACHE_DIR to a folder that you may write to"
            )
    elif "numba" not in sys.modules or not sys.modules["numba"].config.CACHE_DIR:
        _name_numba_cache()
    import librosa

    module: ModuleType = librosa
    return module


def _name_cache_home() -> None:
    """Set XDG_CACHE_HOME if there is no home folder: without either, librosa cannot be imported."""
    if _home() == _NOWHERE and not os.environ.get("XDG_CACHE_HOME"):
        with suppress(OSError):
            os.environ["XDG_CACHE_HOME"] = _own_folder("cache")


def _name_numba_cache() -> None:
    """Set NUMBA_CACHE_DIR unless Numba can write beside librosa's code or in the user's cache folder."""
    package = importlib.util.find_spec("librosa")
    code = Path(package.origin or ".").parent if package else Path()
    beside = {file.parent / "__pycache__" for file in code.rglob("*.py")} if package else set()
    if all(map(_can_write, beside)) or _can_write(_numba_user_folder()):
        return
    try:
        folder = _own_folder("numba")
    except OSError as error:
        raise SingeridError(
            "Numba needs a folder for compiled code, and none can be written; set NUMBA_CACHE_DIR to a "
            "folder that you may write to"
        ) from error
    os.environ["NUMBA_CACHE_DIR"] = folder  # child processes read it too
    if "numba" in sys.modules:  # Numba has read the environment already
        sys.modules["numba"].config.CACHE_DIR = folder


def _numba_user_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or _home()) / "numba" / "Cache"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "numba"
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "numba"


def _home() -> Path:
    """The home folder, or `_NOWHERE` if there is none."""
    try:
        return Path.home()
    except RuntimeError:
        return _NOWHERE


def _may_write(folder: Path) -> bool:
    """Whether a folder could be made or written to; nothing is made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _can_write(folder: Path) -> bool:
    """Whether a folder can be written to; it is made if missing, as Numba does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _own_folder(name: str) -> str:
    """A private folder of this user among the temporary files, kept from one run to the next."""
    folder = own_root() / name
    folder.mkdir(exist_ok=True)
    return str(folder)


@cache
def own_root() -> Path:
    """`singerid-USER` among the temporary files, or a new folder if other users can access that one.

    Compiled code in these folders is executed, so nobody else may be able to write there.
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
