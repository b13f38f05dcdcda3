"""singerid identify."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Audio, Device, SeparatorWeights, Threads, one_of
from singerid.cli.printing import warn
from singerid.cli.ray_options import GpusPerWorker, Parquet, Ray, RayWorkers, elsewhere_of
from singerid.data.names import folded_name
from singerid.errors import Failure, SingeridError
from singerid.identify.formats import FORMATS
from singerid.sound.separation.separators import SEPARATORS
from singerid.system.console import conclude, progress, stepping
from singerid.system.streams import require_output, say
from singerid.text import near_names


def identify(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="WHO",
            help="Folder of a library or of a run, hf:ORG/NAME for a run on a model hub, or the name of a "
            "pretrained network (listed by `singerid models --pretrained`).",
        ),
    ],
    paths: Annotated[list[Path], typer.Argument(metavar="FILE_OR_FOLDER...", help="Recordings to identify.")],
    format: Annotated[
        str,
        one_of(FORMATS, "Format of the answers."),
    ] = "table",
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_FOLDER",
            help="Write the answers to this file; or to this folder, if the format has one file per song or "
            "(playlists) one file per singer.",
        ),
    ] = None,
    timeline: Annotated[
        bool | None,
        typer.Option(
            "--timeline/--no-timeline",
            help="Tell who sings when; by default for a single file, and for formats that consist of it.",
        ),
    ] = None,
    singer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only report songs in which this singer is named. May be given several times: then songs "
            "with any of these singers.",
        ),
    ] = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Short for --format json: JSON Lines, one object per file.")
    ] = False,
    csv_output: Annotated[
        bool, typer.Option("--csv", help="Short for --format csv: one row per file.")
    ] = False,
    audio: Audio = None,
    separator: Annotated[
        str | None,
        one_of(
            SEPARATORS,
            "The separator that extracts the vocals for a run; by default the one it was trained with.",
        ),
    ] = None,
    weights: SeparatorWeights = None,
    pretrained_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File with the weights of the pretrained network; by default downloaded."
        ),
    ] = None,
    all_clips: Annotated[
        bool,
        typer.Option(
            "--all-clips", help="Let clips without singing vote too, as in the paper and in `evaluate`."
        ),
    ] = False,
    prior: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="For a library: the share of songs that you expect to be by its singers; by default .5.",
        ),
    ] = None,
    ray: Ray = None,
    parquet: Parquet = None,
    workers: RayWorkers = None,
    gpus_per_worker: GpusPerWorker = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Name the singers of recordings in any format: who sings, how certain that is, and when.

    A library answers "unknown" if the singer is not enrolled, and "no voice" if nobody sings. A network (of a
    run, or a pretrained one) always names one of the singers that it was trained on, even if somebody else
    sings.
    """
    from singerid.identifier import identify_files
    from singerid.identifier_on_ray import Question, answers_elsewhere
    from singerid.identify.output import Output
    from singerid.identify.result import Result
    from singerid.sound.listing import find_files, passed_over_text
    from singerid.system.allocator import one_heap
    from singerid.system.devices import use_threads

    one_heap()
    use_threads(threads)
    if json_output + csv_output + (format != "table") > 1:
        raise SingeridError(
            "--json and --csv: choose one"
            if format == "table"
            else "--format sets the format already; leave out --json and --csv"
        )
    form = "json" if json_output else "csv" if csv_output else format
    if timeline is False and FORMATS[form].needs_timeline:
        raise SingeridError(f"--format {form} consists of the timeline; leave out --no-timeline")
    if prior is not None and not 0 < prior < 1:
        raise SingeridError("--prior: give a share above 0 and below 1")
    place = Output.choose(form, output, many=len(paths) > 1 or paths[0].is_dir())
    if output is None:
        require_output()
    elsewhere = elsewhere_of(ray, parquet, workers, gpus_per_worker, threads, device, weights)
    question = Question(run, audio, separator, pretrained_weights, all_clips, prior)
    identifier = question.load(device if elsewhere is None else "cpu", weights)
    if identifier.notice:
        warn(identifier.notice)
    singers = singer or []
    _require_known(singers, identifier.scorer.singers)
    failures: list[Failure] = []
    files, passed_over = find_files(paths, failures.append)
    if passed_over:
        warn(passed_over_text(passed_over))
    shown = FORMATS[form].needs_timeline or len(files) == 1 if timeline is None else timeline
    # A network's timeline takes no extra time: it is made from the votes of the clips.
    wanted = shown or (timeline is None and identifier.library is None)
    named = 0
    warnings: list[Failure] = []

    def answers() -> Iterator[Result | Failure]:
        if elsewhere is None:
            yield from progress(identify_files(identifier, files, timeline=wanted), "Listening", len(files))
            return
        with stepping("Listening", len(files)) as step:
            made = answers_elsewhere(identifier, question, files, elsewhere, timeline=wanted, step=step)
        yield from made

    def listen() -> Iterator[Result | Failure]:
        nonlocal named
        for outcome in answers():
            if isinstance(outcome, Failure):
                failures.append(outcome)
            else:
                named += 1
                if outcome.warning:
                    warnings.append(Failure(outcome.path, outcome.warning))
            yield outcome

    written = place.write(listen(), files, singers=singers, timelines=shown)
    if written.text:
        say(written.text)
    usable = written.count if written.failures else named
    raise typer.Exit(conclude(usable, (*failures, *written.failures), warnings))


def _require_known(names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if folded_name(name) not in map(folded_name, known):
            raise SingeridError(f"--singer: nobody is called '{name}'; {near_names(name, known)}")
