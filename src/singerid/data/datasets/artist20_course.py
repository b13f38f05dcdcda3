"""artist20 as a course hands it out: five albums by each artist with labels, the sixth without.

The course is "Deep Learning for Music Analysis and Generation" at National Taiwan University, homework 1 of
2025; https://github.com/affige/DeepMIR . Its readme, as students published it, describes the layout:

    artist20/
      train_val/ARTIST/ALBUM/TRACK.mp3
      train.json, val.json     lists of paths: "./train_val/aerosmith/Aerosmith/01-Make_It.mp3"
      test/001.mp3 ... 233.mp3

Albums are whole: 4 train (949 tracks), 1 validates (231), 1 is the test (233), whose labels stay with the
teachers.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from singerid.data.datasets.artist20 import deviations_of, holds_artists
from singerid.data.datasets.dataset import DataSet, find_root
from singerid.data.splits import Split, split_around
from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.sound.listing import find_audio
from singerid.system.files import read_json
from singerid.text import counted, printable

ALBUMS_PER_ARTIST = 5
TRACKS = 1_180
"""With labels: 949 in train.json and 231 in val.json."""

_TRACKS = "train_val"
_LISTS = ("train.json", "val.json")
# The homework's archive wraps the data set in a folder hw1.
_WRAPPERS = (_TRACKS, "artist20", "hw1")
# Everybody gets the same split, as in the course; runs still differ by --seed.
_SPLIT_SEED = 0


def course_root(folder: Path) -> Path:
    """The folder "train_val" of the course edition; tracks have the same paths in it as in artist20.

    Args:
        folder: "train_val" itself, "artist20", "hw1" or a parent.

    Raises:
        SingeridError: there is no train_val with the artists' folders, train.json and val.json beside it.
    """
    problem = (
        "is not artist20 as the course hands it out; give the folder that holds train_val/, train.json and "
        "val.json, or use `dataset='artist20'`"
    )
    return find_root(folder, _is_root, _WRAPPERS, problem)


def course_deviations(root: Path, tracks: Sequence[Track]) -> tuple[str, ...]:
    """Deviations from the course's description, and what was skipped, each in one line.

    The test tracks have no labels, so they are not among the tracks: one line gives their number.
    """
    deviations = list(deviations_of(tracks, ALBUMS_PER_ARTIST, TRACKS))
    paths = {track.path for track in tracks}
    listed = set[str]()
    for name in _LISTS:
        named = _listed(root, name)
        deviations += _some(named - paths, f"listed in {name}, not there")
        listed |= named
    deviations += _some(paths - listed, "in neither train.json nor val.json, so in no part of the split")
    test = _beside(root) / "test"
    if test.is_dir():
        deviations.append(f"test: passed over {counted(len(find_audio(test).audio), 'track')} without labels")
    return tuple(deviations)


def course_split(root: Path, tracks: Sequence[Track]) -> Split:
    """The course's split as the three parts train, valid and test.

    The course validates on val.json and does not publish the labels of its test tracks. Here val.json is
    the test part: results are reported on it, and nothing may be chosen on it. The valid part, which chooses
    the best epoch, is one of each artist's four albums in train.json, drawn as in `album_split`.

    Raises:
        SingeridError: train.json or val.json is no list of paths, or names none of the tracks.
    """
    train, val = (_listed(root, name) for name in _LISTS)
    return split_around([track for track in tracks if track.path in train | val], val, _SPLIT_SEED)


def _is_root(folder: Path) -> bool:
    lists = [_beside(folder) / name for name in _LISTS]
    named = folder.absolute().name == _TRACKS
    return named and all(path.is_file() for path in lists) and holds_artists(folder)


def _beside(root: Path) -> Path:
    """The folder that holds the root, also if the root is "."."""
    return root.absolute().parent


def _listed(root: Path, name: str) -> set[str]:
    """Paths in a list, relative to the root: the part after "train_val"."""
    file = _beside(root) / name
    remedy = "get it again, or use `dataset='artist20'`, which reads no split"
    value: Any = read_json(file, remedy)
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise SingeridError(f"{file}: is no list of paths; {remedy}")
    parts = [PurePosixPath(path).parts for path in value]
    return {"/".join(own[own.index(_TRACKS) + 1 :] if _TRACKS in own else own) for own in parts}


def _some(paths: set[str], problem: str) -> list[str]:
    """One line about some paths: the first path and the number of the others."""
    if not paths:
        return []
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return [f"{printable(min(paths))}{more}: {problem}"]


ARTIST20_COURSE = DataSet(
    title="artist20 as a course hands it out: 1,180 labelled tracks and a split",
    source="https://github.com/affige/DeepMIR",
    terms="commercial recordings, for research only; they may not be passed on",
    how_to_get="from the course's teachers (docs/artist20.md)",
    root=course_root,
    deviations=course_deviations,
    split=course_split,
)
