"""singerid evaluate."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from singerid.cli.options import Audio, Device, RunFolder, StoreNow, Threads
from singerid.cli.printing import print_kept
from singerid.config import REPORTED_STATE, AudioCondition, StateName
from singerid.errors import SingeridError
from singerid.text import printable


def evaluate(
    run: RunFolder,
    baseline: Annotated[
        bool,
        typer.Option("--baseline", help="Also fit and score the baseline: logistic regression on MFCCs."),
    ] = False,
    all_states: Annotated[
        bool, typer.Option("--all-states", help="Score all four saved states, not only the reported one.")
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(metavar="OTHER_RUN", help="Compare with another run, trained on the same split."),
    ] = None,
    audio: Audio = None,
    store: StoreNow = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            help="File for the picture of the confusion matrices; by default RUN/confusion.svg, or "
            "RUN/comparison.svg with --against."
        ),
    ] = None,
    json_output: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON instead of tables. With more than 1,000 singers, a list `confusion_cells` of "
            "[true, named, count] replaces the matrix `confusion`.",
        ),
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Score a run on its test tracks: F1 and accuracy with intervals, confusion matrix, each singer's F1."""
    from singerid.evaluation.confusion import drawn_matrix, drawn_names, drawn_singers, drawn_text
    from singerid.evaluation.evaluate import evaluate
    from singerid.evaluation.report import evaluation_tables
    from singerid.figures import check_figure_name, draw_confusions, save_figure
    from singerid.runs.run import Run
    from singerid.system.devices import choose_device, use_threads

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
    reported = evaluation.states[REPORTED_STATE]
    chosen = drawn_singers([reported.clip.confusion])
    clips, tracks = (drawn_matrix(level.confusion, chosen) for level in (reported.clip, reported.track))
    save_figure(draw_confusions(clips, tracks, drawn_names(evaluation.singers, chosen)), picture)
    found = evaluation.to_json() if json_output else evaluation_tables(evaluation)
    print_kept(
        found,
        json_output,
        f"confusion matrices{drawn_text(evaluation.singers, chosen)}: {printable(picture)}",
    )


def _compare(
    runs: tuple[Path, Path],
    store: Path | None,
    audio: AudioCondition | None,
    picture: Path,
    json_output: bool,
    device: str,
) -> None:
    from singerid.evaluation.comparison import compare_runs, draw_comparison
    from singerid.evaluation.confusion import drawn_singers, drawn_text
    from singerid.evaluation.report import comparison_tables
    from singerid.figures import check_figure_name, save_figure
    from singerid.runs.run import Run
    from singerid.system.devices import choose_device

    check_figure_name(picture)
    first, second = (Run.open(run).over(store) for run in runs)
    comparison = compare_runs(first, second, choose_device(device), audio)
    chosen = drawn_singers([scores.clip.confusion for scores in comparison.scores])
    save_figure(draw_comparison(comparison), picture)
    found = comparison.to_json() if json_output else comparison_tables(comparison)
    print_kept(
        found,
        json_output,
        f"both runs side by side{drawn_text(comparison.singers, chosen)}: {printable(picture)}",
    )
