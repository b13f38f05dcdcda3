"""artist20: the data set of the paper's experiments, its layouts and its expected counts.

D. Ellis, "Classifying music audio with timbral and chroma features", ISMIR 2007;
https://labrosa.ee.columbia.edu/projects/artistid/ . How to get it: docs/artist20.md.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from singerid.data.datasets.dataset import DataSet, find_root, folder_names
from singerid.data.tracks import Track
from singerid.text import counted, printable

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
        SingeridError: none of the known places holds a folder named after an artist of artist20.
    """
    problem = (
        f"holds no artist of artist20; give the folder that holds {ARTISTS[0]}/, {ARTISTS[1]}/, ... "
        "(mp3s-32k/ in the makers' archive)"
    )
    return find_root(folder, holds_artists, _WRAPPERS, problem)


def holds_artists(folder: Path) -> bool:
    """Whether a folder holds a folder named after an artist of artist20, in any spelling."""
    return not {_spelling(name) for name in folder_names(folder)}.isdisjoint(ARTISTS)


def check_artist20(tracks: Iterable[Track]) -> tuple[str, ...]:
    """Deviations from the data set as its makers describe it, each in one line; empty if there are none.

    Expected are the 20 artists under their names, six albums each, every track on an album, and
    1,413 tracks in all.
    """
    return deviations_of(tracks, ALBUMS_PER_ARTIST, TRACKS)


def deviations_of(tracks: Iterable[Track], albums_per_artist: int, count: int) -> tuple[str, ...]:
    """As `check_artist20`, for an edition with another number of albums by each artist and of tracks."""
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
        elif album_counts[artist] != albums_per_artist:
            deviations.append(
                f"{artist}: has {counted(album_counts[artist], 'album')} instead of {albums_per_artist}"
            )
    deviations += [
        f"{printable(singer)}: {counted(count, 'track')} in no album"
        for singer, count in sorted(loose.items())
    ]
    if len(tracks) != count:
        deviations.append(f"{counted(len(tracks), 'track')} instead of {count:,}")
    return tuple(deviations)


def _spelling(name: str) -> str:
    """`name` as artist20 spells names: lower case, with one underscore between words."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    return "_".join(words[1:] if words[:1] == ["the"] else words)


def _deviations(root: Path, tracks: Sequence[Track]) -> tuple[str, ...]:
    return check_artist20(tracks)


ARTIST20 = DataSet(
    title="artist20: six albums by each of 20 artists, 1,413 tracks",
    source="https://labrosa.ee.columbia.edu/projects/artistid/",
    terms="commercial recordings, for research only; they may not be passed on",
    how_to_get="ask its makers (docs/artist20.md)",
    root=artist20_root,
    deviations=_deviations,
)
