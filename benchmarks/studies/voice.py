"""How well the voice detector hears whether somebody sings: AUC by track, and what `identify` would decide.

    python benchmarks/studies/voice.py --sung FOLDER... --unsung FOLDER... [--separator NAME]
    python benchmarks/studies/voice.py --synthetic SEED [--songs N]

Somebody sings in all recordings in the folders of `--sung`, and in none of those of `--unsung`. A track's
score is the mean sung share over its windows of 3 s; "no voice" is the decision of `identify` with windows
of 3 s. With `--synthetic`, windows from songs of the synthetic corpus are tested, whose true sung share is
known.
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from singerid.config import ACCOMPANIMENT, VOCALS, CorpusConfig
from singerid.data.synthetic import draw_corpus
from singerid.data.synthetic.studio import render
from singerid.listening.voice.cells import SUNG, sung
from singerid.listening.voice.network import VoiceNetwork, open_voice_network
from singerid.listening.voice.watch import VoiceWatch
from singerid.sound.audio import read_blocks
from singerid.sound.listing import find_files
from singerid.sound.separation.separated import separated
from singerid.sound.separation.separators import Separator, open_separator
from singerid.system.console import progress
from singerid.system.devices import CPU, use_threads

RATE, WINDOW = 16_000, 3.0  # Hz, seconds
_ACTIVE_DB = -32.0  # dB below its loudest 10 ms, at which a voice counts as silent


def main() -> None:
    """Listen, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sung", type=Path, nargs="+", default=[])
    parser.add_argument("--unsung", type=Path, nargs="+", default=[])
    parser.add_argument("--separator")
    parser.add_argument("--synthetic", type=int, metavar="SEED")
    parser.add_argument("--songs", type=int, default=24)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    use_threads(options.threads)
    network = open_voice_network(CPU)
    if options.synthetic is not None:
        by_window(network, options.synthetic, options.songs)
        return
    separator = open_separator(options.separator) if options.separator else None
    scores, kinds = [], []
    for kind, folders in ((1, options.sung), (0, options.unsung)):
        for folder in folders:
            found = list(of_tracks(network, [folder], separator))
            scores += [float(shares.mean()) for shares in found]
            kinds += [kind] * len(found)
            say(folder.name, found)
    if len(set(kinds)) == 2:
        print(f"AUC by track {roc_auc_score(kinds, scores):.3f} ({sum(kinds)} sung, {kinds.count(0)} not)")


def of_tracks(
    network: VoiceNetwork, folders: Sequence[Path], separator: Separator | None
) -> Iterator[np.ndarray]:
    """The sung shares of the windows of each recording."""
    files, _ = find_files(folders, lambda failure: print(failure.path, failure.reason))
    for file in progress(files, "Listening", len(files)):
        watch = VoiceWatch(network)
        if separator is None:
            watch.listen(partial(read_blocks, file, RATE, warn=lambda _: None), RATE, CPU)
        else:
            with separated(separator, file) as parts:
                watch.compare(parts[VOCALS], parts[ACCOMPANIMENT], RATE)
        yield watch.share(np.arange(max(1, watch.seconds // WINDOW)) * WINDOW, WINDOW)


def say(name: str, found: Sequence[np.ndarray]) -> None:
    """Print a line about a folder: its tracks, their windows, and the number of tracks without a voice."""
    windows = np.concatenate(found)
    nobody = sum(not sung(shares).any() for shares in found)
    print(
        f"{name}: {len(found)} tracks, {len(windows)} windows, mean share {windows.mean():.2f}, "
        f"{(windows >= SUNG).mean():.3f} of windows sung, no voice in {nobody} tracks",
        flush=True,
    )


def by_window(network: VoiceNetwork, seed: int, count: int) -> None:
    """Test windows of mixtures of the synthetic corpus, and of their bands alone."""
    heard, true = [], []
    for song in draw_corpus(CorpusConfig(singers=count, albums=1, songs=1, seed=seed)).songs:
        stems = render(song)
        for sound, voice in ((stems.mixture, stems.vocals), (stems.accompaniment, 0 * stems.vocals)):
            watch = VoiceWatch(network)
            watch.listen(lambda sound=sound: [sound], RATE, CPU)
            starts = np.arange(len(sound) // RATE // 3) * WINDOW
            heard.append(watch.share(starts, WINDOW))
            energy = np.square(voice[: len(starts) * 3 * RATE]).reshape(-1, 160).sum(1)
            active = energy > max(1e-9, energy.max() * 10 ** (_ACTIVE_DB / 10))
            true.append(active.reshape(len(starts), -1).mean(1))
    share, truth = np.concatenate(heard), np.concatenate(true)
    clear = (truth == 0) | (truth >= 0.5)
    auc = roc_auc_score(truth[clear] > 0, share[clear])
    print(
        f"synthetic, seed {seed}: AUC by window {auc:.3f} ({(truth >= 0.5).sum()} windows that are sung for "
        f"half or more, {(truth == 0).sum()} not at all); "
        f"mean error of the share {np.abs(share - truth).mean():.2f}"
    )


if __name__ == "__main__":
    main()
