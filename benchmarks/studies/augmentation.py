"""How much augmentation against the album effect helps, over several album splits of the synthetic corpus.

    singerid synth CORPUS && singerid prepare CORPUS/mixture STORE
    python benchmarks/studies/augmentation.py STORE RUNS

Trains crnn_fgnl with each kind of --augment on the splits of some seeds, and "all" with a stronger equaliser
(--strengths). They are compared on validation; none, all and the classical baseline are scored on the test
albums. After an interruption, the same command goes on.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from small_networks import train_small

from singerid.config import AugmentConfig
from singerid.evaluation.baseline import baseline_probabilities
from singerid.evaluation.evaluate import score_part
from singerid.evaluation.significance import Paired, compare
from singerid.evaluation.voting import vote_tracks
from singerid.runs.config import SplitConfig
from singerid.runs.history import best_epoch, read_history
from singerid.runs.new import make_split
from singerid.runs.part import part_of
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.processes import WorkerDied, each_in_processes
from singerid.system.processors import usable_processors

TESTED = ("none", "all")  # the others are compared on validation only


def train_cell(cell: tuple[str, int], store: str, runs: str, epochs: int) -> None:
    name, seed = cell
    mode, _, strength = name.partition("x")
    equalizer = tuple(float(strength or 1) * deviation for deviation in AugmentConfig.equalizer_db)
    strengths = AugmentConfig(equalizer_db=equalizer)
    opened = Store.open(store)
    split, how = make_split(opened, SplitConfig("album", seed))
    train_small(
        opened,
        Path(runs) / f"{name}-{seed}",
        split,
        how,
        "crnn_fgnl",
        epochs,
        mode,
        seed,
        strengths=strengths,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("runs")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 21, 42])
    parser.add_argument("--others", nargs="*", choices=("equalizer", "masking"), default=[])
    parser.add_argument("--strengths", type=float, nargs="*", default=[], help="factors for the equaliser")
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    modes = (*TESTED, *arguments.others, *(f"allx{strength:g}" for strength in arguments.strengths))
    cells = [(mode, seed) for seed in arguments.seeds for mode in modes]
    work = partial(train_cell, store=arguments.store, runs=arguments.runs, epochs=arguments.epochs)
    for cell, outcome in each_in_processes(work, cells, usable_processors()):
        if isinstance(outcome, WorkerDied):
            raise SystemExit(f"{cell} ended without a message; is there too little memory?")
    for mode in modes:
        runs = [Run.open(Path(arguments.runs) / f"{mode}-{seed}") for seed in arguments.seeds]
        best = [best_epoch(read_history(run)) for run in runs]
        found = ", ".join(f"{epoch.valid_f1:.3f} (epoch {epoch.epoch})" for epoch in best)
        mean = np.mean([epoch.valid_f1 for epoch in best])
        print(f"{mode}: best validation F1 {found}; mean {mean:.3f}", flush=True)
    clips: dict[tuple[str, str], list[Paired]] = {}
    for seed in arguments.seeds:
        trained = {mode: Run.open(Path(arguments.runs) / f"{mode}-{seed}") for mode in TESTED}
        split, config = trained["all"].split, trained["all"].config
        test = part_of(store, split.test, config)
        found = {mode: run.predict(test) for mode, run in trained.items()}
        found["baseline"] = baseline_probabilities(part_of(store, split.train, config), test)
        for name, probabilities in found.items():
            scores = score_part(probabilities, test)
            print(f"seed {seed} {name}: clip F1 {scores.clip.f1_weighted:.3f}, ", end="")
            print(f"track F1 {scores.track.f1_weighted:.3f}")
        # An album name identifies an album only together with its singer.
        album_of = [(track.singer, track.album) for track in test.tracks]
        owners, first = np.unique(test.clips.track, return_index=True)
        for other in ("none", "baseline"):
            items = [p.argmax(1) for p in (found["all"], found[other])]
            albums = tuple(album_of[track] for track in test.clips.track)
            clips.setdefault((other, "clip"), []).append(Paired(test.clips.labels, *items, albums))
            votes = [vote_tracks(p, test.clips.track) for p in (found["all"], found[other])]
            named = [np.array([vote.singer for vote in vote.values()]) for vote in votes]
            albums = tuple(album_of[track] for track in owners)
            clips.setdefault((other, "track"), []).append(Paired(test.clips.labels[first], *named, albums))
    for (other, level), pairs in clips.items():
        result = compare(pairs)
        low, high = result.interval.low, result.interval.high
        print(f"all minus {other}, {level} F1: {result.difference:+.3f} ({low:+.3f} to {high:+.3f})")


if __name__ == "__main__":
    main()
