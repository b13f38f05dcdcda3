"""Splits into train, valid and test: pure functions of (tracks, seed), whatever the tracks' order.

An album split keeps every album whole, so that a model cannot succeed by recognising the album's
production (the album effect; Nasrullah and Zhao 2019): the paper's split. A track split mixes albums.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.system.files import read_json
from singerid.system.lookup import PathLookup
from singerid.text import counted, printable

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Split:
    """Paths of the tracks of each part, sorted."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The form of RUN/split.json and of --split-file: {"train": [...], "valid": [...], "test": [...]}."""
        return asdict(self)

    def within(self, paths: Collection[str]) -> "Split":
        """The split without the tracks that are not among `paths`; a part may become empty.

        >>> Split(("a/1", "a/2"), ("a/3",), ("a/4",)).within({"a/1", "a/3"})
        Split(train=('a/1',), valid=('a/3',), test=())
        """
        kept = {part: tuple(path for path in getattr(self, part) if path in paths) for part in PARTS}
        return Split(**kept)


def album_split(tracks: Iterable[Track], seed: int) -> Split:
    """One test album and one validation album per singer; the rest trains.

    The draw: one `random.Random(seed)`; singers sorted; each singer's sorted albums shuffled by it
    in turn; the first is test, the second valid, the rest train. It is the draw of the authors'
    program, so seeds 0, 21 and 42 give the paper's test albums. A singer's tracks without an album
    count as one album.

    Raises:
        SingeridError: a singer has fewer than three albums.
    """
    singers = _by_singer(tracks)
    _require(
        {singer: len(_albums(own)) for singer, own in singers.items()},
        "album",
        "split by track (`split='track'`) or leave these singers out (`min_albums=3`)",
    )
    draw = random.Random(seed)
    parts = _Parts()
    for own in singers.values():
        albums = _albums(own)
        draw.shuffle(albums)
        for track in own:
            parts.add(track, test=track.album == albums[0], valid=track.album == albums[1])
    return parts.split()


def split_around(tracks: Iterable[Track], test: Collection[str], seed: int) -> Split:
    """The split around a given test part: of the other albums, one per singer is valid, the rest trains.

    The draw: one `random.Random(seed)`; singers sorted; each singer's sorted albums, without the test
    tracks, shuffled by it in turn; the first is valid, the rest trains.

    Args:
        tracks: all tracks of the split.
        test: paths of its test tracks.
        seed: of the draw.

    Raises:
        SingeridError: none of the tracks is in `test`, or a singer has fewer than two albums outside it.
    """
    tracks = tuple(tracks)
    if not any(track.path in test for track in tracks):
        raise SingeridError("none of the tracks is in the test part of the split; prepare test tracks too")
    singers = _by_singer(track for track in tracks if track.path not in test)
    few = [printable(singer) for singer, own in singers.items() if len(_albums(own)) < 2]
    if few or not singers:
        names = ", ".join(few[:3]) + (f" and {len(few) - 3} more" if len(few) > 3 else "")
        raise SingeridError(
            "too few albums outside the test part (train and valid need one each): "
            f"{names or 'there are none'}; add albums or leave these singers out"
        )
    draw = random.Random(seed)
    parts = _Parts()
    for own in singers.values():
        albums = _albums(own)
        draw.shuffle(albums)
        for track in own:
            parts.add(track, test=False, valid=track.album == albums[0])
    for track in tracks:
        if track.path in test:
            parts.add(track, test=True, valid=False)
    return parts.split()


def track_split(tracks: Iterable[Track], seed: int) -> Split:
    """10 % of each singer's tracks test, 10 % of the rest valid (at least one each); the rest trains.

    The draw: one `random.Random(seed)`; singers sorted; each singer's sorted tracks shuffled by it
    in turn; the first are test, the next valid. Shares are rounded to the nearest number, a half up.

    Raises:
        SingeridError: a singer has fewer than three tracks.
    """
    singers = _by_singer(tracks)
    _require_tracks(singers)
    draw = random.Random(seed)
    parts = _Parts()
    for own in singers.values():
        draw.shuffle(own)
        tests = _tenth(len(own))
        valids = _tenth(len(own) - tests)
        for place, track in enumerate(own):
            parts.add(track, test=place < tests, valid=place < tests + valids)
    return parts.split()


