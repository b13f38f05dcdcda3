"""How well an encoder knows voices without any training: singers are named by means of vectors alone.

    python benchmarks/studies/encoders.py TREE [--encoder NAME] [--by album|track]
        [--audio vocals --separator NAME]

TREE is laid out SINGER/ALBUM/TRACK. Each album (or track) in turn is left out. A singer's mean is over the
other recordings, with equal weight for every track; a track or a window gets the singer whose mean is most
similar. Results are printed twice: for vectors as they are, and for vectors after the back end (centring and
whitening) fitted on the same other recordings. Singers with only one album (or track) are left out, because
they would have no other recordings.
"""

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from singerid import open_encoder
from singerid.data.tracks import Track, scan_tree
from singerid.encoders.back_end import fit_back_end, unit
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
    names = len({track.singer for track in tracks})
    print(f"{encoder.name}, {options.audio}: {names} singers, leave one {options.by} out")
    for how, whitens in (("as they are", False), ("after the back end", True)):
        right, heard = named_right(vectors, whitens)
        for what, count, total in zip(("tracks", "windows"), right, heard, strict=True):
            print(f"{how}: {what}: {count} of {total} named right, {count / total:.3f}")


def named_right(vectors: dict[Track, np.ndarray], whitens: bool) -> tuple[np.ndarray, np.ndarray]:
    """How many tracks and windows are named right, and how many there are, each album left out in turn."""
    right, heard = np.zeros(2, int), np.zeros(2, int)
    for singer, album in sorted({(track.singer, track.album) for track in vectors}):
        others = [track for track in vectors if (track.singer, track.album) != (singer, album)]
        recordings = np.stack([vectors[track].mean(0) for track in others])
        singers = [track.singer for track in others]
        seen = fit_back_end(recordings, singers) if whitens else unit
        names = sorted(set(singers))
        known = seen(recordings)
        means = unit(np.stack([known[[own == name for own in singers]].mean(0) for name in names]))
        for track, windows in vectors.items():
            if (track.singer, track.album) == (singer, album):
                for row, asked in enumerate((windows.mean(0)[None], windows)):
                    named = (seen(asked) @ means.T).argmax(1)
                    right[row] += sum(names[index] == singer for index in named)
                    heard[row] += len(named)
    return right, heard


if __name__ == "__main__":
    main()
