"""How far a separator gets the vocals out of the synthetic corpus, and how fast.

    singerid synth CORPUS
    python benchmarks/separation.py CORPUS [--vocals repet] [--songs 1]

Takes the first songs of every singer. SDR: signal to distortion (BSS Eval, `mir_eval.separation`), which
forgives a filter; SI-SDR: scale-invariant, which forgives the level alone. Both of the vocals, in dB, for
the mixture itself as estimate and for the separator's vocals.
"""

import argparse
import time
import warnings
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from mir_eval.separation import bss_eval_sources

from singerid.config import FeatureConfig
from singerid.data.tracks import Track, scan_tree, singers_of
from singerid.sound.audio import Samples, load
from singerid.sound.separation.separators import SEPARATORS, Separator, open_separator


def sdr(stems: tuple[Samples, Samples], estimates: tuple[Samples, Samples]) -> float:
    """SDR of the first estimate (Vincent et al. 2006)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # mir_eval drops separation in 0.9
        found, *_ = bss_eval_sources(np.stack(stems), np.stack(estimates), compute_permutation=False)
    return float(found[0])


def si_sdr(reference: Samples, estimate: Samples) -> float:
    """Scale-invariant SDR (Le Roux et al. 2019)."""
    target = reference * (estimate @ reference) / (reference @ reference)
    return float(10 * np.log10((target @ target) / ((estimate - target) @ (estimate - target))))


def measure(separator: Separator, corpus: Path, track: Track) -> tuple[dict[str, float], float]:
    """Measures of a song, and how many times its length goes into the CPU time of separating it."""
    mixture, vocals, accompaniment = (
        load(corpus / part / track.path) for part in ("mixture", "vocals", "accompaniment")
    )
    start = time.process_time()
    path = corpus / "mixture" / track.path
    blocks = list(separator.blocks(path, lambda: [mixture], print))
    speed = len(mixture) / FeatureConfig.sample_rate / (time.process_time() - start)
    sung, rest = (np.concatenate(part) for part in zip(*blocks, strict=True))
    stems = (vocals, accompaniment)
    measures = {
        "SDR of the mixture": sdr(stems, (mixture, mixture)),
        f"SDR with {separator.name}": sdr(stems, (sung, rest)),
        "SI-SDR of the mixture": si_sdr(vocals, mixture),
        f"SI-SDR with {separator.name}": si_sdr(vocals, sung),
    }
    return measures, speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--vocals", choices=list(SEPARATORS), default="repet")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--songs", type=int, default=1, help="of each singer")
    arguments = parser.parse_args()
    tree = arguments.corpus / "mixture"
    stems = arguments.corpus if arguments.vocals == "stems" else None
    separator = open_separator(arguments.vocals, tree=tree, stems=stems, weights=arguments.weights)
    tracks = scan_tree(tree)
    chosen = [
        track
        for _, own in groupby(tracks, key=lambda track: track.singer)
        for track in islice(own, arguments.songs)
    ]
    rows, speeds = [], []
    for track in chosen:
        row, speed = measure(separator, arguments.corpus, track)
        print(track.path, ", ".join(f"{name} {value:.1f} dB" for name, value in row.items()), flush=True)
        rows.append(list(row.values()))
        speeds.append(speed)
    table = np.array(rows)
    print(f"{len(chosen)} songs of {len(singers_of(tracks))} singers: mean and standard deviation over songs")
    for name, values in zip(row, table.T, strict=True):
        print(f"  {name:<24} {values.mean():6.2f} +- {values.std(ddof=1):.2f} dB")
    for measure_name, before in (("SDR", 0), ("SI-SDR", 2)):
        gain = table[:, before + 1] - table[:, before]
        print(f"  {measure_name} raised by {gain.mean():.2f} dB ({gain.min():.2f} to {gain.max():.2f})")
    print(f"  {np.median(speeds):.1f} times real time of one core (median)")


if __name__ == "__main__":
    main()
