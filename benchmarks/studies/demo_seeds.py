"""How much the demo's network depends on the seed of its training, and on the processor.

    singerid synth CORPUS --songs 3 && singerid prepare CORPUS/mixture STORE
    python benchmarks/studies/demo_seeds.py STORE RUNS [--seeds 0 1 2 3 4] [--networks crnn_fgnl crnn_square]

Trains with the demo's settings and its album split, which stays; only the seed of weights, order and
augmentation differs. Seed 0 is the demo's own. Prints the songs named right and the weighted F1 of tracks on
the test albums. ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 shows another processor's rounding. After an
interruption, the same command goes on.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from singerid.demo.config import DemoConfig
from singerid.evaluation.evaluate import score_part
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure, make_split
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.devices import CPU, use_threads
from singerid.training.loop import train


def trained(store: Store, path: Path, network: str, seed: int) -> Run:
    config = DemoConfig()
    split, how = make_split(store, SplitConfig("album", config.training.seed))
    options = {"width": config.width, "batch_norm_momentum": config.batch_norm_momentum}
    settings = replace(config.training, seed=seed)
    train(store, path, configure(store, split, how, network, settings, options=options), split, CPU)
    return Run.open(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--networks", nargs="+", default=["crnn_fgnl"])
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    store = Store.open(arguments.store)
    for network in arguments.networks:
        for seed in arguments.seeds:
            run = trained(store, arguments.runs / f"{network}-{seed}", network, seed)
            part = run.part("test")
            scores = score_part(run.predict(part, CPU), part).track
            right = round(scores.accuracy * scores.count)
            print(
                f"{network}, seed {seed}: {right} of {scores.count} songs, F1 {scores.f1_weighted:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
