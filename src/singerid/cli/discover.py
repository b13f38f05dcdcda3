"""singerid discover."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, Json, NewLibrary, SeparatorWeights, Threads
from singerid.cli.printing import print_json, warn
from singerid.cli.ray_options import GpusPerWorker, Parquet, Ray, RayWorkers, elsewhere_of
from singerid.errors import Failure
from singerid.sound.listing import find_files, passed_over_text
from singerid.system.console import conclude, print_rich, stepping
from singerid.system.streams import say
from singerid.text import counted, printable, shell_word


def discover(
    library: NewLibrary,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE_OR_FOLDER...]",
            help="Recordings to group; by default those that the library has listened to before.",
        ),
    ] = None,
    json_output: Json = False,
    weights: SeparatorWeights = None,
    ray: Ray = None,
    parquet: Parquet = None,
    workers: RayWorkers = None,
    gpus_per_worker: GpusPerWorker = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Group recordings by unknown singers by voice: "voice 1", "voice 2", ..., largest group first.

    `singerid library say LIBRARY "voice 1" --is NAME` gives a voice a name. If it is run again, it listens
    only to new recordings.
    """
    from singerid.library.library import Library
    from singerid.system.allocator import one_heap
    from singerid.system.devices import choose_device, use_threads
    from singerid.system.tables import Table

    one_heap()
    use_threads(threads)
    elsewhere = elsewhere_of(ray, parquet, workers, gpus_per_worker, threads, device, weights)
    where = choose_device(device if elsewhere is None else "cpu")
    failures: list[Failure] = []
    files, passed_over = find_files(paths or [], failures.append)
    if passed_over:
        warn(passed_over_text(passed_over))
    with Library.open(library, create=True, device=where, weights=weights) as opened:
        with stepping("Listening", len(files)) as step:
            found, report = opened.discover(files, step, elsewhere)
        for notice in report.notices:
            warn(notice)
        every = [one for voice in found.voices for one in voice.recordings]
        places = opened.paths([*every, *found.single, *found.known])
    rows = [
        {"voice": voice.name, "recordings": sorted(places.get(one, one) for one in voice.recordings)}
        for voice in found.voices
    ]
    single = sorted(places.get(one, one) for one in found.single)
    if json_output:
        known = sorted(places.get(one, one) for one in found.known)
        voiceless = [str(path) for path in report.voiceless]
        print_json({"voices": rows, "single": single, "known": known, "no_voice": voiceless})
    else:
        table = Table("voice", "recordings", "which", right=(1,))
        for row, voice in zip(rows, found.voices, strict=True):
            table.add_row(
                voice.name, str(len(voice.recordings)), "\n".join(map(printable, row["recordings"]))
            )
        if single:
            table.add_row("like no other", str(len(single)), "\n".join(map(printable, single)))
        print_rich(table)
        if report.voiceless:
            say(f"{counted(len(report.voiceless), 'recording')} without a voice")
        if found.known:
            say(
                f"{counted(len(found.known), 'recording')} by singers of the library: "
                "`singerid identify` names them"
            )
        if found.voices:
            first = found.voices[0].name
            say(f'Next: singerid library say {shell_word(library)} "{first}" --is NAME')
    usable = report.usable + len(report.voiceless) + (not files)
    raise typer.Exit(conclude(usable, [*failures, *report.failures], report.warnings))
