"""Commands around a run: train, evaluate, identify."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args

import typer

from singerid.cli.shared import (
    Audio,
    Device,
    RunFolder,
    SeparatorWeights,
    StoreNow,
    Threads,
    belongs_on_card,
    print_json,
    print_rich,
    warn,
)
from singerid.config import (
    REPORTED_STATE,
    AudioCondition,
    AugmentMode,
    CompileChoice,
    Precision,
    SeparatorName,
    SplitKind,
    StateName,
    TrackerName,
    TrainingConfig,
)
from singerid.console import conclude, progress
from singerid.errors import Failure, SingeridError, printable

_TRAINING = TrainingConfig()


def train(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Store made by `singerid prepare`.")],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder for the run; made when missing.")],
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
    audio: Annotated[
        AudioCondition, typer.Option(help="What to learn from: all that sounds, or the vocals alone.")
    ] = "mixture",
    melody: Annotated[
        TrackerName | None,
        typer.Option(help="Whose melody a crnnm network reads; by default the best that the store has."),
    ] = None,
    drop_last_clip: Annotated[
        bool, typer.Option("--drop-last-clip", help="Leave out each track's last clip, as the authors do.")
    ] = _TRAINING.drop_last_clip,
    precision: Annotated[
        Precision,
        typer.Option(help="Of the arithmetic: exact, or on a GPU tf32 or bf16-mixed, which are faster."),
    ] = _TRAINING.precision,
    compiling: Annotated[
        CompileChoice,
        typer.Option("--compile", help="Compile the network first; auto: for long runs on a GPU."),
    ] = "auto",
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Train a network. Interrupted, the same command goes on where it stopped."""
    from singerid.card import write_card
    from singerid.devices import choose_device, use_threads
    from singerid.extract.store import Store
    from singerid.new_run import configure, make_split
    from singerid.runs import SplitConfig
    from singerid.training import best_epoch, read_history, train

    use_threads(threads)
    if split_file and (min_albums is not None or split_seed is not None):
        raise SingeridError("--split-file says all of the split; leave out --min-albums and --split-seed")
    opened = Store.open(store)
    by = SplitConfig(split, seed if split_seed is None else split_seed, min_albums)
    parts, how = make_split(opened, by, split_file)
    training = TrainingConfig(
        clip_seconds=clip_seconds,
        drop_last_clip=drop_last_clip,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        augment=augment,
        patience=patience,
        precision=precision,
    )
    config = configure(
        opened,
        parts,
        how,
        model,
        training,
        options=_options_of(option or [], width),
        audio=audio,
        melody=melody,
    )
    trained = train(
        opened,
        run,
        config,
        parts,
        choose_device(device),
        display="auto",
        compiling=compiling,
        on_warning=lambda message: warn(f"{printable(run)}: {message}"),
    )
    write_card(trained)
    history = read_history(trained)
    best = best_epoch(history)
    print(
        f"{printable(run)}: best validation F1 {best.valid_f1:.3f} in epoch {best.epoch} of {len(history)}. "
        f"Next: singerid evaluate {printable(run)}"
    )


