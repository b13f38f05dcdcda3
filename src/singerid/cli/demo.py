"""singerid demo."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, Threads
from singerid.system.streams import say
from singerid.text import printable


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything that the demo makes.")] = Path("demo"),
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """See it work: make a corpus of songs, train two networks, name singers, write a report."""
    from singerid.demo import DemoConfig, run_demo
    from singerid.system.devices import choose_device, use_threads

    use_threads(threads)
    report = run_demo(out, DemoConfig(), choose_device(device), threads, show_progress=True)
    say(f"{printable(report)}: open it in a browser")
