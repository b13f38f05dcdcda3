"""Melody trackers against the true F0 of the synthetic corpus, on stems and on mixtures.

    singerid synth CORPUS
    python benchmarks/studies/melody.py CORPUS --trackers crepe-tiny pyin
    python benchmarks/studies/melody.py CORPUS --trackers crepe --singers 2

One song of each singer is used, with changing albums and positions on the album. Raw pitch accuracy (within
a quarter tone), raw chroma accuracy (the same, ignoring octave errors), voicing recall and false alarm are
those of mir_eval, averaged over songs. CREPE gives an F0 to every frame: a frame counts as voiced if its
confidence is above 0.5, as in the plots of its authors' program. The speed is that of one core, by processor
time.
"""

import argparse
import time
from pathlib import Path

import mir_eval
import numpy as np
import torch

from singerid.config import FeatureConfig
from singerid.data.tracks import scan_tree
from singerid.sound.audio import load
from singerid.sound.melody.contour import Contour, Tracker
from singerid.sound.melody.trackers import TRACKERS, open_tracker
from singerid.system.console import print_rich
from singerid.system.tables import Table

VOICED = 0.5  # confidence of CREPE
MEASURES = ("raw pitch", "raw chroma", "voicing recall", "false alarm")


def songs_of(corpus: Path, singers: int | None) -> list[Path]:
    """One song of each of the first singers, relative to a condition's folder."""
    by_singer: dict[str, list[Path]] = {}
    for track in scan_tree(corpus / "mixture"):
        by_singer.setdefault(track.singer, []).append(Path(track.path))
    return [songs[(5 * place) % len(songs)] for place, songs in enumerate(list(by_singer.values())[:singers])]


def score(contour: Contour, f0: np.ndarray, tracker: Tracker) -> list[float]:
    """The measures of a contour against the true F0."""
    times = np.arange(len(f0)) * FeatureConfig().frame_seconds
    voiced = contour.f0 > 0 if tracker.name == "pyin" else contour.confidence > VOICED
    found = mir_eval.melody.to_cent_voicing(times, f0, times, contour.f0, est_voicing=voiced.astype(float))
    recall, false_alarm = mir_eval.melody.voicing_measures(found[0], found[2])
    return [
        mir_eval.melody.raw_pitch_accuracy(*found),
        mir_eval.melody.raw_chroma_accuracy(*found),
        recall,
        false_alarm,
    ]


def measure(tracker: Tracker, corpus: Path, condition: str, songs: list[Path]) -> tuple[np.ndarray, float]:
    """The measures of each song, (songs, measures), and seconds of sound per second of processor time."""
    rows, heard, spent = [], 0.0, 0.0
    for song in songs:
        samples = load(corpus / condition / song)
        begun = time.process_time()
        contour = tracker.contour([samples])
        spent += time.process_time() - begun
        heard += len(samples) / FeatureConfig.sample_rate
        rows.append(score(contour, np.load(corpus / "f0" / song.with_suffix(".npy")), tracker))
    return np.array(rows), heard / spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--trackers", nargs="+", choices=list(TRACKERS), default=["crepe-tiny", "pyin"])
    parser.add_argument("--singers", type=int, help="use only the first N singers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    songs = songs_of(arguments.corpus, arguments.singers)
    table = Table(
        "tracker", "audio", "songs", *MEASURES, "lowest raw pitch", "x real time", right=range(2, 9)
    )
    for name in arguments.trackers:
        tracker = open_tracker(name)
        tracker.contour([np.zeros(2 * FeatureConfig.sample_rate, np.float32)])  # loads, compiles
        for condition in ("vocals", "mixture"):
            rows, speed = measure(tracker, arguments.corpus, condition, songs)
            values = [*rows.mean(0), rows[:, 0].min()]
            table.add_row(
                name, condition, str(len(songs)), *(f"{value:.3f}" for value in values), f"{speed:.1f}"
            )
    print_rich(table)


if __name__ == "__main__":
    main()
