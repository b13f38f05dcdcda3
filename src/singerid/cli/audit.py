"""singerid audit."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, Json, RunFolder, StoreNow, Threads
from singerid.cli.printing import print_kept
from singerid.system.console import conclude
from singerid.text import printable


def audit(
    run: RunFolder,
    retrain: Annotated[
        bool,
        typer.Option(
            "--retrain", help="Also train the network again on the other kind of split (album or track)."
        ),
    ] = False,
    store: StoreNow = None,
    figure: Annotated[
        Path | None, typer.Option(help="File for the picture; by default RUN/audit.svg.")
    ] = None,
    json_output: Json = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Does a run know the singer or the album? Score it on vocals, accompaniment, remixes, other splits."""
    from singerid.analysis.audit.audit import audit
    from singerid.analysis.audit.report import audit_json, audit_tables, draw_audit
    from singerid.figures import check_figure_name, save_figure
    from singerid.runs.run import Run
    from singerid.system.devices import choose_device, use_threads

    use_threads(threads)
    picture = figure or run / "audit.svg"
    check_figure_name(picture)
    opened = Run.open(run).over(store)
    found = audit(opened, choose_device(device), retrain, display="auto")
    save_figure(draw_audit(found), picture)
    shown = audit_json(found) if json_output else audit_tables(found)
    print_kept(shown, json_output, f"picture: {printable(picture)}")
    raise typer.Exit(conclude(len(found.conditions), found.missing))
