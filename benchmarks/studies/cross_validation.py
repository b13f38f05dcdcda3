"""Cross-validate a network, and the classical baseline beside it, on any store of features.

    singerid prepare RECORDINGS STORE
    python benchmarks/studies/cross_validation.py STORE RUNS --by track
    python benchmarks/studies/cross_validation.py STORE RUNS --by album
    python benchmarks/studies/cross_validation.py STORE RUNS --by album --model probe --encoder campplus

By track: five stratified folds. By album: leave one album out, for the singers with at least three albums.
The test clips of all folds are pooled before they are scored. In every fold the epoch is chosen on that
fold's validation tracks. After an interruption, the same command goes on.
"""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from small_networks import train_small

from singerid.config import TrainingConfig
from singerid.data.splits import Split, leave_one_album_out, stratified_folds, with_min_albums
from singerid.encoders.registry import open_encoder
from singerid.evaluation.baseline import baseline_probabilities
from singerid.evaluation.outcome import LevelScores, score_levels
from singerid.evaluation.report import score_text
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure
from singerid.runs.part import Part
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.processes import WorkerDied, each_in_processes
from singerid.system.processors import usable_processors
from singerid.training.loop import train

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
    store, how = Store.open(arguments.store), SplitConfig("file")
    if arguments.encoder is not None:
        config = configure(
            store,
            fold.split,
            how,
            arguments.model,
            TrainingConfig(),
            audio=arguments.audio,
            encoder=open_encoder(arguments.encoder),
        )
        train(store, folder_of(fold, arguments), config, fold.split)
        return
    train_small(
        store,
        folder_of(fold, arguments),
        fold.split,
        how,
        arguments.model,
        arguments.epochs,
        arguments.augment,
        seed=0,
    )


def folder_of(fold: Fold, arguments: argparse.Namespace) -> Path:
    how = arguments.augment if arguments.encoder is None else f"{arguments.encoder}-{arguments.audio}"
    name = f"{arguments.by}-{arguments.model}-{how}"
    return Path(arguments.runs) / name / f"fold-{fold.number}"


def pooled(store: Store, folds: list[Fold], arguments: argparse.Namespace) -> dict[str, LevelScores]:
    """Scores of the network and of the baseline over the test clips of all folds together."""
    found: dict[str, list[tuple[Part, NDArray]]] = {arguments.model: [], "baseline": []}
    for fold in folds:
        run = Run.open(folder_of(fold, arguments))
        test = run.part()
        found[arguments.model].append((test, run.predict(test)))
        # The baseline reads the spectrogram, whatever the network reads.
        learned, tested = (run.part(name, run.config.spec.sounds[0]) for name in ("train", "test"))
        found["baseline"].append((tested, baseline_probabilities(learned, tested)))
    return {name: scored(parts) for name, parts in found.items()}


def scored(parts: list[tuple[Part, NDArray]]) -> LevelScores:
    """Scores of all folds' test parts as one."""
    before = np.cumsum([0, *(len(part.tracks) for part, _ in parts)])
    return score_levels(
        np.concatenate([probabilities for _, probabilities in parts]),
        np.concatenate([part.clips.labels for part, _ in parts]),
        np.concatenate([part.clips.track + first for (part, _), first in zip(parts, before, strict=False)]),
        parts[0][0].singers,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("runs")
    parser.add_argument("--by", choices=("track", "album"), default="track")
    parser.add_argument("--model", default="crnn_fgnl")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--augment", default="all")
    parser.add_argument("--encoder", help="for the models probe and centroids")
    parser.add_argument("--audio", choices=("mixture", "vocals", "both"), default="mixture")
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    folds = folds_of(store, arguments.by)
    for fold, outcome in each_in_processes(
        partial(train_fold, arguments=arguments), folds, usable_processors()
    ):
        if isinstance(outcome, WorkerDied):
            raise SystemExit(f"fold {fold.number} ended without a message; is there too little memory?")
    scores = pooled(store, folds, arguments)
    for name, levels in scores.items():
        for level in ("clip", "track"):
            values = getattr(levels, level)
            print(f"{name} {level}: F1 {score_text(values, 'f1_weighted')}, n = {values.count}")
            for row in np.asarray(values.confusion):
                print("    " + " ".join(f"{count:4d}" for count in row))


if __name__ == "__main__":
    main()