def leave_one_album_out(tracks: Iterable[Track]) -> tuple[Split, ...]:
    """Cross-validation by album: over all folds every album is tested exactly once.

    Fold k tests each singer's k-th album in sorted order and validates on the next one (after the
    last comes the first). There are as many folds as the singer with the most albums
    has albums; a singer with fewer albums is not tested in the last folds. Nothing is random.

    Raises:
        SingeridError: a singer has fewer than three albums.

    >>> tracks = [Track(f"{album}.mp3", "Ann", album) for album in ("first", "second", "third")]
    >>> [(fold.valid, fold.test) for fold in leave_one_album_out(tracks)][:2]
    [(('second.mp3',), ('first.mp3',)), (('third.mp3',), ('second.mp3',))]
    """
    singers = _by_singer(tracks)
    counts = {singer: len(_albums(own)) for singer, own in singers.items()}
    _require(counts, "album", "use stratified folds of tracks or leave these singers out (`min_albums=3`)")
    folds = []
    for fold in range(max(counts.values())):
        parts = _Parts()
        for own in singers.values():
            albums = _albums(own)
            tested = albums[fold] if fold < len(albums) else None
            validated = albums[(fold + 1) % len(albums)]
            for track in own:
                parts.add(track, test=track.album == tested, valid=track.album == validated)
        folds.append(parts.split())
    return tuple(folds)


def stratified_folds(tracks: Iterable[Track], folds: int, seed: int) -> tuple[Split, ...]:
    """Cross-validation by track: over all folds every track is tested exactly once.

    The draw: one `random.Random(seed)`; singers sorted; each singer's sorted tracks shuffled by it
    in turn and dealt to the folds' tests one by one, the next singer starting at the fold where the
    last one ended, so that folds differ by one track at most. A singer's other tracks, in the
    shuffled order, are read from position fold / folds of its length on; the first tenth of them (at
    least one track) is valid, so that each fold validates on different tracks.

    Raises:
        SingeridError: a singer has fewer than three tracks, or there are fewer tracks than folds.
        ValueError: fewer than two folds.
    """
    if folds < 2:
        raise ValueError(f"folds must be at least 2, not {folds}")
    singers = _by_singer(tracks)
    _require_tracks(singers)
    if (total := sum(map(len, singers.values()))) < folds:
        raise SingeridError(
            f"{counted(total, 'track')} cannot make {folds} folds; ask for fewer folds or add recordings"
        )
    draw = random.Random(seed)
    parts = [_Parts() for _ in range(folds)]
    dealt = 0
    for own in singers.values():
        draw.shuffle(own)
        for fold in range(folds):
            first = (fold - dealt) % folds
            tested = set(own[first::folds])
            turn = fold * len(own) // folds
            rest = [track for track in own[turn:] + own[:turn] if track not in tested]
            validated = set(rest[: _tenth(len(rest))])
            for track in own:
                parts[fold].add(track, test=track in tested, valid=track in validated)
        dealt += len(own)
    return tuple(part.split() for part in parts)


def with_min_albums(tracks: Iterable[Track], minimum: int) -> tuple[Track, ...]:
    """The tracks of singers with at least `minimum` albums, in their order (--min-albums).

    Raises:
        SingeridError: no singer has that many.

    >>> albums = ("Ann", "first"), ("Ann", "second"), ("Bob", "third")
    >>> tracks = [Track(f"{singer}/{album}.mp3", singer, album) for singer, album in albums]
    >>> [track.path for track in with_min_albums(tracks, 2)]
    ['Ann/first.mp3', 'Ann/second.mp3']
    """
    tracks = tuple(tracks)
    kept = {singer for singer, own in _by_singer(tracks).items() if len(_albums(own)) >= minimum}
    if not kept:
        raise SingeridError(
            f"no singer has {counted(minimum, 'album')}; lower `min_albums` or use `split='track'`"
        )
    return tuple(track for track in tracks if track.singer in kept)