def evaluate(
    run: RunFolder,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Also fit and score the classical baseline.")
    ] = False,
    all_states: Annotated[
        bool, typer.Option("--all-states", help="Score all four kept states, not the reported one alone.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER_RUN", help="Compare with another run of the same split.")
    ] = None,
    audio: Audio = None,
    store: StoreNow = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Where to draw the confusion matrices; RUN/confusion.svg or RUN/comparison.svg."),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON in place of tables.")] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Score a run on its test tracks: F1, accuracy, intervals, confusion matrix, singer by singer."""
    from singerid.card import record_evaluation, write_card
    from singerid.devices import choose_device, use_threads
    from singerid.evaluation import evaluate
    from singerid.figures import check_figure_name, draw_confusions, save_figure
    from singerid.report import evaluation_tables
    from singerid.runs import Run

    use_threads(threads)
    if against is not None:
        if baseline or all_states:
            raise SingeridError("--against compares two runs; leave out --baseline and --all-states")
        _compare((run, against), store, audio, figure or run / "comparison.svg", json_output, device)
        return
    picture = figure or run / "confusion.svg"
    check_figure_name(picture)
    states = get_args(StateName) if all_states else (REPORTED_STATE,)
    opened = Run.open(run).over(store)
    evaluation = evaluate(opened, choose_device(device), states, baseline, audio)
    on_card = belongs_on_card(run, store, evaluation.changed)
    if json_output:
        print_json(evaluation.to_json())
    else:
        print_rich(evaluation_tables(evaluation))
    reported = evaluation.states[REPORTED_STATE]
    save_figure(
        draw_confusions(reported.clip.confusion, reported.track.confusion, evaluation.singers), picture
    )
    if not json_output:
        print(f"confusion matrices: {printable(picture)}")
    if not on_card:
        return
    try:
        record_evaluation(opened, evaluation, audio or opened.config.audio)
        write_card(opened)
    except SingeridError as error:  # the scores are told already
        warn(f"the model card lacks these scores: {error}")


def _compare(
    runs: tuple[Path, Path],
    store: Path | None,
    audio: AudioCondition | None,
    picture: Path,
    json_output: bool,
    device: str,
) -> None:
    from singerid.comparison import compare_runs, draw_comparison
    from singerid.devices import choose_device
    from singerid.figures import check_figure_name, save_figure
    from singerid.runs import Run
    from singerid.tables import comparison_tables

    check_figure_name(picture)
    first, second = (Run.open(run).over(store) for run in runs)
    comparison = compare_runs(first, second, choose_device(device), audio)
    save_figure(draw_comparison(comparison), picture)
    if json_output:
        print_json(comparison.to_json())
    else:
        print_rich(comparison_tables(comparison))
        print(f"both runs side by side: {printable(picture)}")


def identify(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Folder of a run, or a name that `singerid models --pretrained` lists."
        ),
    ],
    paths: Annotated[list[Path], typer.Argument(metavar="FILE_OR_FOLDER...", help="What to listen to.")],
    json_output: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines, an object a file, with the timeline.")
    ] = False,
    csv_output: Annotated[bool, typer.Option("--csv", help="Print CSV, a row a file.")] = False,
    audio: Audio = None,
    separator: Annotated[
        SeparatorName | None,
        typer.Option(help="What takes the vocals out; by default what the run learned on."),
    ] = None,
    weights: SeparatorWeights = None,
    pretrained_weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of a pretrained network; by default they are downloaded."),
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Name the singer of recordings in any format: who, how sure, and when."""
    from singerid.devices import choose_device, use_threads
    from singerid.identification_report import (
        identification_table,
        timeline_table,
        write_csv,
        write_json_line,
    )
    from singerid.identify import Identifier, Result, find_files, identify_files

    use_threads(threads)
    if json_output and csv_output:
        raise SingeridError("--json and --csv: choose one")
    identifier = Identifier.load(
        run,
        choose_device(device),
        audio=audio,
        separator=separator,
        weights=weights,
        pretrained_weights=pretrained_weights,
    )
    if identifier.notice:
        warn(identifier.notice)
    failures: list[Failure] = []
    files = find_files(paths, failures.append)
    outcomes: list[Result | Failure] = []

    def listen() -> Iterator[Result | Failure]:
        for outcome in progress(identify_files(identifier, files), "Listening", len(files)):
            outcomes.append(outcome)
            yield outcome

    if json_output:
        for outcome in listen():
            write_json_line(outcome, sys.stdout)
    elif csv_output:
        write_csv(listen(), sys.stdout)
    else:
        results = [outcome for outcome in listen() if isinstance(outcome, Result)]
        if results:
            print_rich(identification_table(results))
        if len(files) == 1 and results:
            print_rich(timeline_table(results[0]))
    failures += [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    results = [outcome for outcome in outcomes if isinstance(outcome, Result)]
    warnings = [Failure(result.path, result.warning) for result in results if result.warning]
    raise typer.Exit(conclude(len(results), failures, warnings))


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
