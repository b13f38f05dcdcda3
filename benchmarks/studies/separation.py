"""How well and how fast separators extract the vocals from recordings whose stems are known.

    singerid synth CORPUS --albums 1 --songs 1
    python benchmarks/studies/separation.py CORPUS [--vocals repet spleeter] [--songs 1] [--json FILE]

CORPUS holds mixture/, vocals/ and accompaniment/, each laid out singer/album/song. The first songs of every
singer are used. SDR: signal-to-distortion ratio (BSS Eval, `mir_eval.separation`), which allows a filter;
SI-SDR: scale-invariant SDR, which allows only another level. Both are for the vocals, in dB: with the mixture
itself as the estimate, and with each separator's vocals.
"""

import argparse
import json
import time
import warnings
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
from mir_eval.separation import bss_eval_sources

from singerid.config import FeatureConfig
from singerid.data.tracks import Track, scan_tree, singers_of
from singerid.sound.audio import load
from singerid.sound.decoding.pieces import Samples
from singerid.sound.separation.separators import SEPARATORS, Separator, open_separator

MIXTURE = "mixture"


def sdr(stems: tuple[Samples, Samples], estimates: tuple[Samples, Samples]) -> float:
    """SDR of the first estimate (Vincent et al. 2006)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # mir_eval 0.9 will drop `separation`
        found, *_ = bss_eval_sources(np.stack(stems), np.stack(estimates), compute_permutation=False)
    return float(found[0])


def si_sdr(reference: Samples, estimate: Samples) -> float:
    """Scale-invariant SDR (Le Roux et al. 2019)."""
    target = reference * (estimate @ reference) / (reference @ reference)
    return float(10 * np.log10((target @ target) / ((estimate - target) @ (estimate - target))))


def measure(separators: dict[str, Separator], corpus: Path, track: Track) -> dict[str, dict[str, float]]:
    """Measures of a song, by estimate; speed: the song's length divided by the CPU time of the estimate."""
    sounds = [load(corpus / part / track.path) for part in ("mixture", "vocals", "accompaniment")]
    length = min(map(len, sounds))  # audio encoders pad
    mixture, vocals, accompaniment = (sound[:length] for sound in sounds)
    estimates = {MIXTURE: (mixture, mixture)}
    speeds = {MIXTURE: float("nan")}
    for name, separator in separators.items():
        start = time.process_time()
        blocks = list(separator.blocks(corpus / "mixture" / track.path, lambda: [mixture], print))
        speeds[name] = length / FeatureConfig.sample_rate / (time.process_time() - start)
        sung, rest = (np.concatenate(part) for part in zip(*blocks, strict=True))
        estimates[name] = sung, rest
    return {
        name: {
            "SDR": sdr((vocals, accompaniment), estimate),
            "SI-SDR": si_sdr(vocals, estimate[0]),
            "speed": speeds[name],
        }
        for name, estimate in estimates.items()
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Mean, standard deviation and range over songs, as in docs/results.md; gains are computed per song."""
    lines = ["| estimate of the vocals | SDR | gain (range) | SI-SDR | gain (range) | times real time |"]
    lines.append("|---|---|---|---|---|---|")
    for name in rows[0]["measures"]:
        cells = []
        for kind in ("SDR", "SI-SDR"):
            values = np.array([row["measures"][name][kind] for row in rows])
            gains = values - np.array([row["measures"][MIXTURE][kind] for row in rows])
            deviation = values.std(ddof=1) if len(values) > 1 else float("nan")
            cells.append(f"{values.mean():.2f} ({deviation:.2f})")
            shown = f"{gains.mean():.2f} ({gains.min():.2f} to {gains.max():.2f})"
            cells.append("" if name == MIXTURE else shown)
        speed = np.median([row["measures"][name]["speed"] for row in rows])
        cells.append("" if name == MIXTURE else f"{speed:.1f}")
        lines.append(f"| {'the mixture itself' if name == MIXTURE else name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--vocals", choices=list(SEPARATORS), nargs="+", default=["repet"])
    parser.add_argument("--weights", type=Path, help="weights of the separators that need some")
    parser.add_argument("--songs", type=int, default=1, help="songs of each singer")
    parser.add_argument("--json", type=Path, help="where to write the measures of each song")
    arguments = parser.parse_args()
    tree = arguments.corpus / "mixture"
    separators = {}
    for name in arguments.vocals:
        entry = SEPARATORS[name]
        stems = arguments.corpus if entry.stems else None
        weights = arguments.weights if entry.weights else None
        separators[name] = open_separator(name, tree=tree, stems=stems, weights=weights)
    tracks = scan_tree(tree)
    chosen = [
        track
        for _, own in groupby(tracks, key=lambda track: track.singer)
        for track in islice(own, arguments.songs)
    ]
    rows: list[dict[str, Any]] = []
    for track in chosen:
        rows.append({"path": track.path, "measures": measure(separators, arguments.corpus, track)})
        shown = (f"{name} {of['SDR']:.1f} dB" for name, of in rows[-1]["measures"].items())
        print(f"{track.path}: SDR {', '.join(shown)}", flush=True)
    print(f"\n{len(chosen)} songs of {len(singers_of(tracks))} singers: mean (standard deviation), dB\n")
    print(table(rows))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