def read_split(path: Path) -> Split:
    """Read a user's own split: JSON with the lists of track paths "train", "valid" and "test".

    Raises:
        SingeridError: the file cannot be read, is not of that form, has an empty part, or names a
            track twice.
    """
    remedy = 'write {"train": [...], "valid": [...], "test": [...]} with paths of tracks'
    value = read_json(path, remedy)
    if not isinstance(value, dict) or set(value) != set(PARTS):
        raise SingeridError(f"{path}: is no split; {remedy}")
    seen: dict[str, str] = {}
    for part in PARTS:
        if not isinstance(value[part], list) or not value[part]:
            raise SingeridError(f"{path}: {part!r} is no list of tracks, or empty; {remedy}")
        for track in value[part]:
            if not isinstance(track, str):
                raise SingeridError(f"{path}: {track!r} in {part!r} is no path; {remedy}")
            if track in seen:
                raise SingeridError(f"{path}: {track!r} is in {seen[track]} and in {part}; keep one of them")
            seen[track] = part
    return Split(*(tuple(sorted(value[part])) for part in PARTS))


def spelled_as(split: Split, tracks: Iterable[Track]) -> Split:
    """A split that was written on another system, with its paths spelled as in these tracks (`PathLookup`).

    Paths that match no track stay as they are.
    """
    lookup = PathLookup(track.path for track in tracks)
    parts = ([lookup.find(path) or path for path in getattr(split, part)] for part in PARTS)
    return Split(*(tuple(sorted(paths)) for paths in parts))


def check_split(split: Split, tracks: Iterable[Track]) -> None:
    """Check that a split fits these tracks; tracks that are not in the split are allowed.

    Raises:
        SingeridError: a path is no track, or a track is named twice, or a singer is in valid or test but
            not in train.
    """
    singer_of = {track.path: track.singer for track in tracks}
    for part in PARTS:
        for path in getattr(split, part):
            if path not in singer_of:
                raise SingeridError(
                    f"the split names {path!r}, which is no track here; prepare it or take it out of {part!r}"
                )
    every = [path for part in PARTS for path in getattr(split, part)]
    twice = next((path for path, count in Counter(every).items() if count > 1), None)
    if twice is not None:
        raise SingeridError(f"the split names {twice!r} twice; keep one of them")
    known = {singer_of[path] for path in split.train}
    for path in split.valid + split.test:
        if singer_of[path] not in known:
            raise SingeridError(
                f"{singer_of[path]} has tracks in 'valid' or 'test' and none in 'train'; "
                "move some to 'train' or take the singer out of the split"
            )


class _Parts:
    """Collects the tracks of each part; a track that is both test and valid goes to test."""

    def __init__(self) -> None:
        self._paths: dict[str, list[str]] = {part: [] for part in PARTS}

    def add(self, track: Track, *, test: bool, valid: bool) -> None:
        self._paths["test" if test else "valid" if valid else "train"].append(track.path)

    def split(self) -> Split:
        return Split(**{part: tuple(sorted(paths)) for part, paths in self._paths.items()})


def _by_singer(tracks: Iterable[Track]) -> dict[str, list[Track]]:
    """Sorted tracks of each singer, singers sorted."""

    def key(track: Track) -> tuple[str, str]:
        return track.singer, track.path

    grouped = groupby(sorted(tracks, key=key), key=lambda track: track.singer)
    return {singer: list(own) for singer, own in grouped}


def _albums(tracks: Iterable[Track]) -> list[str]:
    return sorted({track.album for track in tracks})


def _tenth(count: int) -> int:
    """A tenth of `count`, to the nearest number, a half up, and at least one."""
    return max(1, (count + 5) // 10)


def _require_tracks(singers: dict[str, list[Track]]) -> None:
    counts = {singer: len(own) for singer, own in singers.items()}
    _require(counts, "track", "add recordings or leave the singer out")


def _require(counts: dict[str, int], unit: str, remedy: str) -> None:
    """Raise an error that names every singer (or the first three) with fewer than three of `unit`."""
    if not counts:
        raise SingeridError("there are no tracks to split; prepare some first")
    few = [f"{printable(singer)} ({count})" for singer, count in counts.items() if count < len(PARTS)]
    if few:
        names = ", ".join(few[:3]) + (f" and {len(few) - 3} more" if len(few) > 3 else "")
        raise SingeridError(f"too few {unit}s (train, valid and test need one each): {names}; {remedy}")
