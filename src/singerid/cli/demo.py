"""singerid demo."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, Threads
from singerid.errors import Failure, SingeridError
from singerid.system.console import conclude
from singerid.system.streams import say
from singerid.text import printable


def demo(
    music: Annotated[
        Path | None,
        typer.Argument(
            metavar="MUSIC",
            help="Folder of your own music, laid out SINGER/ALBUM/TRACK: one album of each singer is hidden, "
            "and its songs are identified. By default the demo makes synthetic songs.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for everything that the demo makes.")] = Path("demo"),
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Also train a network without attention, and compare with a classical system."
        ),
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Try singerid on synthetic songs or on your own: enroll singers, identify songs, train a network."""
    from singerid.demo import DemoConfig, run_demo, run_on_music
    from singerid.system.devices import choose_device, use_threads

    if music is not None and full:
        raise SingeridError("--full works on the demo's own songs only; leave out MUSIC, or --full")
    use_threads(threads)
    where = choose_device(device)
    failures: list[Failure] = []
    if music is None:
        page = run_demo(out, DemoConfig(), where, threads, full=full, show_progress=True, on_result=_print)
    else:
        page, unheard = run_on_music(
            music, out, where, show_progress=True, on_result=_print, on_failure=failures.append
        )
        failures += unheard
    say(f"{printable(page)}: open it in a browser")
    raise typer.Exit(conclude(1, failures))


def _print(line: str) -> None:
    print(printable(line), flush=True)
