"""Plugins: Python files of the user's own that register models, data sets and more (`singerid.registry`)."""

import runpy
from pathlib import Path

from singerid.errors import SingeridError
from singerid.text import one_line

LOADED: list[Path] = []
"""The plugins loaded in this process; its child processes have to load them too."""


def load_plugin(path: Path | str) -> None:
    """Run a Python file that registers entries such as models or data sets.

    Raises:
        SingeridError: there is no such file, or it fails.
    """
    path = Path(path)
    try:
        runpy.run_path(str(path))
    except FileNotFoundError as error:
        raise SingeridError(f"{path}: does not exist; `plugin` takes a Python file") from error
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {one_line(error)}"
        raise SingeridError(f"{path}: this plugin fails with {what}; run it by itself to see") from error
    LOADED.append(path.absolute())
