"""singerid serve."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, LibraryFolder, SeparatorWeights, Threads
from singerid.cli.printing import warn
from singerid.errors import SingeridError
from singerid.text import printable


def serve(
    folder: LibraryFolder,
    root: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Whose recordings may be heard; may be given again."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where it listens; by default for this machine alone.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SINGERID_TOKEN",
            help="What lets a browser in, time and again; by default one that is made up and used once.",
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
    weights: SeparatorWeights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Open a page to look, listen and correct: a library in the browser, and nothing leaves the machine."""
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise SingeridError(
            f"the page needs the package {error.name}: pip install 'singerid[web]'"
        ) from error
    from singerid.library.library import Library
    from singerid.plugins import LOADED
    from singerid.system.devices import choose_device
    from singerid.web.serving import is_local, run
    from singerid.web.settings import Settings

    choose_device(device)
    roots = tuple(_root(one) for one in root or ())
    with Library.open(folder):
        pass
    if not is_local(host):
        if token is None:
            raise SingeridError(f"--host {host}: others can reach it; give --token, which lets them in")
        warn(
            f"--host {host}: whoever reaches this machine and has the token can hear your music and change "
            "your library, and what is sent is not encrypted"
        )
    if token is not None and len(token) < 16:
        raise SingeridError("--token: is easy to guess; give 16 characters or more")
    settings = Settings(folder.absolute(), roots, device, threads, weights, tuple(LOADED))
    run(settings, host, port, token, open_browser=not no_browser and sys.stdout.isatty())


def _root(folder: Path) -> Path:
    if not folder.is_dir():
        raise SingeridError(f"--root {printable(folder)}: is no folder; give one that holds recordings")
    return folder.absolute()
