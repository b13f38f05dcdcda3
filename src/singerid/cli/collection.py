"""singerid library collect, and library similar --collection: collections of millions of recordings."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Json
from singerid.cli.printing import print_json, show_steps
from singerid.cli.ray_options import Ray
from singerid.system.console import conclude
from singerid.system.streams import say as tell_person
from singerid.text import counted, printable


def collect(
    parquet: Annotated[
        str,
        typer.Argument(
            metavar="PARQUET",
            help="Folder of Parquet files, written by a command with --ray and --parquet; or its s3:// or "
            "gs:// address.",
        ),
    ],
    where: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER", help="Folder or address of the collection; made if missing, else extended."
        ),
    ],
    ray: Ray = None,
    json_output: Json = False,
) -> None:
    """Make a searchable collection from Parquet files, to find recordings with similar voices in it.

    If it is run again, it adds only new recordings; after an interruption it goes on.
    """
    from singerid.library.collecting import collect as fill
    from singerid.library.collection_index import told

    show_steps("singerid.library")
    if ray is None:
        report = fill(parquet, where)
    else:
        from singerid.library.collection_on_ray import spreading

        with spreading(ray) as spread:
            report = fill(parquet, where, spread)
    if json_output:
        shown = asdict(report)
        shown["failures"] = [{"path": one.path, "reason": one.reason} for one in report.failures]
        print_json(shown)
    else:
        tell_person(
            f"{printable(where)}: {counted(report.count, 'recording')}; {report.added:,} added, "
            f"{report.known:,} known already, {report.unused:,} without a voice or unusable"
        )
        tell_person(f"Search: {told(report.index)}")
    raise typer.Exit(conclude(report.count, report.failures))


def similar_in(
    collection: str, file: Path, most: int, device: str, threads: int | None, weights: Path | None
) -> list[tuple[str, str, float]]:
    """(path, singer, score) of the recordings of a collection that sound most like a file, best first."""
    from singerid.library.collection import Collection
    from singerid.system.devices import choose_device, use_threads

    use_threads(threads)
    opened = Collection.open(collection, choose_device(device), weights)
    return [(one.path, one.singer, one.score) for one in opened.similar(file, most)]
