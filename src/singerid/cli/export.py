"""singerid export."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import RunFolder
from singerid.cli.printing import warn
from singerid.system.streams import say
from singerid.text import printable


def export(
    run: RunFolder,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.onnx", help="File to write; an existing file is replaced.")
    ],
) -> None:
    """Write a run's network as one ONNX file, from sound to singers, for browsers and other programs."""
    from singerid.export import export

    exported = export(run, file)
    if exported.notice:
        warn(f"{printable(file)}: {exported.notice}")
    say(
        f"{printable(file)}: {exported.size / 1e6:.1f} MB; ONNX Runtime and torch differ by "
        f"{exported.difference:.0e} at most"
    )
