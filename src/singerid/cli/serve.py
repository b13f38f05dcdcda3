"""singerid serve."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, LibraryFolder, SeparatorWeights, Threads
from singerid.cli.printing import warn
from singerid.errors import SingeridError


def serve(
    folder: LibraryFolder,
    root: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of recordings that the page may play and identify. May be given several times.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free port.")] = 0,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on; by default only this machine can open the page.",
        ),
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SINGERID_TOKEN",
            help="Secret that lets browsers open the page, any number of times; by default a new secret that "
            "works once.",
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    upload_limit: Annotated[
        int, typer.Option(metavar="MB", min=1, help="Largest size of a file that may be dropped on the page.")
    ] = 2000,
    weights: SeparatorWeights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Open a library in the browser, to see, listen to and correct answers. Nothing leaves this machine."""
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
    from singerid.web.settings import Limits, Settings

    choose_device(device)
    roots = tuple(_root(one) for one in root or ())
    with Library.open(folder):
        pass
    if not is_local(host):
        if token is None:
            raise SingeridError(
                f"--host {host}: other machines can reach the page; give a secret with --token"
            )
        warn(
            f"--host {host}: anybody who can reach this machine and has the token can listen to your music "
            "and change your library, and the connection is not encrypted"
        )
    if token is not None and len(token) < 16:
        raise SingeridError("--token is easy to guess; give at least 16 characters")
    limits = Limits(upload_bytes=upload_limit * 1_000_000)
    settings = Settings(folder.absolute(), roots, device, threads, weights, tuple(LOADED), limits)
    run(settings, host, port, token, open_browser=not no_browser and sys.stdout.isatty())


def _root(folder: Path) -> Path:
    if not folder.is_dir():
        raise SingeridError(f"--root {folder}: is not a folder; give a folder of recordings")
    return folder.absolute()
