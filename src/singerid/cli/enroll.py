"""singerid enroll."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, NewLibrary, SeparatorWeights, Threads, one_of
from singerid.cli.printing import warn
from singerid.cli.ray_options import GpusPerWorker, Parquet, Ray, RayWorkers, elsewhere_of
from singerid.config import AudioCondition
from singerid.data.names import clean_name
from singerid.errors import Failure, SingeridError
from singerid.sound.separation.separators import SEPARATORS
from singerid.system.console import conclude, stepping
from singerid.system.streams import say
from singerid.text import counted, printable, shell_word


def enroll(
    library: NewLibrary,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE_OR_FOLDER...",
            help="With --as: recordings of that singer. Without: one folder, laid out SINGER/[ALBUM/]TRACK.",
        ),
    ] = None,
    singer: Annotated[
        list[str] | None, typer.Option("--as", metavar="NAME", help="The singer of all these recordings.")
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            help="CSV file with the columns path,singer,album instead of the folder's layout; its paths are "
            "relative to the folder."
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="STORE",
            help="Enroll the vectors in this store, made by `singerid prepare --encoder`, instead of files.",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="For a new library: the encoder that makes its vectors; by default campplus."
        ),
    ] = None,
    audio: Annotated[
        AudioCondition | None,
        typer.Option(help="For a new library: the part of the sound it listens to; by default the mixture."),
    ] = None,
    separator: Annotated[
        str | None,
        one_of(
            SEPARATORS,
            "For a new library of vocals: the separator that extracts them; by default spleeter.",
        ),
    ] = None,
    weights: SeparatorWeights = None,
    ray: Ray = None,
    parquet: Parquet = None,
    workers: RayWorkers = None,
    gpus_per_worker: GpusPerWorker = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Add singers to a library, from recordings of their voices. Nothing is trained.

    If it is run again, it listens only to new or changed recordings.
    """
    from singerid.library.entrants import entrants_of_files, entrants_of_tree
    from singerid.library.library import Library
    from singerid.store.reader import Store
    from singerid.system.allocator import one_heap
    from singerid.system.devices import choose_device, use_threads

    one_heap()
    use_threads(threads)
    failures: list[Failure] = []
    given = paths or []
    name = singer[0] if singer else None
    if singer is not None and len(singer) > 1:
        raise SingeridError("--as may be given once; run singerid enroll once for each singer")
    if (store is not None) and (given or name or manifest):
        raise SingeridError("--store already says who sings; leave out files, --as and --manifest")
    if name is not None and not clean_name(name):
        raise SingeridError("--as: the name is empty; give a visible name")
    if name is not None and manifest is not None:
        raise SingeridError("--as and --manifest: give one of them")
    if store is None and not given:
        raise SingeridError("nothing to enroll: give files with --as NAME, or a folder SINGER/[ALBUM/]TRACK")
    if store is None and name is None and len(given) != 1:
        raise SingeridError("who sings in these? Add --as NAME, or give one folder SINGER/[ALBUM/]TRACK")
    elsewhere = elsewhere_of(ray, parquet, workers, gpus_per_worker, threads, device, weights)
    if elsewhere is not None and store is not None:
        raise SingeridError("--store has its vectors already; leave out --ray")
    where = choose_device(device if elsewhere is None else "cpu")
    entrants = []
    if store is not None:
        if separator is not None:
            raise SingeridError("--store has its vocals already; leave out --separator")
    elif name is not None:
        entrants = entrants_of_files(given, name, failures.append)
    else:
        entrants = entrants_of_tree(given[0], manifest, failures.append)
    if store is None and not entrants:
        raise typer.Exit(conclude(0, failures))
    with Library.open(library, create=True, device=where, weights=weights) as opened:
        if store is not None:
            report = opened.enroll_store(Store.open(store), encoder, audio)
        else:
            with stepping("Listening", len(entrants)) as step:
                report = opened.enroll_all(
                    entrants,
                    encoder=encoder,
                    audio=audio,
                    separator=separator,
                    step=step,
                    elsewhere=elsewhere,
                )
        for notice in report.notices:
            warn(notice)
        recordings = sum(1 for one in opened.core.contents.recordings if one.role == "enrolled")
        refused = [*failures, *report.refused]
        left_out = f", {len(refused):,} left out" if refused else ""
        next_step = f". Next: singerid identify {shell_word(library)} SONG" if recordings else ""
        say(
            f"{printable(library)}: {counted(len(opened.singers), 'singer')}, "
            f"{counted(recordings, 'recording')} ({report.added} new, {report.changed} changed, "
            f"{report.unchanged} unchanged{left_out}){next_step}"
        )
        raise typer.Exit(conclude(report.usable, refused, report.warnings))
