"""Cross-validate a network, and the classical baseline beside it, on any store of features.

    singerid prepare RECORDINGS STORE
    python benchmarks/cross_validation.py STORE RUNS --by track
    python benchmarks/cross_validation.py STORE RUNS --by album

By track: five stratified folds. By album: leave one album out, for the singers with at least three. The
test clips of all folds are pooled before they are scored. In every fold the epoch is chosen on that fold's
validation tracks. Interrupted, the same command goes on.
"""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from small_networks import train_small

from singerid.data.splits import Split, leave_one_album_out, stratified_folds, with_min_albums
from singerid.evaluation.baseline import baseline_probabilities
from singerid.evaluation.outcome import LevelScores, score_levels
from singerid.evaluation.report import score_text
from singerid.runs.config import SplitConfig
from singerid.runs.part import part_of
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.processes import WorkerDied, each_in_processes
from singerid.system.processors import usable_processors

FOLDS = 5


@dataclass(frozen=True)
class Fold:
    number: int
    split: Split


def folds_of(store: Store, by: str) -> list[Fold]:
    if by == "track":
        splits = stratified_folds(store.tracks, FOLDS, seed=0)
    else:
        splits = leave_one_album_out(with_min_albums(store.tracks, 3))
    return [Fold(number, split) for number, split in enumerate(splits)]


def train_fold(fold: Fold, arguments: argparse.Namespace) -> None:
    train_small(
        Store.open(arguments.store),
        folder_of(fold, arguments),
        fold.split,
        SplitConfig(f"cross-validation by {arguments.by}"),
        arguments.model,
        arguments.epochs,
        arguments.augment,
        seed=0,
    )


def folder_of(fold: Fold, arguments: argparse.Namespace) -> Path:
    name = f"{arguments.by}-{arguments.model}-{arguments.augment}"
    return Path(arguments.runs) / name / f"fold-{fold.number}"


def pooled(store: Store, folds: list[Fold], arguments: argparse.Namespace) -> dict[str, LevelScores]:
    """Scores of the network and of the baseline over the test clips of all folds together."""
    labels: list[NDArray[np.int64]] = []
    tracks: list[NDArray[np.int64]] = []
    probabilities: dict[str, list[NDArray]] = {arguments.model: [], "baseline": []}
    singers: tuple[str, ...] = ()
    for fold in folds:
        run = Run.open(folder_of(fold, arguments))
        test = part_of(store, fold.split.test, run.config)
        learned = part_of(store, fold.split.train, run.config)
        probabilities[arguments.model].append(run.predict(test))
        probabilities["baseline"].append(baseline_probabilities(learned, test))
        labels.append(test.clips.labels)
        tracks.append(test.clips.track + sum(len(f.split.test) for f in folds[: fold.number]))
        singers = test.singers
    return {
        name: score_levels(np.concatenate(parts), np.concatenate(labels), np.concatenate(tracks), singers)
        for name, parts in probabilities.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("runs")
    parser.add_argument("--by", choices=("track", "album"), default="track")
    parser.add_argument("--model", default="crnn_fgnl")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--augment", default="all")
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    folds = folds_of(store, arguments.by)
    for fold, outcome in each_in_processes(
        partial(train_fold, arguments=arguments), folds, usable_processors()
    ):
        if isinstance(outcome, WorkerDied):
            raise SystemExit(f"fold {fold.number} ended without a word; is there too little memory?")
    scores = pooled(store, folds, arguments)
    for name, levels in scores.items():
        for level in ("clip", "track"):
            values = getattr(levels, level)
            print(f"{name} {level}: F1 {score_text(values, 'f1_weighted')}, n = {values.count}")
            for row in values.confusion:
                print("    " + " ".join(f"{count:4d}" for count in row))


if __name__ == "__main__":
    main()
