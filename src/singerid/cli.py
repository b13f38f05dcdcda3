"""The commands. Each is a few lines: it reads options, calls one function and prints.

Heavy imports (torch, librosa, ...) stay inside the commands, so that `singerid --help` answers at once.
"""

import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

import singerid
from singerid.config import (
    REPORTED_STATE,
    AudioCondition,
    AugmentMode,
    CorpusConfig,
    FeatureConfig,
    PadMode,
    Precision,
    SplitKind,
    StateName,
    TrainingConfig,
)
from singerid.console import conclude, progress
from singerid.errors import ExitCode, Failure, SingeridError, printable
from singerid.extract import MIN_SECONDS

_TRAINING = TrainingConfig()

app = typer.Typer(
    name="singerid",
    help="Know who is singing: train, evaluate and use singer-identification networks.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"singerid {singerid.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    plugin: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.py", help="Run a Python file first, which registers your own models."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["SINGERID_DEBUG"] = "1"
    if plugin:
        from singerid.models import load_plugin

        for path in plugin:
            load_plugin(path)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def models(
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
) -> None:
    """List the networks: parameters as the paper counts them (20 singers), and the tables they are in."""
    from singerid.models import describe_models

    rows = describe_models()
    if json_output:
        _print_json(rows)
        return
    from rich.table import Table

    table = Table("model", "parameters", "trainable", "tables", "what it is")
    for column in table.columns[1:3]:
        column.justify = "right"
    for row in rows:
        counts = (f"{row[key]:,}" for key in ("parameters", "trainable_parameters"))
        table.add_row(row["name"], *counts, " ".join(map(str, row["tables"])), row["description"])
    _print(table)


@app.command()
def doctor(
    store: Annotated[
        Path | None, typer.Argument(metavar="STORE", help="Check this store in place of the machine.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
) -> None:
    """Check this machine (versions, devices, sound formats, extras), or whether a store is whole."""
    from singerid import doctor as check

    if store is None:
        findings = check.check_machine()
        whole = all(finding.state != "broken" for finding in findings)
        value: object = [asdict(finding) for finding in findings]
        table = check.machine_table(findings)
    else:
        report = check.check_store(store, show_progress=True)
        whole, value, table = not report.problems, report.to_json(), check.store_table(report)
    _print_json(value) if json_output else _print(table)
    raise typer.Exit(ExitCode.DONE if whole else ExitCode.SOME_FAILED)


@app.command()
def synth(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the corpus; made when missing.")],
    singers: Annotated[int, typer.Option(help="Every fourth has a near twin.")] = CorpusConfig.singers,
    albums: Annotated[int, typer.Option(help="Of each singer.")] = CorpusConfig.albums,
    songs: Annotated[int, typer.Option(help="On each album.")] = CorpusConfig.songs,
    seconds: Annotated[float, typer.Option(help="Length of a song, about.")] = CorpusConfig.seconds,
    seed: Annotated[int, typer.Option(help="Another seed, another cast.")] = CorpusConfig.seed,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "--threads", min=1, help="Processes; by default one a CPU.", metavar="N"),
    ] = None,
) -> None:
    """Make a corpus of synthetic singers and bands, with stems and F0. Run again, it goes on."""
    from singerid.data.synthetic import write_corpus

    config = CorpusConfig(singers, albums, songs, seconds, seed)
    made = write_corpus(folder, config, workers, show_progress=True)
    print(f"{printable(folder)}: {singers * albums * songs} songs of {singers} singers ({made} new)")


@app.command()
def prepare(
    tree: Annotated[
        Path, typer.Argument(metavar="TREE", help="Folder of recordings, laid out SINGER/ALBUM/TRACK.")
    ],
    store: Annotated[
        Path, typer.Argument(metavar="STORE", help="Folder for the features; made when missing.")
    ],
    manifest: Annotated[
        Path | None, typer.Option(help="CSV file path,singer,album; its paths are relative to TREE.")
    ] = None,
    dataset: Annotated[
        Literal["artist20"] | None, typer.Option(help="A known data set: tell how TREE deviates from it.")
    ] = None,
    pad_mode: Annotated[
        PadMode, typer.Option(help="Beyond the ends of a recording: its mirror image, or zeros.")
    ] = FeatureConfig.pad_mode,
    min_seconds: Annotated[
        float, typer.Option(min=0.0, help="Leave out what is shorter than a clip of this length.")
    ] = MIN_SECONDS,
    check_contents: Annotated[
        bool, typer.Option("--check-contents", help="Read also what has the size and time it had.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "--threads", min=1, help="Processes; by default one a CPU.", metavar="N"),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where spectrograms are made; decoding takes most of the time.")
    ] = "cpu",
) -> None:
    """Extract features from recordings into a store. Run again, it does what is new or changed."""
    from singerid.devices import choose_device
    from singerid.extract.prepare import find_tracks, prepare
    from singerid.extract.store import Store

    found = find_tracks(tree, manifest, dataset)
    report = prepare(
        found.tracks,
        found.root,
        store,
        FeatureConfig(pad_mode=pad_mode),
        workers=workers,
        device=choose_device(device),
        min_seconds=min_seconds,
        check_contents=check_contents,
        unlisted=found.failures,
        show_progress=True,
    )
    made = Store.open(store)
    counts = f"{report.done} new, {report.unchanged} unchanged, {report.removed} removed"
    print(f"{printable(store)}: {made.summary} ({counts})")
    warnings = [*found.deviations, *report.warnings]
    raise typer.Exit(conclude(len(made.tracks), report.failures, warnings))


Device = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda or cuda:N.")]
Threads = Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads; by default all.")]


@app.command()
def train(
    store: Annotated[Path, typer.Argument(help="Store made by `singerid prepare`.")],
    run: Annotated[Path, typer.Argument(help="Folder for the run; made when missing.")],
    model: Annotated[
        str, typer.Option(help="Name of a network; `singerid models` lists them.")
    ] = "crnn_fgnl",
    clip_seconds: Annotated[float, typer.Option(min=0.1, help="Length of a clip.")] = _TRAINING.clip_seconds,
    split: Annotated[
        SplitKind, typer.Option(help="Keep albums whole (the paper's split), or mix tracks.")
    ] = "album",
    split_file: Annotated[
        Path | None,
        typer.Option(help='Your own split: JSON {"train": [...], "valid": [...], "test": [...]}.'),
    ] = None,
    min_albums: Annotated[
        int | None, typer.Option(min=1, help="Leave out singers with fewer albums.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and of all that training draws.")] = 0,
    split_seed: Annotated[
        int | None, typer.Option(min=0, help="Of the split alone; by default as --seed.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1)] = _TRAINING.epochs,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many epochs without a better validation F1.")
    ] = _TRAINING.patience,
    batch_size: Annotated[int, typer.Option(min=1)] = _TRAINING.batch_size,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = _TRAINING.learning_rate,
    width: Annotated[
        float | None, typer.Option(help="Scale the network's channels; 0.25 trains well on a laptop.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Any other option of the network.")
    ] = None,
    augment: Annotated[
        AugmentMode, typer.Option(help="Against the album effect; `all` is best for real music.")
    ] = _TRAINING.augment,
    audio: Annotated[AudioCondition, typer.Option(help="What to learn from.")] = "mixture",
    drop_last_clip: Annotated[
        bool, typer.Option("--drop-last-clip", help="Leave out each track's last clip, as the authors do.")
    ] = _TRAINING.drop_last_clip,
    precision: Annotated[Precision, typer.Option(help="Of the arithmetic.")] = _TRAINING.precision,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Train a network. Interrupted, the same command goes on where it stopped."""
    from singerid.devices import choose_device, use_threads
    from singerid.extract.store import Store
    from singerid.runs import RunConfig, SplitConfig, current_versions, make_split, singers_in
    from singerid.training import best_epoch, read_history, train

    use_threads(threads)
    if split_file and (min_albums is not None or split_seed is not None):
        raise SingeridError("--split-file says all of the split; leave out --min-albums and --split-seed")
    opened = Store.open(store)
    by = SplitConfig(split, seed if split_seed is None else split_seed, min_albums)
    parts, how = make_split(opened, by, split_file)
    config = RunConfig(
        model=model,
        options=_options_of(option or [], width),
        singers=singers_in(opened, parts),
        features=opened.config,
        audio=audio,
        split=how,
        store=str(store.resolve()),
        store_identity=opened.identity,
        versions=current_versions(),
        training=TrainingConfig(
            clip_seconds=clip_seconds,
            drop_last_clip=drop_last_clip,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            augment=augment,
            patience=patience,
            precision=precision,
        ),
    )
    trained = train(opened, run, config, parts, choose_device(device), display="auto")
    history = read_history(trained)
    best = best_epoch(history)
    print(
        f"{printable(run)}: {len(history)} epochs; best validation F1 {best.valid_f1:.3f} in epoch "
        f"{best.epoch}. Next: singerid evaluate {printable(run)}"
    )


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Also fit and score the classical baseline.")
    ] = False,
    all_states: Annotated[
        bool, typer.Option("--all-states", help="Score all four kept states, not the reported one alone.")
    ] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Where to draw the confusion matrices; RUN/confusion.svg.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON in place of tables.")] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Score a run on its test tracks: F1, accuracy, intervals, confusion matrix, singer by singer."""
    from singerid.devices import choose_device, use_threads
    from singerid.evaluation import evaluate
    from singerid.figures import check_figure_name, draw_confusions, save_figure
    from singerid.report import evaluation_tables
    from singerid.runs import Run

    use_threads(threads)
    picture = figure or run / "confusion.svg"
    check_figure_name(picture)
    states = get_args(StateName) if all_states else (REPORTED_STATE,)
    evaluation = evaluate(Run.open(run), choose_device(device), states, baseline)
    reported = evaluation.states[REPORTED_STATE]
    save_figure(
        draw_confusions(reported.clip.confusion, reported.track.confusion, evaluation.singers), picture
    )
    if json_output:
        _print_json(evaluation.to_json())
    else:
        _print(evaluation_tables(evaluation))
        print(f"confusion matrices: {printable(picture)}")


@app.command()
def identify(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    paths: Annotated[list[Path], typer.Argument(metavar="FILE_OR_FOLDER...", help="What to listen to.")],
    json_output: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines, an object a file, with the timeline.")
    ] = False,
    csv_output: Annotated[bool, typer.Option("--csv", help="Print CSV, a row a file.")] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Name the singer of recordings in any format: who, how sure, and when."""
    from singerid import report
    from singerid.devices import choose_device, use_threads
    from singerid.identify import Identifier, Result, find_files, identify_files

    use_threads(threads)
    if json_output and csv_output:
        raise SingeridError("--json and --csv: choose one")
    identifier = Identifier.load(run, choose_device(device))
    failures: list[Failure] = []
    files = find_files(paths, failures.append)
    outcomes: list[Result | Failure] = []

    def listen() -> Iterator[Result | Failure]:
        for outcome in progress(identify_files(identifier, files), "Listening", len(files)):
            outcomes.append(outcome)
            yield outcome

    if json_output:
        for outcome in listen():
            report.write_json_line(outcome, sys.stdout)
    elif csv_output:
        report.write_csv(listen(), sys.stdout)
    else:
        results = [outcome for outcome in listen() if isinstance(outcome, Result)]
        if results:
            _print(report.identification_table(results))
        if len(files) == 1 and results:
            _print(report.timeline_table(results[0]))
    failures += [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    results = [outcome for outcome in outcomes if isinstance(outcome, Result)]
    warnings = [Failure(result.path, result.warning) for result in results if result.warning]
    raise typer.Exit(conclude(len(results), failures, warnings))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything that the demo makes.")] = Path("demo"),
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """See it work: make a corpus of songs, train two networks, name singers, write a report."""
    from singerid.demo import DemoConfig, run_demo
    from singerid.devices import choose_device, use_threads

    use_threads(threads)
    report = run_demo(out, DemoConfig(), choose_device(device), threads, show_progress=True)
    print(f"{printable(report)}: open it in a browser")


def _options_of(texts: list[str], width: float | None) -> dict[str, object]:
    """NAME=VALUE pairs as options of a network: values are JSON where they can be, else text."""
    options: dict[str, object] = {} if width is None else {"width": width}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise SingeridError(f"--option {text!r}: write NAME=VALUE, for example softmax=queries")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    if width is not None and options["width"] != width:
        raise SingeridError("--width and --option width=...: give one of them")
    return options


def _print(renderable: object) -> None:
    """Print for a person on standard output; where that is no terminal, wide enough for any table."""
    from rich.console import Console

    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(renderable)


def _print_json(value: object) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # File names that are no UTF-8 hold lone surrogates, which cannot be printed but escaped, as JSON allows.
    print(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def main() -> None:
    """Run the command line: errors in one line on standard error, exit codes as `ExitCode` says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an output that is no UTF-8 gets escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except SingeridError as error:
        if os.environ.get("SINGERID_DEBUG"):
            raise
        _complain(str(error))
        code = ExitCode.UNUSABLE
    except Exception as error:
        # Typer's own errors of usage; their class moved between its versions, their method did not.
        explain = getattr(error, "format_message", None)
        if os.environ.get("SINGERID_DEBUG"):
            raise
        unexpected = f"unexpected {type(error).__name__}: {printable(str(error))}; --debug shows where"
        _complain(f"{explain()} See --help." if explain else unexpected)
        code = ExitCode.UNUSABLE
    if code == ExitCode.INTERRUPTED:
        _complain("interrupted; run the same command again to go on")
    sys.exit(code)


def _complain(message: str) -> None:
    print(f"singerid: {message}", file=sys.stderr)
