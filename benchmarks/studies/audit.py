"""Does the audit detect a network that goes by the band, and clear one that goes by the voice?

    singerid synth CORPUS
    singerid prepare CORPUS/mixture STORE --vocals stems --stems-dir CORPUS
    python benchmarks/studies/audit.py STORE RUNS
    singerid audit RUNS/cheat-album         # and the other runs

In the corpus every album has a band of its own, and the truth is known. `cheat` learns from the
accompaniment alone and can only know bands; `vocals` learns from the vocals alone and can only know
voices; `mixture` learns from both, with --augment all. Each learns on an album split and on a track
split. After an interruption, the same command goes on.
"""

import argparse
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

from small_networks import train_small

from singerid.config import ACCOMPANIMENT, MIXTURE, AudioCondition, AugmentMode
from singerid.runs.config import SplitConfig
from singerid.runs.new import make_split
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.processes import WorkerDied, each_in_processes
from singerid.system.processors import usable_processors

NETWORKS: dict[str, tuple[AudioCondition, AugmentMode]] = {
    "cheat": ("mixture", "none"),
    "vocals": ("vocals", "none"),
    "mixture": ("mixture", "all"),
}
SPLITS = ("album", "track")


def without_voices(store: Store, path: Path) -> Store:
    """A store of the same tracks in which the mixtures are replaced by the accompaniments."""
    if not path.exists():
        shutil.copytree(store.path, path)
        shutil.rmtree(path / "features" / MIXTURE)
        (path / "features" / ACCOMPANIMENT).rename(path / "features" / MIXTURE)
    return Store.open(path)


def train_cell(cell: tuple[str, str], store: str, runs: str, epochs: int) -> None:
    name, kind = cell
    audio, augment = NETWORKS[name]
    opened = Store.open(store)
    heard = without_voices(opened, Path(runs) / f"store-{name}-{kind}") if name == "cheat" else opened
    split, how = make_split(opened, SplitConfig(kind))
    run = Path(runs) / f"{name}-{kind}"
    train_small(heard, run, split, how, "crnn", epochs, augment, seed=0, audio=audio)
    if heard is not opened:  # it is audited on the real mixtures
        config = replace(Run.open(run).config, store=str(opened.path.resolve()))
        Run.create(run, config, split)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("runs")
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    cells = [(name, kind) for kind in SPLITS for name in NETWORKS]
    work = partial(train_cell, **vars(arguments))
    for cell, outcome in each_in_processes(work, cells, usable_processors()):
        if isinstance(outcome, WorkerDied):
            raise SystemExit(f"{cell} ended without a message; is there too little memory?")


if __name__ == "__main__":
    main()
