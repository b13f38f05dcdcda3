"""Importing packages that import torchaudio, even if torchaudio cannot be loaded.

torchcrepe and openunmix import torchaudio to read files and to resample; singerid does this in another way.
torchaudio's wheel for Linux is linked against CUDA and does not load (OSError) beside a CPU build of torch.
So it is not a dependency, and an empty module stands in for it while such a package is imported.
"""

import importlib
import importlib.util
import sys
import threading
from importlib.machinery import ModuleSpec
from types import ModuleType

from singerid.errors import SingeridError

_LOCK = threading.RLock()  # so that no thread removes the stand-in of another


def import_without_torchaudio(name: str, extra: str) -> ModuleType:
    """Import a module that imports torchaudio but is used without it.

    The real torchaudio is used if it can be loaded. If not, `import torchaudio` still fails afterwards.

    Args:
        name: name of the module, for example "openunmix.model".
        extra: the extra of singerid that installs its package.

    Raises:
        SingeridError: the module's package is not installed.
    """
    with _LOCK:
        if name in sys.modules:
            return sys.modules[name]
        stand_in = None if _loads("torchaudio") else importlib.util.module_from_spec(_EMPTY)
        if stand_in is not None:
            sys.modules["torchaudio"] = stand_in
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            package = name.partition(".")[0]
            if error.name != package:
                raise
            raise SingeridError(
                f"{package} is not installed; install it: pip install 'singerid[{extra}]'"
            ) from error
        finally:
            if stand_in is not None:
                del sys.modules["torchaudio"]


_EMPTY = ModuleSpec("torchaudio", loader=None)


def _loads(name: str) -> bool:
    try:
        importlib.import_module(name)
    except (ImportError, OSError):
        return False
    return True
