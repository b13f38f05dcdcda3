"""Files of one's own that register what goes by name: see `singerid.registry`."""

import runpy
from pathlib import Path

from singerid.errors import SingeridError
from singerid.text import one_line

LOADED: list[Path] = []
"""Those of this process; a process that it starts needs them, too."""


def load_plugin(path: Path) -> None:
    """Run a Python file of one's own, which registers models, data sets or whatever else goes by name.

    Raises:
        SingeridError: there is no such file, or running it fails.
    """
    try:
        runpy.run_path(str(path))
    except FileNotFoundError as error:
        raise SingeridError(f"{path}: no such file; --plugin takes a Python file") from error
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {one_line(error)}"
        raise SingeridError(f"{path}: this plugin fails with {what}; run it by itself to see") from error
    LOADED.append(path.absolute())
