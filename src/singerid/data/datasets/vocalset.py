"""VocalSet: 20 professional singers alone, in many vocal techniques.

J. Wilkins, P. Seetharaman, A. Wahl, B. Pardo, "VocalSet: A Singing Voice Dataset", ISMIR 2018;
https://doi.org/10.5281/zenodo.1193957 . 10.1 hours, 44.1 kHz mono, in files of about ten seconds.

Two layouts are published, and a track's path is the same in both:

    FULL/female1/arpeggios/belt/f1_arpeggios_belt_c_a.wav             version 1.1, VocalSet11.zip
    data_by_singer/female1/arpeggios/belt/f1_arpeggios_belt_c_a.wav   version 1.2, VocalSet1-2.zip

Version 1.2 holds the same recordings again in data_by_technique and data_by_vowel, which are ignored.

The album of a track is its *context*: arpeggios, excerpts, long_tones or scales. The files of one context
repeat one exercise, vowel by vowel, so a split within a context would test on almost the same material as
was trained on. A split by context tests the voice.

The singer is taken from the folder, not from the file name: about thirty names lack their prefix "f4_", and
male8 holds a file m9_caro_vibrato.wav, which is reported. Misspelt names and folders such as "vibrado" have
no effect. A few files exist twice ("... (1).wav"): `prepare` keeps one of them.

The published lists of singers to train and to test (train_singers_technique.txt, test_singers_technique.txt)
are for classifying techniques: no singer is in both, so they cannot serve as a split for identifying singers.

Not known: how many files version 1.2 has for each singer, and whether every singer sang every context there.
Differences from version 1.1 or from the paper are reported and stop nothing.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from singerid.data.datasets.dataset import DataSet, find_root, folder_names
from singerid.data.tracks import Track
from singerid.text import counted, printable

SINGERS = tuple(sorted([f"female{n}" for n in range(1, 10)] + [f"male{n}" for n in range(1, 12)]))
"""Names of the singers' folders, sorted: nine women, eleven men."""

CONTEXTS = ("arpeggios", "excerpts", "long_tones", "scales")
TRACKS = 3_613
"""In version 1.1: 139 excerpts and 3,474 exercises."""

_WRAPPERS = ("FULL", "data_by_singer", "VocalSet", "VocalSet11", "VocalSet1-2")
_NAME = re.compile(r"([fm])(\d+)_")


def vocalset_root(folder: Path) -> Path:
    """The folder that holds the singers' folders: `folder`, or one inside it in a published layout.

    Raises:
        SingeridError: none of the known places holds a folder named after a singer of VocalSet.
    """
    problem = (
        "holds no singer of VocalSet; give the folder that holds female1/, male1/, ... "
        "(FULL/ or data_by_singer/ in the archive)"
    )
    return find_root(folder, _holds_singers, _WRAPPERS, problem)


def check_vocalset(tracks: Sequence[Track]) -> tuple[str, ...]:
    """Deviations from the paper and version 1.1, each in one line; empty if there are none.

    Expected are the 20 singers, each in the four contexts, every file named after its folder's singer, and
    3,613 files in all.
    """
    found = {(track.singer, track.album) for track in tracks}
    singers = {singer for singer, _ in found}
    deviations = [
        f"{printable(name)}: is no singer of VocalSet" for name in sorted(singers.difference(SINGERS))
    ]
    for singer in SINGERS:
        if singer not in singers:
            deviations.append(f"{singer}: is missing")
            continue
        deviations += [
            f"{singer}: has no {context}" for context in CONTEXTS if (singer, context) not in found
        ]
    others = Counter(track.album for track in tracks if track.album not in CONTEXTS)
    deviations += [
        f"{printable(album) or 'no folder'}: {counted(count, 'track')} in it, "
        f"and in none of {', '.join(CONTEXTS)}"
        for album, count in sorted(others.items())
    ]
    deviations += [
        f"{printable(track.path)}: its name says {named}; the folder decides"
        for track in tracks
        if (named := _named(track.path)) not in (None, track.singer)
    ]
    if len(tracks) != TRACKS:
        deviations.append(f"{counted(len(tracks), 'track')} instead of {TRACKS:,} (in version 1.1)")
    return tuple(deviations)


def _deviations(root: Path, tracks: Sequence[Track]) -> tuple[str, ...]:
    return check_vocalset(tracks)


def _holds_singers(folder: Path) -> bool:
    return not folder_names(folder).isdisjoint(SINGERS)


def _named(path: str) -> str | None:
    """The singer that the beginning of a file's name stands for: "f1_..." is female1."""
    found = _NAME.match(PurePosixPath(path).name)
    return found and {"f": "female", "m": "male"}[found[1]] + found[2]


VOCALSET = DataSet(
    title="VocalSet: 20 singers alone, 3,613 files of scales, arpeggios, long tones and excerpts",
    source="https://doi.org/10.5281/zenodo.1193957",
    terms="CC BY 4.0",
    how_to_get="download VocalSet11.zip (2.1 GB) from https://zenodo.org/records/1442513 and unpack it",
    root=vocalset_root,
    deviations=_deviations,
)
