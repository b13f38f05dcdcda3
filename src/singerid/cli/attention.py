"""singerid attention."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, RunFolder, StoreNow, Threads
from singerid.cli.printing import print_kept
from singerid.errors import SingeridError
from singerid.text import printable


def attention(
    run: RunFolder,
    track: Annotated[
        str, typer.Argument(metavar="TRACK", help="Path of a track in the run's store, or of a recording.")
    ],
    clip: Annotated[
        int | None, typer.Option(min=0, help="Number of the clip in the song, counted from 0.")
    ] = None,
    at_seconds: Annotated[
        float | None, typer.Option(help="Time in the song, in seconds, of the position that attends.")
    ] = None,
    at_hertz: Annotated[
        float | None,
        typer.Option("--at-hz", help="Frequency of the position that attends; by default the loudest."),
    ] = None,
    position: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="BAND FRAME",
            help="The position that attends, as row and column of the clip's map, counted from 0.",
        ),
    ] = None,
    store: StoreNow = None,
    figure: Annotated[
        Path | None, typer.Option(help="File for the picture; by default RUN/attention.svg.")
    ] = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print JSON with all weights instead of a table.")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Show where each response of FGNL attends from one position, and its weight over the song."""
    from singerid.analysis.attention import Where, draw_look, look
    from singerid.analysis.report import attention_table
    from singerid.figures import check_figure_name, save_figure
    from singerid.runs.run import Run
    from singerid.system.devices import choose_device, use_threads

    use_threads(threads)
    if position is not None and (at_seconds is not None or at_hertz is not None):
        raise SingeridError("--position already gives the position; leave out --at-seconds and --at-hz")
    picture = figure or run / "attention.svg"
    check_figure_name(picture)
    band, frame = position or (None, None)
    where = Where(clip, band, frame, at_seconds, at_hertz)
    found = look(Run.open(run).over(store), track, where, choose_device(device))
    save_figure(draw_look(found), picture)
    shown = found.to_json() if json_output else attention_table(found)
    print_kept(shown, json_output, f"picture: {printable(picture)}")
