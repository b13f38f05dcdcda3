"""Whether training in bf16 changes the results more than another seed does.

    singerid synth CORPUS && singerid prepare CORPUS/mixture STORE
    python benchmarks/studies/precision.py STORE RUNS [--seeds 0 21 42] [--epochs 10] [--json FILE]

On the album split of each seed crnn_fgnl is trained three times, with the settings of `singerid demo`: in
float32, in bf16-mixed from the same seed, and in float32 from another seed, which measures the noise that
every run has. All are scored in float32. After an interruption, the same command goes on.
"""

import argparse
import json
import statistics
from functools import partial
from pathlib import Path

from small_networks import train_small

from singerid.config import Precision
from singerid.evaluation.evaluate import score_part
from singerid.evaluation.significance import Paired, compare
from singerid.runs.config import SplitConfig
from singerid.runs.history import best_epoch, read_history
from singerid.runs.new import make_split
from singerid.runs.part import part_of
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.processes import WorkerDied, each_in_processes

ARMS: dict[str, tuple[Precision, int]] = {  # precision, and the number added to the seed of the training
    "float32": ("32-true", 0),
    "bf16": ("bf16-mixed", 0),
    "float32, other seed": ("32-true", 1000),
}
MEASURES = ("valid_f1", "clip_f1", "track_f1")


def folder_of(runs: str, arm: str, seed: int) -> Path:
    return Path(runs) / f"{arm.replace(', ', '-').replace(' ', '-')}-{seed}"


def train_cell(cell: tuple[str, int], store: str, runs: str, epochs: int) -> None:
    arm, seed = cell
    precision, other = ARMS[arm]
    opened = Store.open(store)
    split, how = make_split(opened, SplitConfig("album", seed))
    path = folder_of(runs, arm, seed)
    train_small(opened, path, split, how, "crnn_fgnl", epochs, "all", seed + other, precision=precision)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("runs")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 21, 42])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cells = [(arm, seed) for seed in arguments.seeds for arm in ARMS]
    work = partial(train_cell, store=arguments.store, runs=arguments.runs, epochs=arguments.epochs)
    for cell, outcome in each_in_processes(work, cells, arguments.workers):
        if isinstance(outcome, WorkerDied):
            raise SystemExit(f"{cell} ended without a message; is there too little memory?")
    rows = []
    pairs: dict[str, list[Paired]] = {arm: [] for arm in ARMS if arm != "float32"}
    for seed in arguments.seeds:
        runs = {arm: Run.open(folder_of(arguments.runs, arm, seed)) for arm in ARMS}
        store = Store.open(arguments.store)
        test = part_of(store, runs["float32"].split.test, runs["float32"].config)
        named = {}
        for arm, run in runs.items():
            probabilities = run.predict(test)
            scores, best = score_part(probabilities, test), best_epoch(read_history(run))
            named[arm] = probabilities.argmax(1)
            values = (best.valid_f1, scores.clip.f1_weighted, scores.track.f1_weighted)
            row = {"split": seed, "arm": arm, "epoch": best.epoch}
            row |= dict(zip(MEASURES, (round(value, 4) for value in values), strict=True))
            rows.append(row)
            print(json.dumps(row), flush=True)
        albums = tuple((test.tracks[track].singer, test.tracks[track].album) for track in test.clips.track)
        for arm, found in pairs.items():
            found.append(Paired(test.clips.labels, named[arm], named["float32"], albums))
    for arm, found in pairs.items():
        for measure in MEASURES:
            own, base = ([row[measure] for row in rows if row["arm"] == name] for name in (arm, "float32"))
            differences = [a - b for a, b in zip(own, base, strict=True)]
            each = ", ".join(f"{difference:+.3f}" for difference in differences)
            print(f"{arm} minus float32, {measure}: {each}; mean {statistics.mean(differences):+.3f}")
        result = compare(found)
        interval = f"{result.interval.low:+.3f} to {result.interval.high:+.3f}"
        print(f"{arm} minus float32, clip F1 of all splits: {result.difference:+.3f} ({interval})")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
