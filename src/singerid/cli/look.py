"""Commands that look into a network: embed, attention."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from singerid.cli.shared import Audio, Device, Json, RunFolder, StoreNow, Threads, print_json, print_rich
from singerid.errors import SingeridError, printable


def embed(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, trained on the same split.")
    ],
    part: Annotated[
        Literal["test", "valid", "train", "all"], typer.Option(help="Which part of the split.")
    ] = "test",
    audio: Audio = None,
    store: StoreNow = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write to: RUN/embeddings; ./embeddings where there are several runs."),
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="Where to draw them; embeddings.svg in --out.")] = None,
    json_output: Json = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Write embeddings of clips and tracks (npz, CSV) and draw them: t-SNE, runs side by side."""
    from singerid import embedding
    from singerid.devices import choose_device, use_threads
    from singerid.figures import check_figure_name, save_figure
    from singerid.runs import Run
    from singerid.tables import embedding_table

    use_threads(threads)
    folder, folders = embedding.folders_for(runs, out)
    picture = figure or folder / "embeddings.svg"
    check_figure_name(picture)
    opened = [Run.open(run).over(store) for run in runs]
    embedded = embedding.embed_all(opened, choose_device(device), part, audio)
    for each, own in zip(embedded, folders, strict=True):
        embedding.write_embeddings(each, own)
    projections = [embedding.project(each) for each in embedded]
    save_figure(embedding.draw_embeddings(embedded, projections), picture)
    if json_output:
        pairs = zip(embedded, projections, strict=True)
        print_json([each.to_json() | projection.to_json() for each, projection in pairs])
    else:
        print_rich(embedding_table(embedded, projections))
        print(f"embeddings: {printable(folder)}; picture: {printable(picture)}")


def attention(
    run: RunFolder,
    track: Annotated[
        str, typer.Argument(metavar="TRACK", help="Path of a track in the run's store, or of a recording.")
    ],
    clip: Annotated[int | None, typer.Option(min=0, help="Number of the clip, from 0.")] = None,
    at_seconds: Annotated[float | None, typer.Option(help="Look from this time of the song ...")] = None,
    at_hertz: Annotated[
        float | None, typer.Option("--at-hz", help="... and this frequency; else from where it is loudest.")
    ] = None,
    position: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="BAND FRAME", help="Or from this position of the clip's map, both from 0."),
    ] = None,
    store: StoreNow = None,
    figure: Annotated[Path | None, typer.Option(help="Where to draw it; RUN/attention.svg.")] = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print JSON with all weights in place of a table.")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """See where each response of FGNL attends from one position, and how much each counts over a song."""
    from singerid.attention import Where, draw_look, look
    from singerid.devices import choose_device, use_threads
    from singerid.figures import check_figure_name, save_figure
    from singerid.runs import Run
    from singerid.tables import attention_table

    use_threads(threads)
    if position is not None and (at_seconds is not None or at_hertz is not None):
        raise SingeridError("--position says all of the position; leave out --at-seconds and --at-hz")
    picture = figure or run / "attention.svg"
    check_figure_name(picture)
    band, frame = position or (None, None)
    where = Where(clip, band, frame, at_seconds, at_hertz)
    found = look(Run.open(run).over(store), track, where, choose_device(device))
    save_figure(draw_look(found), picture)
    if json_output:
        print_json(found.to_json())
    else:
        print_rich(attention_table(found))
        print(f"picture: {printable(picture)}")
