"""What an encoder knows of voices without any training: singers named by nothing but means of vectors.

    python benchmarks/encoders.py TREE [--encoder NAME] [--by album|track] [--audio vocals --separator NAME]

TREE is laid out SINGER/ALBUM/TRACK. Each album (or track) in turn is left out; the singers' means are those
of their other recordings, every track counting alike, and a track or a window is by the singer whose mean it
is most alike. Singers with one album (or track) only are left out, for nothing of them would remain.
"""

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from singerid import open_encoder
from singerid.data.tracks import Track, scan_tree
from singerid.listening.opening import open_listener
from singerid.system.console import progress
from singerid.system.devices import CPU, use_threads


def main() -> None:
    """Encode, leave out, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tree", type=Path)
    parser.add_argument("--encoder", default="campplus")
    parser.add_argument("--by", choices=("album", "track"), default="album")
    parser.add_argument("--audio", choices=("mixture", "vocals"), default="mixture")
    parser.add_argument("--separator")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    use_threads(options.threads)
    encoder = open_encoder(options.encoder)
    listener = open_listener(
        encoder.name, encoder.spec, CPU, audio=options.audio, separator=options.separator
    )
    tracks = [track for track in scan_tree(options.tree) if track.album]
    if options.by == "track":
        tracks = [replace(track, album=track.path) for track in tracks]
    albums = defaultdict(set)
    for track in tracks:
        albums[track.singer].add(track.album)
    tracks = [track for track in tracks if len(albums[track.singer]) > 1]
    vectors = {
        track: encoder.encode(options.tree / track.path, listener=listener, warn=print).vectors
        for track in progress(tracks, "Listening")
    }
    right, heard = np.zeros(2, int), np.zeros(2, int)
    for singer, album in sorted({(track.singer, track.album) for track in tracks}):
        singers, means = means_without(vectors, singer, album)
        for track in tracks:
            if (track.singer, track.album) == (singer, album):
                windows = vectors[track]
                for row, asked in enumerate((unit(windows.mean(0))[None], windows)):
                    named = (asked @ means.T).argmax(1)
                    right[row] += sum(singers[index] == singer for index in named)
                    heard[row] += len(named)
    names = len({track.singer for track in tracks})
    print(f"{encoder.name}, {options.audio}: {names} singers, leave one {options.by} out")
    for what, count, total in zip(("tracks", "windows"), right, heard, strict=True):
        print(f"{what}: {count} of {total} named right, {count / total:.3f}")


def means_without(vectors: dict[Track, np.ndarray], singer: str, album: str) -> tuple[list[str], np.ndarray]:
    """Names, and the mean of each singer's tracks but for those of one album."""
    of_singer = defaultdict(list)
    for track, windows in vectors.items():
        if (track.singer, track.album) != (singer, album):
            of_singer[track.singer].append(unit(windows.mean(0)))
    names = sorted(of_singer)
    return names, np.stack([unit(np.mean(of_singer[name], 0)) for name in names])


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at unit length."""
    return vector / np.linalg.norm(vector)


if __name__ == "__main__":
    main()
