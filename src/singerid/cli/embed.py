"""singerid embed."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from singerid.cli.options import Audio, Device, Json, StoreNow, Threads
from singerid.cli.printing import print_kept
from singerid.text import printable


def embed(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, trained on the same split.")
    ],
    part: Annotated[
        Literal["test", "valid", "train", "all"], typer.Option(help="Part of the split to use.")
    ] = "test",
    audio: Audio = None,
    store: StoreNow = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write to; by default RUN/embeddings, or ./embeddings for several runs."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="File for the picture; by default embeddings.svg in the folder --out.")
    ] = None,
    json_output: Json = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Write embeddings of clips and tracks (npz, CSV) and draw them with t-SNE, runs side by side."""
    from singerid.analysis import embedding
    from singerid.analysis.report import embedding_table
    from singerid.figures import check_figure_name, save_figure
    from singerid.runs.run import Run
    from singerid.system.devices import choose_device, use_threads

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
    found: object = embedding_table(embedded, projections)
    if json_output:
        pairs = zip(embedded, projections, strict=True)
        found = [each.to_json() | projection.to_json() for each, projection in pairs]
    print_kept(found, json_output, f"embeddings: {printable(folder)}; picture: {printable(picture)}")
