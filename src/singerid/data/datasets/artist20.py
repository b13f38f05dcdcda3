"""artist20: the data set of the paper's experiments, its layouts and its expected counts.

D. Ellis, "Classifying music audio with timbral and chroma features", ISMIR 2007;
https://labrosa.ee.columbia.edu/projects/artistid/ . How to get it: docs/artist20.md.
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.text import printable

ARTISTS = (
    "aerosmith",
    "beatles",
    "creedence_clearwater_revival",
    "cure",
    "dave_matthews_band",
    "depeche_mode",
    "fleetwood_mac",
    "garth_brooks",
    "green_day",
    "led_zeppelin",
    "madonna",
    "metallica",
    "prince",
    "queen",
    "radiohead",
    "roxette",
    "steely_dan",
    "suzanne_vega",
    "tori_amos",
    "u2",
)
"""Names of the artists' folders, sorted: the classes, in the order of their indices."""

ALBUMS_PER_ARTIST = 6
TRACKS = 1_413

# The archive "artist20-mp3s-32k.tgz" unpacks to artist20/mp3s-32k/; some unpack it into a folder of
# the archive's name; an edition for teaching keeps the labelled tracks in artist20/train_val/.
_WRAPPERS = ("artist20-mp3s-32k", "artist20", "mp3s-32k", "train_val")


def artist20_root(folder: Path) -> Path:
    """The folder that holds the artists' folders: `folder`, or one inside it in a known layout.

    Args:
        folder: what the user gave: the artists' folder itself, "mp3s-32k", "artist20" or a parent.

    Raises:
        SingeridError: none of the known places holds a folder named as an artist of artist20.
    """
    if folder.is_dir():
        names = {_spelling(path.name) for path in folder.iterdir() if path.is_dir()}
        if names.intersection(ARTISTS):
            return folder
        for wrapper in _WRAPPERS:
            if (folder / wrapper).is_dir():
                return artist20_root(folder / wrapper)
    raise SingeridError(
        f"{printable(folder)}: holds no artist of artist20; give the folder that holds "
        f"{ARTISTS[0]}/, {ARTISTS[1]}/, ... (mp3s-32k/ in the makers' archive)"
    )


def check_artist20(tracks: Iterable[Track]) -> tuple[str, ...]:
    """Deviations from the data set as its makers describe it, each in one line; none: it is complete.

    Expected are the 20 artists under their names, six albums each, every track on an album, and
    1,413 tracks in all.
    """
    tracks = tuple(tracks)
    albums = {(track.singer, track.album) for track in tracks if track.album}
    album_counts = Counter(singer for singer, _ in albums)
    loose = Counter(track.singer for track in tracks if not track.album)
    found = {track.singer for track in tracks}
    deviations = []
    for singer in sorted(found.difference(ARTISTS)):
        if _spelling(singer) in ARTISTS:
            deviations.append(
                f"{printable(singer)}: is named {_spelling(singer)} in artist20; rename the folder"
            )
        else:
            deviations.append(f"{printable(singer)}: is no artist of artist20")
    for artist in ARTISTS:
        if artist not in found:
            deviations.append(f"{artist}: is missing")
        elif album_counts[artist] != ALBUMS_PER_ARTIST:
            deviations.append(f"{artist}: has {album_counts[artist]} albums instead of {ALBUMS_PER_ARTIST}")
    deviations += [
        f"{printable(singer)}: {count} tracks lie in no album" for singer, count in sorted(loose.items())
    ]
    if len(tracks) != TRACKS:
        deviations.append(f"{len(tracks):,} tracks instead of {TRACKS:,}")
    return tuple(deviations)


def _spelling(name: str) -> str:
    """`name` as artist20 writes names: lower case, one underscore for whatever stands between words."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    return "_".join(words[1:] if words[:1] == ["the"] else words)
